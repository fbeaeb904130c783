"""What a page shows of a score table: rows picked, put side by side, captioned."""

import numpy as np
import pandas as pd
import pytest

from mer_utils.results import kept
from mer_utils.scoring.metrics import POINT_SCORES, SPREAD_SCORES
from mer_utils.show.layout import for_forest
from mer_utils.show.tables import (
    BEYOND_MEAN,
    SD_SCORES,
    SINGLE_HEADS,
    cells,
    compare_with_paper,
    method_rows,
    pick,
    readable,
    sd_beside_trivial,
)
from mer_utils.show.words import NO_BREAK

SHARE = "share of the ceiling"

ROWS = {
    "R2 of the mean": ("single", "mean", "r2", "0.6 to 0.7"),
    "R2 of the SD": ("single", "sd", "r2", "far below 0"),
    "largest SD": ("single", "sd", "largest", ""),
}


def scores(**extra):
    rows = []
    for target, score, value in (("mean", "r2", 0.65), ("sd", "r2", -0.5), ("sd", "largest", 0.4)):
        for dimension in ("valence", "arousal"):
            low, high = (None, None) if score == "largest" else (value - 0.1, value + 0.1)
            rows.append(
                {"method": "single", "target": target, "score": score, "dimension": dimension}
                | {"value": value, "low": low, "high": high}
                | {"seed_low": value - 0.02, "seed_high": value + 0.02}
                | extra
            )
    # the same scores of another method must not slip in
    return pd.concat([pd.DataFrame(rows), pd.DataFrame(rows).assign(method="other", value=9.0)])


def test_numbers_stay_numbers_in_the_order_asked_for():
    table = compare_with_paper(scores(), ROWS, "simulated songs")
    assert table["quantity"].unique().tolist() == list(ROWS)
    assert table["dimension"].tolist() == ["valence", "arousal"] * 3
    assert table["value"].tolist() == [0.65, 0.65, -0.5, -0.5, 0.4, 0.4]
    assert set(table["data"]) == {"simulated songs"}


def test_a_row_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="'R2 of dropout'.*mc_dropout.*methods are single, other"):
        compare_with_paper(scores(), {"R2 of dropout": ("mc_dropout", "mean", "r2", "")}, "x")


def text_of(shown, column):
    return shown[column].str.replace(NO_BREAK, " ").tolist()


def test_readable_sets_the_paper_before_deam_before_this_run():
    page = readable(compare_with_paper(scores(), ROWS, "simulated songs", loss="mse"))
    shown = page.data
    assert list(shown) == ["quantity", "paper", "DEAM", "this run"]
    assert shown["quantity"].tolist() == list(ROWS)
    ours = text_of(shown, "this run")
    assert ours[0] == "0.65 [0.55, 0.75] / 0.65 [0.55, 0.75]"
    assert ours[2] == "0.40 / 0.40"  # no interval, no brackets
    assert shown["paper"].tolist() == ["0.6 to 0.7", "far below 0", ""]
    assert "valence / arousal; this run: simulated songs" in page.to_html()
    again = readable(compare_with_paper(scores(), ROWS, "simulated songs", loss="mse"))
    assert page.to_html() == again.to_html()


def test_the_figures_of_deam_are_those_that_are_kept():
    table = compare_with_paper(scores(), ROWS, "x", loss="nll")
    known = kept("deam_opensmile", "scores").query(
        "labels == 'as_distributed' and loss == 'nll' and method == 'single' and score == 'r2'"
    )
    expected = known.set_index(["target", "dimension"])["value"]
    places = [(target, d) for target in ("mean", "sd") for d in ("valence", "arousal")]
    assert table["deam"][:4].tolist() == expected.loc[places].tolist()
    assert text_of(readable(table).data, "DEAM")[1].count("/") == 1
    assert compare_with_paper(scores(loss="mine"), ROWS, "x")["deam"].isna().all()


def test_several_losses_stay_apart():
    both = pd.concat([scores(loss="mse"), scores(loss="nll").assign(value=0.1)])
    table = compare_with_paper(both, ROWS, "x")
    assert table["loss"].tolist()[:4] == ["mse", "mse", "nll", "nll"]
    shown = readable(table).data
    assert shown["loss"].tolist()[:2] == ["mse", "nll"]
    assert shown["quantity"].tolist()[:4] == ["R2 of the mean", "", "R2 of the SD", ""]


def test_undefined_scores_are_said_not_shown_as_nan():
    table = compare_with_paper(scores(), ROWS, "x")
    table.loc[0, ["value", "low", "high", "seed_low", "seed_high"]] = float("nan")
    shown = readable(table).data
    assert text_of(shown, "this run")[0] == "not defined / 0.65 [0.55, 0.75]"
    assert text_of(shown, "DEAM")[0] == "- / -"


