"""Scores against hand-computed values, other libraries, integrals, repeated songs, simulation."""

import inspect

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from mer_utils.scoring import intervals, metrics

# Three songs; the columns are two dimensions with answers of their own.
TRUTH = np.array([[1.0, 0.1], [2.0, 0.2], [4.0, 0.3]])
GUESS = np.array([[1.0, 0.3], [3.0, 0.2], [3.0, 0.1]])


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (metrics.r2, [4 / 7, -3]),
        (metrics.rmse, [np.sqrt(2 / 3), np.sqrt(0.08 / 3)]),
        (metrics.mae, [2 / 3, 0.4 / 3]),
        (metrics.pearson, [np.sqrt(4 / 7), -1]),
        (metrics.spearman, [np.sqrt(3) / 2, -1]),
        (metrics.mean_ratio, [1, 1]),
        (metrics.spread_ratio, [np.sqrt(4 / 7), 1]),
        (metrics.share_below, [1 / 3, 1 / 3]),
        (metrics.smallest, [1, 0.1]),
        (metrics.largest, [3, 0.3]),
    ],
)
def test_hand_computed_point_scores(score, expected):
    np.testing.assert_allclose(score(TRUTH, GUESS), expected, atol=1e-12)


def test_mean_ratio_and_direction_of_the_arguments():
    np.testing.assert_allclose(metrics.mean_ratio(TRUTH, TRUTH / 4), 0.25)
    np.testing.assert_allclose(metrics.spread_ratio(TRUTH, TRUTH / 4), 0.25)
    np.testing.assert_allclose(metrics.share_below(TRUTH, TRUTH - 1e-9), 1)
    np.testing.assert_allclose(metrics.share_below(TRUTH, TRUTH), 0)


Y = np.array([[0.0, 0.0], [1.0, 0.0], [-3.0, 0.5]])
MU, SIGMA = np.zeros((3, 2)), np.array([[1.0, 0.5], [2.0, 0.5], [1.0, 0.5]])


def test_hand_computed_forecast_scores():
    half_log_2pi = 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(
        metrics.gaussian_nll(Y, MU, SIGMA),
        [
            half_log_2pi + (np.log(2) + 1 / 8 + 9 / 2) / 3,
            half_log_2pi - np.log(2) + 1 / 6,
        ],
    )
    np.testing.assert_allclose(metrics.sharpness(Y, MU, SIGMA), [np.sqrt(2), 0.5])
    # |z| is 0, 0.5, 3 and 0, 0, 1; the half-widths are 0.674, 1.28, 1.96 sigma
    np.testing.assert_allclose(metrics.coverage(Y, MU, SIGMA, 0.5), [2 / 3, 2 / 3])
    np.testing.assert_allclose(metrics.coverage(Y, MU, SIGMA, 0.95), [2 / 3, 1])
    np.testing.assert_allclose(metrics.coverage(Y, MU, SIGMA, 0.998), [1, 1])
    assert {"coverage_50", "coverage_80", "coverage_95"} < set(metrics.FORECAST_SCORES)
    np.testing.assert_allclose(metrics.FORECAST_SCORES["coverage_80"](Y, MU, SIGMA), [2 / 3, 1])


@pytest.mark.parametrize(("y", "mu", "sigma"), [(0.3, 0.1, 0.2), (-0.9, 0.2, 0.1), (0, 0, 0.7)])
def test_crps_equals_its_integral_and_becomes_the_absolute_error(y, mu, sigma):
    def squared_gap(x):
        return (norm.cdf(x, mu, sigma) - (x >= y)) ** 2

    expected = quad(squared_gap, -8, y, limit=500)[0] + quad(squared_gap, y, 8, limit=500)[0]
    arrays = [np.full((1, 2), v) for v in (y, mu, sigma)]
    np.testing.assert_allclose(metrics.crps(*arrays), expected, rtol=1e-5)
    narrow = metrics.crps(arrays[0], arrays[1], np.full((1, 2), 1e-9))
    np.testing.assert_allclose(narrow, abs(y - mu), atol=1e-8)


