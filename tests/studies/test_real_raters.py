"""The tables on single raters: what was planted is found."""

import numpy as np
import pandas as pd
import pytest
import validation
from ceiling_worlds import matrix_of
from real_raters import (
    extrapolation_test,
    leniency_table,
    own_mean_test,
    reliability_curves,
    remove_leniency,
    transfer_test,
)

from mer_utils.ceiling.headline import RaterData, rater_data
from mer_utils.data.soundtracks import load_soundtracks


def made_up(matrix) -> RaterData:
    """A matrix songs x raters as the ratings of single raters of one dimension."""
    wide = pd.DataFrame(matrix).rename_axis("song_id").reset_index()
    long = wide.melt("song_id", var_name="rater", value_name="valence")
    return RaterData(long, ("valence",), "made up", True)


def test_leniency_is_found_and_removed():
    rng = np.random.default_rng(4)
    shift = rng.normal(0, 0.5, 40)
    values = rng.normal(5, 1, (300, 1)) + rng.normal(0, 1, (300, 40)) + shift
    values[rng.random(values.shape) < 0.3] = np.nan
    cleaned, found = remove_leniency(values)
    np.testing.assert_allclose(found, shift - shift.mean(), atol=0.3)
    assert np.corrcoef(found, shift)[0, 1] > 0.98
    before, after = (np.nanstd(v, axis=1, ddof=1).mean() for v in (values, cleaned))
    assert before == pytest.approx(np.sqrt(1.25), abs=0.06) and after == pytest.approx(1, abs=0.05)


def test_24_raters_from_10_on_real_raters(soundtracks_root):
    table = load_soundtracks(soundtracks_root)
    data = RaterData(table, ("valence", "energy", "tension"), "film soundtracks", False)
    step = extrapolation_test(data, n_draws=60, n_resamples=50).set_index("dimension")
    # the first measurement of these data, with other draws
    assert step["small"].to_dict() == pytest.approx(
        {"valence": 0.20, "energy": 0.33, "tension": 0.47}, abs=0.04
    )
    assert (step["predicted_error"].abs() < 0.06).all()


def test_leniency_table_finds_planted_components():
    rng = np.random.default_rng(6)
    songs, raters = rng.normal(0, 1.5, (80, 1)), rng.normal(0, 0.5, 40)
    ratings = pd.DataFrame(5 + songs + raters + rng.normal(0, 1.2, (80, 40)))
    rows = leniency_table(made_up(ratings)).set_index("part")
    truth = {"song": 1.5**2, "residual": 1.2**2, "sd_before": np.sqrt(1.44 + raters.var(ddof=1))}
    for part, value in truth.items():
        assert rows.loc[part, "low"] < value < rows.loc[part, "high"]
    assert rows.loc["rater", "value"] == pytest.approx(raters.var(ddof=1), rel=0.15)
    assert rows.loc["sd_change", "high"] < 0
    assert rows.loc["icc_10", "value"] > rows.loc["icc_1", "value"]
    assert rows.loc["sd_after", "low"] < 1.2 < rows.loc["sd_after", "high"]


def test_no_leniency_changes_no_sd():
    rng = np.random.default_rng(7)
    ratings = pd.DataFrame(5 + rng.normal(0, 1, (40, 1)) + rng.normal(0, 1.3, (40, 60)))
    rows = leniency_table(made_up(ratings)).set_index("part")
    assert abs(rows.loc["sd_change", "value"]) < 0.006  # 0.016 without the correction


def test_real_raters_follow_the_transferred_noise(soundtracks_root):
    found = transfer_test(rater_data(soundtracks_root), n_halves=40)
    assert found["ratio"].between(0.9, 1.12).all()
    assert found["low"].lt(1).all() and found["high"].gt(1).all()


def test_mean_and_sd_of_one_panel_share_more_than_the_song():
    rng = np.random.default_rng(5)
    p = validation.song_probabilities(150, "heavy", 0.0, rng, validation.WIDE_MEANS)
    data = made_up(matrix_of(p, 40, rng))
    row = own_mean_test(data, n_shuffles=5).set_index("songs").loc["all"]
    assert row["difference_low"] > 0  # the same ten people
    assert row["own"] > 1.5 * row["other"]


def test_curves_have_both_methods_side_by_side():
    rng = np.random.default_rng(8)
    p = validation.song_probabilities(60, "normal", 0.25, rng, validation.WIDE_MEANS)
    data = made_up(matrix_of(p, 24, rng))
    table = reliability_curves(data, (5, 10), n_draws=20, n_resamples=20)
    assert list(table["method"]) == ["moments", "panels"] * 4
    assert list(table["n"]) == [5, 5, 10, 10] * 2
    wide = table.pivot(index=["statistic", "n"], columns="method", values="value")
    assert wide["moments"].to_numpy() == pytest.approx(wide["panels"].to_numpy(), abs=0.06)
