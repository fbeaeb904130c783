"""Resampled songs, and intervals that cover what they should."""

import numpy as np
import pytest

from mer_utils.scoring import intervals, metrics


def test_resamples_draw_as_many_songs_as_there_are():
    counts = intervals.resample_counts(40, 300, seed=1)
    assert counts.shape == (300, 40)
    np.testing.assert_array_equal(counts.sum(1), 40)
    np.testing.assert_allclose(counts.mean(), 1)
    assert counts.var() == pytest.approx(1 - 1 / 40, rel=0.05)
    np.testing.assert_array_equal(counts, intervals.resample_counts(40, 300, seed=1))
    assert (counts != intervals.resample_counts(40, 300, seed=2)).any()


@pytest.mark.parametrize("name", ["pearson", "r2", "spearman", "mae", "coverage"])
def test_the_interval_covers_the_true_value_about_95_times_in_100(name):
    """Songs from a known population; 2 x 200 intervals. Percentile intervals are a bit short."""
    rng = np.random.default_rng(10)
    rho, n, repeats = 0.6, 150, 200
    score, truth = {
        "pearson": (metrics.pearson, rho),
        "spearman": (metrics.spearman, 6 / np.pi * np.arcsin(rho / 2)),
        "r2": (metrics.r2, 1 - (2 - 2 * rho)),  # E(y - p)^2 with unit variances
        "mae": (metrics.mae, np.sqrt(2 - 2 * rho) * np.sqrt(2 / np.pi)),
        "coverage": (metrics.FORECAST_SCORES["coverage_50"], 0.5),
    }[name]
    hits = np.empty((repeats, 2))
    for k in range(repeats):
        y = rng.normal(size=(n, 2))
        p = rho * y + np.sqrt(1 - rho**2) * rng.normal(size=(n, 2))
        arrays = (y, p)
        if name == "coverage":
            arrays = (y, np.zeros_like(y), np.ones_like(y))
        _, low, high = intervals.bootstrap(score, *arrays, n_resamples=200, seed=k)
        hits[k] = (low <= truth) & (truth <= high)
    # 95% nominal, 92% allowed for the method, and 3 binomial errors of 400 intervals each way
    low, high = (
        p + side * 3 * np.sqrt(p * (1 - p) / hits.size) for p, side in ((0.92, -1), (0.95, 1))
    )
    assert low < hits.mean() < high


def test_value_is_the_score_and_members_are_averaged_before_the_percentiles():
    rng = np.random.default_rng(4)
    y = rng.normal(size=(80, 2))
    p = y + rng.normal(size=(5, 80, 2))
    value, low, high = intervals.bootstrap(metrics.r2, y, p, n_resamples=400)
    np.testing.assert_allclose(value, metrics.r2(y, p).mean(0))
    assert (low < value).all() and (value < high).all()
    draws = metrics.r2(y, p, weights=intervals.resample_counts(80, 400)).mean(1)
    np.testing.assert_allclose([low, high], np.quantile(draws, [0.025, 0.975], axis=0))


def test_bootstrap_repeats_for_a_seed_and_narrows_with_the_level():
    rng = np.random.default_rng(5)
    y, p = rng.normal(size=(2, 60, 2))
    a, b = (intervals.bootstrap(metrics.mae, y, p, n_resamples=100, seed=3) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    _, low, high = intervals.bootstrap(metrics.mae, y, p, n_resamples=100, seed=3, level=0.5)
    assert (low > a[1]).all() and (high < a[2]).all()


def test_bootstrap_of_a_score_that_is_not_defined_is_nan():
    y = np.random.default_rng(6).normal(size=(60, 2))
    p = np.stack([y[:, 0], np.full(60, 0.37)], axis=1)
    for score in (metrics.pearson, metrics.spearman):
        for number in intervals.bootstrap(score, y, p, n_resamples=50):
            assert number[0] == pytest.approx(1) and np.isnan(number[1])