@settings(deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_scores_equal_those_of_other_libraries(seed, ties):
    rng = np.random.default_rng(seed)
    y, p = rng.normal(size=(2, 30, 2))
    if ties:
        y, p = np.round(y), np.round(p)
    columns = list(zip(y.T, p.T, strict=True))
    np.testing.assert_allclose(
        metrics.r2(y, p), sklearn.metrics.r2_score(y, p, multioutput="raw_values")
    )
    np.testing.assert_allclose(metrics.rmse(y, p) ** 2, ((y - p) ** 2).mean(0))
    np.testing.assert_allclose(
        metrics.pearson(y, p),
        [scipy.stats.pearsonr(a, b).statistic for a, b in columns],
        atol=1e-12,
    )
    np.testing.assert_allclose(
        metrics.spearman(y, p),
        [scipy.stats.spearmanr(a, b).statistic for a, b in columns],
        atol=1e-12,
    )


WEIGHTED = {
    name: score
    for name, score in (
        metrics.POINT_SCORES | metrics.SPREAD_SCORES | metrics.FORECAST_SCORES
    ).items()
    if "weights" in inspect.signature(score).parameters
}


def arrays_for(name, y, p, sigma):
    return (y, p, sigma) if name in metrics.FORECAST_SCORES else (y, p)


# The fence of outlier_share is that of all songs, so repeated songs would move it.
@pytest.mark.parametrize("name", sorted(set(WEIGHTED) - {"outlier_share"}))
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_song_that_counts_k_times_is_a_song_repeated_k_times(name, data):
    n = data.draw(st.integers(2, 9))
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    y = rng.normal(size=(n, 2))
    p = rng.normal(size=(3, n, 2))
    if data.draw(st.booleans()):  # ties
        y, p = np.round(2 * y) / 10, np.round(2 * p) / 10
    if name == "mean_ratio":  # a ratio of SDs; with a mean near 0 only rounding is compared
        y, p = abs(y) + 0.1, abs(p)
    sigma = rng.uniform(0.1, 2, (3, n, 2))
    counts = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n).filter(any))
    weights = np.array([counts, [1] * n], float)

    arrays = arrays_for(name, y, p, sigma)
    got = WEIGHTED[name](*arrays, weights=weights)
    assert got.shape == (2, 3, 2)
    repeated = [np.repeat(a, counts, axis=-2) for a in arrays]
    np.testing.assert_allclose(got[0], WEIGHTED[name](*repeated), atol=1e-9, equal_nan=True)
    np.testing.assert_allclose(got[1], WEIGHTED[name](*arrays), atol=1e-9, equal_nan=True)


def test_iqr_ratio_and_outlier_share_by_hand():
    truth = np.stack([np.arange(1.0, 9), np.arange(8.0)], axis=1)
    guess = np.array([[1, 1, 2, 2, 2, 3, 3, x] for x in (4.6, 4.4)]).T
    # quartiles: the 2nd and 6th of 8 values; the fence is 3 + 1.5 * 2 = 6 or below
    np.testing.assert_allclose(metrics.iqr_ratio(truth, guess), [2 / 4, 2 / 4])
    np.testing.assert_allclose(metrics.outlier_share(truth, guess), 0)
    guess[:, 1] = [1, 2, 2, 2, 2, 2.5, 3, 3.3]  # fence 2.5 + 1.5 * 0.5 = 3.25
    np.testing.assert_allclose(metrics.outlier_share(truth, guess), [0, 1 / 8])
    weights = np.array([[0, 0, 0, 0, 0, 0, 4, 4.0]])
    np.testing.assert_allclose(metrics.outlier_share(truth, guess, weights=weights), [[0, 1 / 2]])
    np.testing.assert_allclose(metrics.iqr_ratio(truth, guess, weights=weights), [[1.6, 0.3]])
    normal = np.random.default_rng(0).normal(size=(200_000, 2))
    np.testing.assert_allclose(metrics.outlier_share(normal, normal), 0.0035, atol=0.0005)


