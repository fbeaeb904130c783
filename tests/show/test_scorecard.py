"""Shares of what is possible: rows of a quantity, and the best method."""

import numpy as np
import pandas as pd
import pytest
from claim_rows import BY_KEY, score_rows

from mer_utils.results import read_results
from mer_utils.scoring.claims import judge
from mer_utils.show import scorecard
from mer_utils.show.tables import method_rows

CEILINGS = pd.DataFrame(
    [
        (part, dimension, 0.16, low, 0.25)
        for part in ("all", "beyond the mean")
        for dimension, low in (("valence", 0.04), ("arousal", 0.0))
    ],
    columns=["part", "dimension", "value", "low", "high"],
)


def scores(best="KLD"):
    """Every method scores 0.1 of R2 and correlation, the best one and the trivial ones 0.2."""
    rows = []
    for name, (loss, method, _) in method_rows("mse").items():
        value = 0.2 if name in (best, "training mean SD", "quadratic") else 0.1
        for target, score in scorecard.QUANTITIES.values():
            if method == "training_mean_sd" and score != "r2":
                value = np.nan
            for d in ("valence", "arousal"):
                rows.append((loss, method, target, score, d, value, value - 0.05, value + 0.05))
    names = ["loss", "method", "target", "score", "dimension", "value", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def test_a_quantity_comes_with_its_shares():
    r2 = scorecard.picked(scores(), CEILINGS, "R2").set_index(["row", "dimension"])
    assert list(r2.index.get_level_values("row").unique()) == list(method_rows("mse"))
    row = r2.loc[("KLD", "valence")]
    assert row[["share", "share_low", "share_high"]].tolist() == pytest.approx([1.25, 0.6, 6.25])
    rank = scorecard.picked(scores(), CEILINGS, "rank correlation")
    assert "training mean SD" not in set(rank["row"])  # a constant has no ranks
    rank = rank.set_index(["row", "dimension"])
    assert rank.loc[("KLD", "valence"), "share"] == pytest.approx(0.5)
    assert np.isinf(rank.loc[("KLD", "arousal"), "share_high"])  # the ceiling may be 0


def test_the_best_is_a_trained_method():
    for best in ("KLD", "dropout, NLL"):
        name, rows = scorecard.best(scores(best), CEILINGS, "rank correlation")
        assert name == best and rows["value"].tolist() == [0.2, 0.2]


def test_older_tables_say_what_is_missing():
    old = scores().query("target != 'sd_beyond_mean'")
    with pytest.raises(ValueError, match="no row of sd_beyond_mean.*mer run"):
        scorecard.best(old, CEILINGS, "correlation beyond the mean")


@pytest.mark.parametrize("study", ["simulated", "deam_opensmile"])
def test_what_mer_run_says_fits_and_names_every_loss(study):
    lines = scorecard.study_lines(read_results(study), "quick")
    assert max(map(len, lines)) <= 78
    assert lines[1] == "quick profile: for looking, not for quoting"
    for loss in ("MSE", "KLD", "NLL"):
        assert any(line.startswith(f"R2 of the SD, {loss}") for line in lines)
    assert scorecard.study_lines(read_results(study), "paper")[1].startswith("claims of the paper")


def test_what_is_learned_must_hold_however_it_is_asked(monkeypatch):
    places = [("as_distributed", "artist"), ("as_distributed", "blocks"), ("corrected", "artist")]
    rows = pd.DataFrame(
        [("deam", *place, "best", "pearson_beyond_mean", d, 0.1, 0.0)
         for place in places for d in ("valence", "arousal")],
        columns="data labels folds learner score dimension low null_above".split(),
    )  # fmt: skip
    rows.loc[rows["dimension"].eq("arousal") & rows["labels"].eq("corrected"), "low"] = -0.1
    monkeypatch.setattr(scorecard, "kept", lambda study, name: rows)
    assert scorecard.learned("deam") == ["valence"]
    assert scorecard.learned("deam", "as_distributed") == ["valence", "arousal"]
    rows.loc[1, "null_above"] = 0.05
    assert scorecard.learned("deam", "as_distributed") == ["valence"]
    rows["null_above"] = np.nan
    assert scorecard.learned("deam") == [], "without a null nothing is sure"
    said = scorecard.learned_sentence
    assert said("Here", []).startswith("Here, nothing")
    assert said("Here", ["valence"]).endswith("nothing that holds for arousal")
    assert "nothing" not in said("Here", ["valence", "arousal"])


def test_the_card_has_one_word_where_dimensions_agree():
    cells = judge(score_rows(0.6, 0.7))
    page = scorecard.card(cells).set_index("claim")
    assert len(page) == 8, "one for each fact"
    assert page.loc[BY_KEY["mean_r2"].text, "verdict"] == "reproduced"
    valence = cells["dimension"].eq("valence") & cells["claim"].eq("mean_r2")
    cells.loc[valence, ["value", "low", "high"]] = [0.2, 0.19, 0.21]
    verdict = scorecard.card(cells).set_index("claim").loc[BY_KEY["mean_r2"].text, "verdict"]
    assert verdict == "valence not reproduced, arousal reproduced"


def test_highest_possible_scores_as_the_claims_take_them():
    table = scorecard.tops(CEILINGS)
    rank = table.query("target == 'sd' and score == 'spearman' and dimension == 'valence'").iloc[0]
    assert rank[["value", "low", "high"]].tolist() == pytest.approx([0.4, 0.2, 0.5])
    assert {"r2", "pearson", "spearman"} == set(table["score"])


def test_a_gain_counts_if_it_is_there_around_the_listeners_own_mean_too():
    rows = [
        ("a", "crps_spread", "mean_only", "better"), ("a", "crps_own", "mean_only", "better"),
        ("b", "crps_spread", "mean_only", "better"), ("b", "crps_own", "mean_only", "undecided"),
        ("c", "crps_spread", "mse", "better"), ("c", "crps_own", "mse", "better"),
        ("d", "dss_spread", "mean_only", "better"), ("d", "dss_own", "mean_only", "better"),
        ("e", "log_spread", "mean_only", "better"), ("e", "crps_own", "mean_only", "better"),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["method", "score", "against", "verdict"])
    table = table.assign(data="x", design="all", dimension="valence")
    found = scorecard.surely_better(table)
    assert found["method"].tolist() == ["a", "d"]
    assert found.columns.tolist() == ["data", "design", "dimension", "method"]


def test_the_fate_of_a_property_follows_the_written_rules():
    readers = {  # values of order, tempo and flux
        ("known", "", ""): (1.0, 1.0, 1.0), ("network", "frozen", "mean"): (0.9, 0.9, 0.9),
        ("ridge", "penultimate", "mean"): (0.0, 0.0, 0.7),
        ("ridge", "all tokens", "thirds"): (0.6, 0.05, 0.9),
        ("ridge", "log-mel", "by hand"): (0.95, 0.3, 0.0),
    }  # fmt: skip
    rows = [
        (*who, name, "truth", "r2", v, v - 0.1, v - 0.2)
        for who, values in readers.items()
        for name, v in zip(("order", "tempo", "flux", "nothing"), (*values, 0.5), strict=True)
    ]
    columns = "reader layer pooling property judges score value low gain_low".split()
    found = scorecard.probe_fates(pd.DataFrame(rows, columns=columns)).set_index("property")
    assert found["fate"].to_dict() == {"order": "lost", "tempo": "hidden", "flux": "kept"}
    assert found.loc["tempo", "by_rule"] and found.loc["order", "pooling"] == "thirds"
    unsure = pd.DataFrame(rows, columns=columns).assign(gain_low=-0.1)
    assert set(scorecard.probe_fates(unsure)["fate"]) == {"kept", "hidden"}
