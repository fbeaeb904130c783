"""Small-sample moments of an SD, and reliability from ratings of single raters."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gamma as gamma_function

from mer_utils import reliability as R
from mer_utils import sd_sampling as S
from mer_utils.rater_study import RaterData, extrapolation_test, leniency_table
from mer_utils.rating_distribution import rating_probabilities
from mer_utils.ratings import spearman_brown
from mer_utils.shape import curve_kurtosis, fit_lapses, kurtosis_curve, with_lapses
from mer_utils.soundtracks import load_soundtracks

GRID = np.arange(1.0, 10.0)


def draw(p, n, size, seed=0):
    """SDs (ddof=1) of panels of n."""
    counts = np.random.default_rng(seed).multinomial(n, p, size)
    mean = counts @ GRID / n
    return np.sqrt(np.maximum(counts @ GRID**2 / n - mean**2, 0) * n / (n - 1))


def test_normal_ratings_give_c4():
    n = np.array([2, 5, 10, 60])
    c4 = np.sqrt(2 / (n - 1)) * gamma_function(n / 2) / gamma_function((n - 1) / 2)
    np.testing.assert_allclose(S.shrinkage(n), c4, rtol=1e-6)
    expected, variance = S.sd_moments(2.0, 10, ddof=0)
    assert expected == pytest.approx(2 * c4[2] * np.sqrt(0.9))
    assert variance + expected**2 == pytest.approx(4 * 0.9)  # E[s^2] is known exactly


@pytest.mark.parametrize("n", [10, 24, 60])
@pytest.mark.parametrize(
    "p",
    [
        np.full(9, 1 / 9),
        rating_probabilities(5.0, 1.75),
        rating_probabilities(2.5, 1.6),
        with_lapses(rating_probabilities(4.0, 1.3), 0.05),
    ],
    ids=["flat", "normal", "low", "lapses"],
)
def test_moments_of_the_sd_against_draws(p, n):
    _, sigma, shape = S.shape_of(p)
    found = draw(p, n, 200_000)
    expected, variance = S.sd_moments(sigma, n, shape, ddof=1)
    assert expected == pytest.approx(found.mean(), rel=0.004)
    assert variance == pytest.approx(found.var(), rel=0.035)


def test_the_correction_matters():
    # without the third moment the noise of flat ratings comes out clearly too small
    _, sigma, shape = S.shape_of(np.full(9, 1 / 9))
    found = draw(np.full(9, 1 / 9), 10, 200_000).var()
    kurtosis = float(shape.kurtosis)
    v = S.relative_variance(10, kurtosis)
    chi = 1 - (gamma_function(1 / v + 0.5) / gamma_function(1 / v) * np.sqrt(v)) ** 2
    assert chi * sigma**2 < 0.95 * found
    assert S.sd_moments(sigma, 10, shape, ddof=1)[1] == pytest.approx(found, rel=0.03)


def test_impossible_kurtosis_and_panels_are_refused():
    with pytest.raises(ValueError, match="below -2"):
        S.shrinkage(10, S.Shape(-2.1))
    with pytest.raises(ValueError, match="2 raters"):
        S.shrinkage(1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        S.raters_for_reliability(1.0, 0.2, 10)


@given(st.floats(0.02, 0.9), st.floats(-1.0, 1.0), st.sampled_from([5, 10, 30]))
def test_raters_needed_and_stepping_undo_each_other(rho, kurtosis, n):
    shape = S.Shape(kurtosis)
    more = float(S.step_sd_reliability(rho, n, 3 * n, shape))
    assert rho < more < 1
    assert S.raters_for_reliability(more, rho, n, shape) == pytest.approx(3 * n, rel=1e-4)
    step = float(spearman_brown(rho, 3))
    assert S.raters_for_reliability(step, rho, n, statistic="mean") == pytest.approx(3 * n)


def test_no_reliability_is_never_enough():
    assert S.raters_for_reliability(0.5, 0.0, 10) == np.inf
    assert S.raters_for_reliability(0.5, -0.1, 10, statistic="mean") == np.inf


def gaussian_ratings(seed=0, n_songs=3000, n_raters=24, spread=0.35):
    rng = np.random.default_rng(seed)
    sigma = np.exp(spread * rng.normal(size=n_songs))
    values = rng.normal(size=(n_songs, n_raters)) * sigma[:, None]
    return sigma, values + rng.normal(size=(n_songs, 1))


def test_reliability_of_the_sd_steps_up_and_spearman_brown_is_too_low():
    sigma, values = gaussian_ratings()
    q = np.mean(sigma**2) / sigma.var()
    five, ten = (R.draw_panels(values, n, n_draws=20).reliability() for n in (5, 10))
    assert ten == pytest.approx(1 / (1 + q * S.noise_odds(10)), abs=0.03)
    assert S.step_sd_reliability(five, 5, 10) == pytest.approx(ten, abs=0.015)
    assert spearman_brown(five) < ten - 0.02


def test_panels_of_the_mean_follow_theory():
    sigma, values = gaussian_ratings()
    found = R.draw_panels(values, 8, "mean", n_draws=10).reliability()
    expected = 1 / (1 + np.mean(sigma**2) / 8)
    assert found == pytest.approx(expected, abs=0.02)
    moments = R.song_moments(values)
    assert R.moment_reliability(moments, 8, "mean")[0] == pytest.approx(expected, abs=0.02)


def test_moments_and_panels_agree():
    _, values = gaussian_ratings(seed=2)
    moments = R.song_moments(values)
    assert R.pooled_kurtosis(moments) == pytest.approx(0, abs=0.1)
    for n in (5, 12):
        panels = R.draw_panels(values, n, n_draws=20).reliability()
        assert R.moment_reliability(moments, n)[0] == pytest.approx(panels, abs=0.03)


def test_equal_songs_have_no_reliability():
    values = np.random.default_rng(3).normal(size=(2000, 20))
    assert abs(R.draw_panels(values, 10, n_draws=20).reliability()) < 0.03
    assert R.moment_reliability(R.song_moments(values), 10)[0] < 0.05


def test_weights_count_songs():
    _, values = gaussian_ratings(n_songs=30)
    panels = R.draw_panels(values, 5, n_draws=5)
    twice = R.Panels(*(np.repeat(a, 2, axis=1) for a in (panels.first, panels.second)))
    assert panels.reliability(np.full((1, 30), 2.0))[0] == pytest.approx(twice.reliability())


def test_panels_that_do_not_fit_are_refused():
    values = np.random.default_rng(0).normal(size=(5, 9))
    values[2, 3] = np.nan
    with pytest.raises(ValueError, match="a song has 8 raters"):
        R.draw_panels(values, 5)
    with pytest.raises(ValueError, match="statistic must be"):
        R.draw_panels(values, 2, "median")


def test_panels_share_no_rater():
    values = np.arange(40.0).reshape(2, 20)
    panels = R.draw_panels(values, 10, "mean", n_draws=5)
    np.testing.assert_allclose(panels.first + panels.second, 2 * values.mean(1) * np.ones((5, 1)))


def test_leniency_is_found_and_removed():
    rng = np.random.default_rng(4)
    shift = rng.normal(0, 0.5, 40)
    values = rng.normal(5, 1, (300, 1)) + rng.normal(0, 1, (300, 40)) + shift
    values[rng.random(values.shape) < 0.3] = np.nan
    cleaned, found = R.remove_leniency(values)
    np.testing.assert_allclose(found, shift - shift.mean(), atol=0.3)
    assert np.corrcoef(found, shift)[0, 1] > 0.98
    before, after = (np.nanstd(v, axis=1, ddof=1).mean() for v in (values, cleaned))
    assert before == pytest.approx(np.sqrt(1.25), abs=0.06) and after == pytest.approx(1, abs=0.05)


def song_counts(lapses, seed=0, n_songs=400, n_raters=60):
    rng = np.random.default_rng(seed)
    place = rng.normal(5, 1.4, n_songs).clip(1.5, 8.5)
    p = with_lapses(rating_probabilities(place, rng.uniform(1.2, 1.8, n_songs)), lapses)
    counts = rng.multinomial(n_raters, p)
    return p, np.array([np.repeat(GRID, row) for row in counts])


@pytest.mark.parametrize("lapses", [0.0, 0.02])
def test_lapses_and_kurtosis_are_recovered(lapses):
    p, values = song_counts(lapses)
    moments = R.song_moments(values)
    assert fit_lapses(moments) == pytest.approx(lapses, abs=0.006)
    _, sd, shape = S.shape_of(p)
    true = np.average(shape.kurtosis, weights=sd**2)
    assert R.pooled_kurtosis(moments) == pytest.approx(true, abs=0.15)
    at_home = curve_kurtosis(kurtosis_curve(moments), moments.mean, moments.variance)
    assert at_home == pytest.approx(R.pooled_kurtosis(moments), abs=1e-6)


def test_tables_are_checked():
    table = pd.DataFrame({"song_id": [1, 1], "rater": [1, 1], "valence": [2, 3]})
    with pytest.raises(ValueError, match="twice"):
        R.rating_matrix(table, "valence")
    with pytest.raises(ValueError, match="lack the columns"):
        R.rating_matrix(table, "energy")
    with pytest.raises(ValueError, match="5 raters"):
        R.song_moments([[1.0, 2, 3, 4, np.nan]])


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
    ratings = ratings.rename_axis("song_id").reset_index()
    ratings = ratings.melt("song_id", var_name="rater", value_name="valence")
    table = leniency_table(RaterData(ratings, ("valence",), "made up", True))
    rows = table.set_index("part")
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
    ratings = ratings.rename_axis("song_id").reset_index()
    ratings = ratings.melt("song_id", var_name="rater", value_name="valence")
    rows = leniency_table(RaterData(ratings, ("valence",), "made up", True)).set_index("part")
    assert abs(rows.loc["sd_change", "value"]) < 0.006  # 0.016 without the correction