def test_every_score_of_the_tables_has_weights_or_says_why_not():
    scores = metrics.POINT_SCORES | metrics.SPREAD_SCORES | metrics.FORECAST_SCORES
    assert set(scores) - set(WEIGHTED) == {"smallest", "largest", "miscalibration_area"}


@pytest.mark.parametrize(
    "name", metrics.POINT_SCORES | metrics.SPREAD_SCORES | metrics.FORECAST_SCORES
)
def test_member_axes_are_kept_and_members_scored_alone(name):
    score = (metrics.POINT_SCORES | metrics.SPREAD_SCORES | metrics.FORECAST_SCORES)[name]
    rng = np.random.default_rng(0)
    y, p = rng.normal(size=(20, 2)), rng.normal(size=(4, 3, 20, 2))
    sigma = rng.uniform(0.1, 2, (4, 3, 20, 2))
    whole = score(*arrays_for(name, y, p, sigma))
    assert whole.shape == (4, 3, 2)
    np.testing.assert_allclose(whole[2, 1], score(*arrays_for(name, y, p[2, 1], sigma[2, 1])))


def test_constants_have_no_correlation_and_a_constant_truth_no_r2():
    rng = np.random.default_rng(1)
    y, weights = rng.normal(size=(50, 2)), intervals.resample_counts(50, 20)
    for value in (0.0, 0.1, 1 / 3, 1e6 / 7, -0.7):
        constant = np.full((50, 2), value)
        for score in (metrics.pearson, metrics.spearman):
            for pair in ((y, constant), (constant, y), (constant, constant)):
                assert np.isnan(score(*pair)).all()
                assert np.isnan(score(*pair, weights=weights)).all()
        for w in (None, weights):
            assert np.isnan(metrics.r2(constant, y, weights=w)).all()
            assert (metrics.r2(y, constant, weights=w) <= 1e-12).all()
            np.testing.assert_array_equal(metrics.spread_ratio(y, constant, weights=w), 0)


def test_a_small_but_real_spread_is_not_taken_for_a_constant():
    rng = np.random.default_rng(2)
    y = rng.normal(size=(50, 2))
    for centre, scale in ((0.4, 1e-8), (1e4, 1e-3)):
        np.testing.assert_allclose(metrics.pearson(y, centre + scale * y), 1, atol=1e-6)
        np.testing.assert_allclose(metrics.r2(centre + scale * y, centre + scale * y), 1)


def test_songs_that_do_not_match_are_refused():
    for score in (metrics.r2, metrics.spearman, metrics.mae):
        with pytest.raises(ValueError, match="songs differ"):
            score(TRUTH, GUESS[:2])
    with pytest.raises(ValueError, match="level=95"):
        metrics.coverage(Y, MU, SIGMA, 95)


ALL = metrics.POINT_SCORES | metrics.SPREAD_SCORES | metrics.FORECAST_SCORES


@pytest.mark.parametrize("name", ALL)
def test_what_cannot_be_scored_is_an_error_with_a_name(name):
    arrays = arrays_for(name, *np.random.default_rng(7).uniform(0.1, 1, (3, 20, 2)))
    weights = intervals.resample_counts(20, 5)
    for w in ({}, {"weights": weights}) if name in WEIGHTED else ({},):
        with pytest.raises(ValueError, match="nothing to score"):
            ALL[name](*(a[:0] for a in arrays), **w)
        for k in range(len(arrays)):
            broken = [a.copy() for a in arrays]
            broken[k][3, 1] = np.nan
            with pytest.raises(ValueError, match="song 3 .* has a NaN"):
                ALL[name](*broken, **w)
        if name in metrics.FORECAST_SCORES:
            with pytest.raises(ValueError, match="sigma is an SD, at least 0"):
                ALL[name](*arrays[:2], -arrays[2], **w)


