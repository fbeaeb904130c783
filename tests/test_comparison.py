import pandas as pd
import pytest

from mer_utils.comparison import (
    BEYOND_MEAN,
    NO_BREAK,
    SD_SCORES,
    SHARE,
    SINGLE_HEADS,
    captioned,
    compare_with_paper,
    in_words,
    per_dimension,
    readable,
    sd_beside_trivial,
    share_in_words,
    side_of,
)

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


def test_readable_shows_interval_seeds_and_data_once():
    page = readable(compare_with_paper(scores(), ROWS, "simulated songs"))
    shown = page.data
    ours, seeds = (shown[c].str.replace(NO_BREAK, " ").tolist() for c in ("ours", "seeds"))
    assert ours[:2] == ["0.65 [0.55, 0.75]"] * 2
    assert ours[4:] == ["0.40"] * 2  # no interval, no brackets
    assert seeds[0] == "0.63 to 0.67"
    assert shown["quantity"].tolist()[:2] == ["R2 of the mean", ""]
    assert shown["paper"].tolist()[2:4] == ["far below 0", ""]
    assert "simulated songs" in page.to_html()
    again = readable(compare_with_paper(scores(), ROWS, "simulated songs"))
    assert page.to_html() == again.to_html()


def test_several_losses_stay_apart():
    both = pd.concat([scores(loss="mse"), scores(loss="nll").assign(value=0.1)])
    table = compare_with_paper(both, ROWS, "x")
    assert table["loss"].tolist()[:4] == ["mse", "mse", "nll", "nll"]
    shown = readable(table).data
    assert shown["loss"].tolist()[:4] == ["mse", "", "nll", ""]
    assert shown["quantity"].tolist()[:4] == ["R2 of the mean", "", "", ""]


def test_undefined_scores_are_said_not_shown_as_nan():
    table = compare_with_paper(scores(), ROWS, "x")
    table.loc[0, ["value", "low", "high", "seed_low", "seed_high"]] = float("nan")
    shown = readable(table).data
    assert (shown["ours"][0], shown["seeds"][0]) == ("not defined", "")
    assert "nan" not in captioned(pd.DataFrame({"a": [0.5, float("nan")]}), "x").to_html()


def test_trivial_predictors_stand_beside_the_model():
    methods = {"single": -0.5, "training_mean_sd": 0.0, "quadratic_in_mu": 0.1, "other": 7.0}
    rows = [
        {"method": m, "target": "sd", "score": s, "dimension": d, "value": v}
        for m, v in methods.items()
        for s in (*SD_SCORES, "largest")
        for d in ("valence", "arousal")
    ]
    shown = sd_beside_trivial(pd.DataFrame(rows), "simulated songs").data
    assert shown["score"].tolist()[:4] == ["R2", "", "RMSE", ""]
    assert shown.iloc[0].tolist()[1:] == ["valence", -0.5, 0.0, 0.1]
    assert len(shown) == 2 * len(SD_SCORES)


def test_words_follow_the_figures():
    table = scores().query("method == 'single'")
    assert in_words(table, "single", "mean", "r2", ".1f") == (
        "0.7 (0.6 to 0.8) for valence and 0.7 (0.6 to 0.8) for arousal"
    )
    assert in_words(table, "single", "sd", "largest") == "0.40 for valence and 0.40 for arousal"
    assert side_of(table, "single", "sd", "r2", 0) == "below 0 for valence and arousal"
    assert side_of(table, "single", "mean", "r2", 0.5) == "above 0.5 for valence and arousal"
    table.loc[table["dimension"].eq("arousal"), "high"] = 0.1
    assert side_of(table, "single", "sd", "r2", 0) == (
        "below 0 for valence and not distinguishable from 0 for arousal"
    )


def test_words_refuse_a_score_that_is_not_there_or_twice():
    for table, target in ((scores(), "means"), (pd.concat([scores(), scores()]), "mean")):
        with pytest.raises(ValueError, match="rows for method='single'"):
            in_words(table, "single", target, "r2")


def test_rows_about_single_heads_fit_the_score_table():
    from mer_utils.metrics import POINT_SCORES, SPREAD_SCORES

    known = {"mean": POINT_SCORES, "sd": POINT_SCORES | SPREAD_SCORES}
    known["sd_beyond_mean"] = {"pearson"}
    for method, target, score, _ in SINGLE_HEADS.values():
        assert method == "single" and score in known[target]


def test_per_dimension_needs_two_numbers():
    assert per_dimension([0.171, 0.16], ".2f") == "0.17 (valence) and 0.16 (arousal)"
    with pytest.raises(ValueError):
        per_dimension([0.1], ".2f")


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
    assert r2["highest possible"].tolist() == [0.16, 0.16]
    assert rank["highest possible"].tolist() == pytest.approx([0.4, 0.4])
    share = rank["this model's share"].str.replace(NO_BREAK, " ").tolist()
    assert share == ["50% [20%, 150%]", "50% [20%, any]"]
    assert beyond["this model"].tolist() == [0.2, 0.2]
    assert beyond["training mean SD"].isna().all()
    assert shown.loc["RMSE", "this model's share"].tolist() == ["-", "-"]
    assert shown.loc["RMSE", "highest possible"].isna().all()
    assert "nan" not in page.to_html()
    plain = sd_beside_trivial(sd_scores(), "simulated songs").data
    assert "highest possible" not in plain and plain["score"].iloc[-2] == BEYOND_MEAN


def test_a_comparison_shows_shares_of_sd_scores_only():
    without = compare_with_paper(scores(), ROWS, "x")
    table = compare_with_paper(scores(), ROWS, "x", CEILINGS)
    pd.testing.assert_frame_equal(table[without.columns], without)
    assert table["ceiling"].isna().tolist() == [True, True, False, False, True, True]
    assert table["share"].tolist()[2:4] == pytest.approx([-0.5 / 0.16] * 2)
    shown = readable(table).data
    text = shown[SHARE].str.replace(NO_BREAK, " ").tolist()
    assert text == ["", "", "below -100%", "below -100%", "", ""]
    assert list(shown)[-1] == "paper" and SHARE not in readable(without).data
    words = share_in_words(sd_scores(), CEILINGS, "single", "sd", "spearman")
    assert words == "50% (20% to 150%) for valence and 50% (20% to any) for arousal"
