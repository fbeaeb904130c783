"""Quantiles beside crepes; coverage where it is known; what the table promises."""

from itertools import combinations

import conformal as study
import numpy as np
import pytest
from crepes import ConformalRegressor


@pytest.mark.parametrize("way", ["plain", "normalised", "thirds"])
def test_intervals_are_those_of_crepes_where_one_listener_rates_a_clip(way):
    rng, m = np.random.default_rng(0), 120
    mu, sigma = rng.uniform(2, 4, m), rng.uniform(0.5, 1.5, m)
    rated = rng.integers(1, 6, m)
    n = np.eye(5)[rated - 1]
    given, bins = np.ones(m), np.zeros(m, int)
    if way == "normalised":
        given = sigma
    if way == "thirds":
        bins = np.digitize(sigma, [0.8, 1.2])
    fit, wanted = np.arange(90), np.arange(90, m)
    half = study.half_widths(mu, given, bins, n, fit, wanted, "hierarchical", rng)
    model = ConformalRegressor().fit(rated[:90] - mu[:90], sigmas=given[:90], bins=bins[:90])
    theirs = model.predict_int(mu[90:], sigmas=given[90:], bins=bins[90:], confidence=study.LEVEL)
    np.testing.assert_allclose(np.stack([mu[90:] - half, mu[90:] + half], 1), theirs)


def test_weights_leave_one_clip_at_infinity():
    rng = np.random.default_rng(0)
    n = np.array([[1.0, 2, 0, 0, 1], [0, 0, 3, 3, 0]])
    whole = study.weights_of(n, "hierarchical", rng)
    assert whole.sum() == pytest.approx(2 / 3) and whole[0, 1] == pytest.approx(1 / 6)
    drawn = np.mean([study.weights_of(n, "subsample", rng) for _ in range(4000)], 0)
    np.testing.assert_allclose(drawn, whole, atol=0.02)
    assert study.weights_of(n, "pooled", rng).sum() == pytest.approx(10 / 11)
    assert study.quantile(n, whole, 0.9) == np.inf


def test_clips_as_units_cover_and_pooled_ratings_promise_too_much():
    found = study.simulated(400, (10, 60), (1.0,), seed=1)
    found = found.set_index(["m", "calibration", "what"])
    value, high = found["value"], found["high"]
    for way in ("hierarchical", "subsample"):
        assert (high.xs((way, "coverage"), level=(1, 2)) >= study.LEVEL).all()
    assert high[10, "pooled", "coverage"] < study.LEVEL
    assert value[60, "pooled", "spread"] > 1.5 * value[60, "pooled", "believed"]
    assert value[10, "hierarchical", "spread"] < value[10, "subsample", "spread"]


def test_halves_are_followed_by_their_complements_backwards():
    halves = list(combinations(range(8), 4))
    for one, other in zip(halves, halves[::-1], strict=True):
        assert sorted(one + other) == list(range(8))


def test_moments_and_coverage_by_hand():
    n = np.array([[1.0, 0, 0, 0, 1], [0, 2, 0, 2, 0]])
    mean, sd = study.moments(n)
    assert mean == pytest.approx([3, 3]) and sd == pytest.approx([8**0.5, (4 / 3) ** 0.5])
    ends = np.array([[1.0, 2.5], [4.0, 4.0]])
    assert study.covered(ends, n) == pytest.approx([0.5, 0.5])
    assert study.interval_score(*ends, n) == pytest.approx([3 + 20 * 0.5, 1.5 + 20 * 0.25])


def test_the_table_of_real_listeners():
    found = study.table(("arousal",), foldings=1, n_resamples=60)
    assert (found["low"] <= found["value"]).all() and (found["value"] <= found["high"]).all()
    cover = found[found["what"] == "coverage"].set_index(["listeners", "calibration", "score"])
    assert cover["value"].between(0.86, 0.96).all()
    assert len(cover) == 3 * 5 + 3 * 4
    thirds = found[found["what"].str.startswith("coverage_sd") & (found["score"] == "plain")]
    assert thirds["value"].mean() == pytest.approx(
        cover["value"]["same", "hierarchical", "plain"], abs=0.02
    )