def test_a_forecast_that_is_sure():
    """sigma = 0: all of the probability at mu."""
    y, mu = np.array([[0.5, 0.5], [0.5, -1.0]]), np.array([[0.5, 0.5], [0.2, 0.5]])
    zero = np.zeros((2, 2))
    np.testing.assert_allclose(metrics.crps(y, mu, zero), [0.15, 0.75])
    np.testing.assert_allclose(metrics.crps(y, mu, zero), metrics.mae(y, mu))
    np.testing.assert_array_equal(metrics.coverage(y, mu, zero, 0.95), [0.5, 0.5])
    np.testing.assert_array_equal(metrics.calibration_curve(y, mu, zero)[1], 0.5)
    np.testing.assert_array_equal(metrics.gaussian_nll(y[1:], mu[1:], zero[1:]), np.inf)
    np.testing.assert_array_equal(metrics.gaussian_nll(y[:1], mu[:1], zero[:1]), -np.inf)
    some = np.array([[0.0, 0.3], [0.4, 0.0]])
    expected = [metrics.crps(*(a[:, d : d + 1] for a in (y, mu, some)))[0] for d in (0, 1)]
    np.testing.assert_allclose(metrics.crps(y, mu, some), expected)
    assert np.isfinite(metrics.crps(y, mu, some)).all()


# Calibration ---------------------------------------------------------------------------------


def calibrated(n=20_000, factor=1.0, seed=3):
    rng = np.random.default_rng(seed)
    mu, sigma = rng.normal(size=(n, 2)), rng.uniform(0.1, 2, (n, 2))
    return rng.normal(mu, sigma), mu, factor * sigma


def test_a_right_forecast_is_calibrated():
    y, mu, sigma = calibrated()
    levels, observed = metrics.calibration_curve(y, mu, sigma)
    assert observed.shape == (len(levels), 2)
    np.testing.assert_allclose(observed, np.stack([levels] * 2, 1), atol=4 * 0.5 / np.sqrt(len(y)))
    assert metrics.miscalibration_area(y, mu, sigma).max() < 0.01
    for level in metrics.LEVELS:
        error = np.sqrt(level * (1 - level) / len(y))
        np.testing.assert_allclose(metrics.coverage(y, mu, sigma, level), level, atol=4 * error)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_width_bends_the_curve_as_computed(factor):
    y, mu, sigma = calibrated(factor=factor)
    levels, observed = metrics.calibration_curve(y, mu, sigma)
    expected = 2 * norm.cdf(factor * norm.ppf(0.5 + levels / 2)) - 1
    np.testing.assert_allclose(observed, np.stack([expected] * 2, 1), atol=0.015)
    fine = np.linspace(0, 1, 100_001)[1:-1]
    gap = abs(2 * norm.cdf(factor * norm.ppf(0.5 + fine / 2)) - 1 - fine).mean()
    np.testing.assert_allclose(metrics.miscalibration_area(y, mu, sigma), gap, atol=0.01)


def test_calibration_curve_is_coverage_at_every_level():
    y, mu, sigma = calibrated(200)
    levels, observed = metrics.calibration_curve(y, mu, sigma, [0.5, 0.8, 0.95])
    for level, row in zip(levels, observed, strict=True):
        np.testing.assert_allclose(row, metrics.coverage(y, mu, sigma, level))


def test_miscalibration_area_at_both_ends():
    """No width and endless width: the gap is p or 1 - p, so the area is half, less the grid."""
    y, mu, _ = calibrated(100)
    for sigma in (1e-12, 1e12):
        area = metrics.miscalibration_area(y, mu, np.full_like(mu, sigma))
        np.testing.assert_allclose(area, 0.5, atol=0.0101)
        assert (area <= 0.5).all()
