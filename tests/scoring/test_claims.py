"""Claims: the interval decides, and what these data cannot decide is said."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mer_utils.results import read_results
from mer_utils.scoring.claims import CLAIMS, OURS, judge, summary

BY_KEY = {claim.key: claim for claim in CLAIMS + OURS}
SIMULATED = SimpleNamespace(simulated=True, feature_source="simulated embedding")
OPENSMILE = SimpleNamespace(simulated=False, feature_source="openSMILE song means")
MUSICFM = SimpleNamespace(simulated=False, feature_source="MusicFM-MSD, layer 12")


def score_rows(low, high):
    """A score table in which every figure that a claim asks for has this interval."""
    return pd.DataFrame(
        {
            "loss": loss,
            "method": method,
            "target": claim.target,
            "score": claim.score,
            "dimension": dimension,
            "value": (low + high) / 2,
            "low": low,
            "high": high,
        }
        for claim in CLAIMS + OURS
        for loss, method in claim.cells
        for dimension in ("valence", "arousal")
    ).drop_duplicates(["loss", "method", "target", "score", "dimension"])


@pytest.mark.parametrize(
    "key, low, high, verdict",
    [
        ("mean_r2", 0.60, 0.70, "reproduced"),
        ("mean_r2", 0.50, 0.70, "undecided"),
        ("mean_r2", 0.20, 0.40, "not reproduced"),
        ("mean_r2", 0.80, 0.90, "not reproduced"),
        ("sd_r2", -3.0, -2.0, "reproduced"),
        ("sd_r2", -0.2, 0.1, "undecided"),
        ("sd_r2", -0.05, 0.02, "not reproduced"),
        ("sd_r2", 0.1, 0.2, "not reproduced"),
        ("rank", -0.3, 0.09, "reproduced"),
        ("rank", 0.11, 0.2, "not reproduced"),
        ("underestimate", 0.95, 1.0, "reproduced"),
        ("underestimate", 0.4, 0.5, "not reproduced"),
        ("nll_narrow", 0.1, 0.3, "reproduced"),
        ("nll_outliers", 0.01, 0.02, "not reproduced"),
        ("alike", -0.04, 0.04, "reproduced"),
        ("alike", -0.2, -0.1, "not reproduced"),
        ("range", np.nan, np.nan, "undecided"),
        ("beyond_mean", -0.1, 0.09, "holds"),
        ("beyond_mean", 0.05, 0.2, "undecided"),
        ("beyond_mean", 0.12, 0.2, "does not hold"),
    ],
)
def test_the_interval_decides(key, low, high, verdict):
    assert BY_KEY[key].verdict(low, high) == verdict


def test_every_claim_is_judged_for_each_cell_and_dimension():
    table = judge(score_rows(0.6, 0.7), SIMULATED)
    assert list(table["claim"].unique()) == [claim.key for claim in CLAIMS]
    counts = table.groupby("claim").size()
    assert all(counts[claim.key] == 2 * len(claim.cells) for claim in CLAIMS)
    assert set(table.query("claim == 'mean_r2'")["verdict"]) == {"reproduced"}
    assert set(table.query("claim == 'sd_r2'")["verdict"]) == {"not reproduced"}


def test_a_claim_about_musicfm_features_needs_them():
    for songs, verdict in ((OPENSMILE, "not testable"), (MUSICFM, "reproduced")):
        rows = judge(score_rows(0.6, 0.7), songs).query("claim == 'mean_r2'")
        assert set(rows["verdict"]) == {verdict}
    rows = judge(score_rows(0.6, 0.7), OPENSMILE).query("claim == 'mean_r2'")
    assert rows["why"].str.contains("openSMILE").all()
    rows = judge(score_rows(0.6, 0.7), SIMULATED).query("claim == 'mean_r2'")
    assert rows["why"].str.contains("tuned").all()


def test_what_was_not_computed_is_not_testable():
    scores = score_rows(0.6, 0.7).query("method != 'seed_ensemble'")
    rows = judge(scores, SIMULATED).query("method == 'seed_ensemble'")
    assert set(rows["verdict"]) == {"not testable"} and rows["value"].isna().all()


def test_summary_counts_verdicts():
    table = judge(score_rows(0.6, 0.7), SIMULATED)
    table.loc[table["claim"].eq("mean_r2") & table["loss"].eq("mse"), "verdict"] = "undecided"
    lines = summary(table).set_index("claim")["verdict"]
    assert lines[BY_KEY["mean_r2"].text] == (
        "reproduced 4 of 6, undecided 2 of 6: simulated features were tuned to this value"
    )
    assert lines[BY_KEY["sd_r2"].text] == "not reproduced (18 of 18)"
    assert len(lines) == len(CLAIMS)


def test_committed_verdicts_follow_from_committed_scores():
    """results/: the verdicts are those that today's rules give to the stored figures."""
    for folder in ("simulated", "deam_opensmile"):
        stored = read_results(folder)
        songs = SIMULATED if stored.provenance["simulated"] else OPENSMILE
        for labels, scores in stored.scores.groupby("labels"):
            again = judge(scores, songs)
            before = stored.claims[stored.claims["labels"] == labels].reset_index(drop=True)
            assert list(again["verdict"]) == list(before["verdict"]), (folder, labels)


def test_our_own_claim_stands_apart_from_the_papers_eight():
    assert len(CLAIMS) == 8 and [claim.key for claim in OURS] == ["beyond_mean"]
    ours, rank = BY_KEY["beyond_mean"], BY_KEY["rank"]
    assert (ours.cells, ours.lower, ours.upper) == (rank.cells, rank.lower, rank.upper)
    scores = score_rows(0.6, 0.7)
    assert "beyond_mean" not in set(judge(scores)["claim"])
    table = judge(scores, OPENSMILE, claims=OURS)
    assert set(table["verdict"]) == {"does not hold"} and len(table) == 18
    assert summary(table)["verdict"].tolist() == ["does not hold (18 of 18)"]


def test_committed_scores_can_judge_our_claim():
    for folder in ("simulated", "deam_opensmile"):
        for _, scores in read_results(folder).scores.groupby("labels"):
            table = judge(scores, claims=OURS)
            assert set(table["verdict"]) <= {"holds", "does not hold", "undecided"}
            assert table["value"].between(-1, 1).all()