def test_trivial_predictors_stand_beside_the_model():
    methods = {"single": -0.5, "training_mean_sd": 0.0, "quadratic_in_mu": 0.1, "other": 7.0}
    rows = [
        {"method": m, "target": "sd", "score": s, "dimension": d, "value": v}
        for m, v in methods.items()
        for s in (*SD_SCORES, "largest")
        for d in ("valence", "arousal")
    ]
    shown = sd_beside_trivial(pd.DataFrame(rows), "simulated songs").data
    assert shown["score"].tolist()[:4] == ["R2", "", "R2, recalibrated", ""]
    assert shown.iloc[0].tolist()[1:] == ["valence", -0.5, 0.0, 0.1]
    assert len(shown) == 2 * len(SD_SCORES)


def test_rows_about_single_heads_fit_the_score_table():
    known = {"mean": POINT_SCORES, "sd": {*POINT_SCORES, *SPREAD_SCORES, "r2_recalibrated"}}
    known["sd_beyond_mean"] = {"pearson"}
    for method, target, score, _ in SINGLE_HEADS.values():
        assert method == "single" and score in known[target]


def test_cells_that_are_not_there_or_twice_are_refused():
    table = scores().query("method == 'single'")
    assert cells(table, "single", "mean", "r2")["value"].tolist() == [0.65, 0.65]
    for wrong, target in ((scores(), "means"), (pd.concat([table, table]), "mean")):
        with pytest.raises(ValueError, match="rows for method='single'"):
            cells(wrong, "single", target, "r2")


def test_rows_are_picked_in_order_and_scores_that_are_not_there_left_out():
    rows = method_rows("kld")
    assert len(rows) == 11 and rows["quadratic"][:2] == ("kld", "quadratic_in_mu")
    table = pd.DataFrame(
        [
            (loss, method, "sd", "r2", d, np.nan if method == "training_mean_sd" else i, 0, 1)
            for i, (loss, method, _) in enumerate(rows.values())
            for d in ("valence", "arousal")
        ],
        columns=["loss", "method", "target", "score", "dimension", "value", "low", "high"],
    ).sample(frac=1, random_state=0)
    drawn = for_forest(pick(table, rows, "sd", "r2"))
    assert drawn["labels"] == [name for name in rows if name != "training mean SD"]
    assert drawn["value"].tolist() == [[i, i] for i in (*range(9), 10)]
    assert drawn["methods"][:4] == ["mse", "kld", "nll", "ensemble"]


# shares of the highest possible score --------------------------------------------------------

CEILINGS = pd.DataFrame(
    [
        (part, dimension, 0.16, low, 0.25)
        for part in ("all", "beyond the mean")
        for dimension, low in (("valence", 0.04), ("arousal", 0.0))
    ],
    columns=["part", "dimension", "value", "low", "high"],
)


def sd_scores():
    names = ["method", "target", "score", "dimension", "value", "low", "high"]
    rows = [
        (m, target, s, d, v, v - 0.1, v + 0.1)
        for m, v in {"single": 0.2, "training_mean_sd": 0.0, "quadratic_in_mu": 0.1}.items()
        for target, s in [*(("sd", s) for s in SD_SCORES), ("sd_beyond_mean", "pearson")]
        for d in ("valence", "arousal")
    ]
    return pd.DataFrame(rows, columns=names).query(
        "not (method == 'training_mean_sd' and target == 'sd_beyond_mean')"
    )


def test_sd_scores_are_shown_with_their_ceiling_and_share():
    page = sd_beside_trivial(sd_scores(), "simulated songs", CEILINGS)
    shown = page.data.set_index(page.data["score"].replace("", None).ffill())
    r2, rank, beyond = (shown.loc[k] for k in ("R2", "rank correlation", BEYOND_MEAN))
    assert r2["ceiling"].tolist() == ["0.16", "0.16"]
    assert rank["ceiling"].tolist() == ["0.40", "0.40"]
    share = rank["share of it"].str.replace(NO_BREAK, " ").tolist()
    assert share == ["50% [20%, 150%]", "50% [20%, any]"]
    assert beyond["this model"].tolist() == [0.2, 0.2]
    assert beyond["training mean SD"].isna().all()
    assert shown.loc["R2, recalibrated", "share of it"].tolist() == ["-", "-"]
    assert shown.loc["R2, recalibrated", "ceiling"].tolist() == ["-", "-"]
    assert "nan" not in page.to_html()
    plain = sd_beside_trivial(sd_scores(), "simulated songs").data
    assert "ceiling" not in plain and plain["score"].iloc[-2] == BEYOND_MEAN


def test_a_comparison_shows_shares_of_sd_scores_only():
    without = compare_with_paper(scores(), ROWS, "x")
    table = compare_with_paper(scores(), ROWS, "x", CEILINGS)
    pd.testing.assert_frame_equal(table[without.columns], without)
    assert table["ceiling"].isna().tolist() == [True, True, False, False, True, True]
    assert table["share"].tolist()[2:4] == pytest.approx([-0.5 / 0.16] * 2)
    shown = readable(table).data
    assert text_of(shown, SHARE) == ["", "below -100% / below -100%", ""]
    assert list(shown)[-1] == SHARE and SHARE not in readable(without).data
