"""Claims: the interval decides, and what these data cannot decide is said."""

from types import SimpleNamespace

import numpy as np
import pytest
from claim_rows import BY_KEY, score_rows

from mer_utils.results import read_results
from mer_utils.scoring.claims import CLAIMS, OURS, judge, summary

SIMULATED = SimpleNamespace(simulated=True, feature_source="simulated embedding")
OPENSMILE = SimpleNamespace(simulated=False, feature_source="openSMILE song means")
MUSICFM = SimpleNamespace(simulated=False, feature_source="MusicFM-MSD, layer 12")


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
    assert list(table["claim"].unique()) == [claim.key for claim in CLAIMS + OURS]
    counts = table.groupby("claim").size()
    assert all(counts[claim.key] == 2 * len(claim.cells) for claim in CLAIMS + OURS)
    assert set(table.query("claim == 'mean_r2'")["verdict"]) == {"reproduced"}
    assert set(table.query("claim == 'sd_r2'")["verdict"]) == {"not reproduced"}
    asked = table[table["judged"]].groupby("claim").size()
    assert asked["sd_r2"] == 6 and asked["range"] == 12 and "underestimate" not in asked


def test_claims_about_features_are_treated_alike():
    scores = score_rows(0.6, 0.7)
    for songs in (OPENSMILE, MUSICFM, None):
        table = judge(scores, songs)
        assert "not testable" not in set(table["verdict"]) and set(table["why"]) == {""}
    why = judge(scores, SIMULATED).groupby("claim")["why"].first()
    assert "tuned" in why["mean_r2"] and why.drop("mean_r2").eq("").all()


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
    assert len(lines) == len(CLAIMS + OURS)


@pytest.mark.parametrize("folder", ["simulated", "deam_opensmile", "musifeast17"])
def test_committed_verdicts_follow_from_committed_scores(folder):
    """results/: the verdicts are those that today's rules give to the stored figures."""
    stored = read_results(folder)
    songs = SIMULATED if stored.provenance["simulated"] else OPENSMILE
    for labels, scores in stored.scores.groupby("labels"):
        before = stored.claims[stored.claims["labels"] == labels].reset_index(drop=True)
        again = judge(scores, songs)
        assert list(again["claim"]) == list(before["claim"])
        rules = {claim.key: claim for claim in CLAIMS + OURS}
        for row in before.itertuples():  # the borders that were known when it was made
            borders = row.upper, row.upper_most
            assert rules[row.claim].verdict(row.low, row.high, *borders) == row.verdict
        np.testing.assert_allclose(again["value"], before["value"])


def test_our_own_claim_stands_apart_from_the_papers_eight():
    assert len(CLAIMS) == 8 and [claim.key for claim in OURS] == ["beyond_mean"]
    ours, rank = BY_KEY["beyond_mean"], BY_KEY["rank"]
    assert (ours.cells, ours.lower, ours.upper) == (rank.cells, rank.lower, rank.upper)
    assert ours.relative and rank.relative
    scores = score_rows(0.6, 0.7)
    assert "beyond_mean" not in set(judge(scores, claims=CLAIMS)["claim"])
    table = judge(scores, OPENSMILE, claims=OURS)
    assert set(table["verdict"]) == {"does not hold"} and len(table) == 18
    assert summary(table)["verdict"].tolist() == ["does not hold (18 of 18)"]


def test_committed_scores_can_judge_our_claim():
    for folder in ("simulated", "deam_opensmile"):
        for _, scores in read_results(folder).scores.groupby("labels"):
            table = judge(scores, claims=OURS)
            assert set(table["verdict"]) <= {"holds", "does not hold", "undecided"}
            assert table["value"].between(-1, 1).all()
