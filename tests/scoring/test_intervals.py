"""Resampled songs, and intervals that cover what they should."""

import numpy as np
import pytest

from mer_utils.scoring import intervals, metrics
from mer_utils.scoring.score_table import within_folds


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
    moved = draws - np.median(draws, axis=0) + value
    np.testing.assert_allclose([low, high], np.quantile(moved, [0.025, 0.975], axis=0))


def test_resamples_are_moved_to_the_value_and_not_beyond_what_a_score_can_be():
    draws = np.random.default_rng(0).normal(5, 1, (4000, 2))
    low, high = intervals.centred(draws, np.array([10.0, 11.0]))
    assert (low + high) / 2 == pytest.approx([10, 11], abs=0.1)
    assert high - low == pytest.approx([3.92, 3.92], rel=0.06)
    near = np.linspace(0.5, 0.99, 100)[:, None]  # the median is 0.745, so ends move by 0.2
    assert intervals.centred(near, [0.945])[1] == 1 and intervals.centred(-near, [-0.945])[0] == -1
    assert intervals.centred(near + 1, [1.945])[1] > 2, "a score that can be above 1"


def covers(score, fold, truth_of, predict, repeats=600):
    """Share of intervals, before and after centring, that hold the score's average over samples.

    Many samples at once: each column is a sample of its own, under the same resamples.
    """
    rng, n = np.random.default_rng(20), len(fold)
    y = truth_of(rng, (n, repeats))
    p = predict(rng, y)
    averaged = within_folds(score, fold)
    value = averaged(y, p)
    many = truth_of(rng, (n, 4000))
    target = averaged(many, predict(rng, many)).mean()
    draws = averaged(y, p, weights=intervals.resample_counts(n, 300, 1))
    ends = np.quantile(draws, [0.025, 0.975], axis=0), intervals.centred(draws, value)
    inside = [np.mean((low <= value) & (value <= high)) for low, high in ends]
    return *(np.mean((low <= target) & (target <= high)) for low, high in ends), *inside


def normal(rng, shape):
    return rng.normal(size=shape)


def like_sds(rng, shape):
    return np.sqrt(rng.chisquare(9, shape))


def correlated(rho, slope):
    def predict(rng, y):
        z = (y - y.mean()) / y.std()
        return y.mean() + slope * (rho * z + np.sqrt(1 - rho**2) * rng.normal(size=y.shape))

    return predict


FIVE_OF_71, ONE_OF_262 = np.repeat(np.arange(5), 71), np.zeros(262, int)


@pytest.mark.parametrize("fold", [FIVE_OF_71, ONE_OF_262], ids=["5 x 71", "262"])
@pytest.mark.parametrize("truth", [normal, like_sds])
@pytest.mark.parametrize(
    ("score", "predict"),
    [
        (metrics.r2, correlated(0.4, 0.55)),  # R2 about 0.1 (normal truth)
        (metrics.r2, correlated(0.3, 0.6)),  # about 0
        (metrics.r2, correlated(0.2, 0.8)),  # about -0.3
        (metrics.r2, correlated(0.0, 0.0)),  # a constant
        (metrics.r2, lambda rng, y: np.full(y.shape, y.mean() + 0.55 * y.std())),  # a wrong one
        (metrics.pearson, correlated(0.0, 1)),
        (metrics.pearson, correlated(0.3, 1)),
        (metrics.pearson, correlated(0.7, 1)),
    ],
)
def test_centring_brings_coverage_nearer_to_95(score, predict, truth, fold):
    before, after, _, inside = covers(score, fold, truth, predict)
    assert inside == 1, "no value lies outside its own interval"
    noise = 3 * np.sqrt(0.05 * 0.95 / 600)
    assert after >= before - noise / 3 and after > 0.93 - noise


def test_centring_mends_what_it_should():
    """R2 in folds of 71 songs: intervals were too low, and some constants lay above theirs."""
    before, after, *_ = covers(metrics.r2, FIVE_OF_71, like_sds, correlated(0.2, 0.8), 2000)
    assert before < 0.94 < after
    *_, inside_before, inside = covers(metrics.r2, FIVE_OF_71, normal, correlated(0.0, 0.0))
    assert inside_before < 0.98 and inside == 1


def test_tables_of_few_songs_have_wide_intervals_around_the_value():
    fold = np.repeat(np.arange(5), 8)
    before, after, _, inside = covers(metrics.r2, fold, normal, correlated(0.75, 0.75))
    assert inside == 1 and after > 0.95 > before


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
