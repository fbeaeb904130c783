"""Scores of single ratings: against brute force, proper, and a bound that is unbiased."""

import numpy as np
import pytest

from mer_utils.methods.listeners import levels
from mer_utils.scoring import next_listener as study

RNG = np.random.default_rng(0)
K, N, D = 5, 12, 2
P = RNG.dirichlet(np.ones(K), (3, N, D))  # three members
COUNTS = RNG.integers(0, 4, (N, D, K)) + np.eye(K, dtype=int)[RNG.integers(0, K, (N, D))]


def ratings(counts):
    """Indices of the levels, one for each listener."""
    return np.repeat(np.arange(len(counts)), counts)


def over_listeners(score):
    """Mean over a song's listeners of ``score(p, level)``: (members, N, D), one at a time."""
    out = np.empty(P.shape[:3])
    for m, i, d in np.ndindex(*out.shape):
        out[m, i, d] = np.mean([score(P[m, i, d], y) for y in ratings(COUNTS[i, d])])
    return out


def test_crps_is_distance_to_the_rating_less_half_that_of_two_predictions():
    v = levels(K)

    def single(p, y):
        apart = np.abs(v[:, None] - v[None])
        return p @ np.abs(v - v[y]) - p @ apart @ p / 2

    np.testing.assert_allclose(study.crps(P, COUNTS), over_listeners(single), atol=1e-12)


def test_the_log_score_is_that_of_single_ratings_and_survives_an_impossible_one():
    np.testing.assert_allclose(
        study.log_score(P, COUNTS, least=0.0), over_listeners(lambda p, y: -np.log(p[y]))
    )
    sure = np.zeros((1, 1, K))
    sure[..., 0] = 1.0
    other = np.zeros((1, 1, K))
    other[..., 1] = 7
    assert study.log_score(sure, other) == pytest.approx(-np.log(study.LEAST / K))


def test_dawid_sebastiani_of_moments_is_the_average_over_single_ratings():
    v = levels(K)
    shares = COUNTS / COUNTS.sum(-1, keepdims=True)
    mean = shares @ v
    sd = np.sqrt(shares @ v**2 - mean**2)
    mu, sigma = P @ v, np.sqrt(P @ v**2 - (P @ v) ** 2)
    each = over_listeners(
        lambda p, y: (
            np.log(p @ v**2 - (p @ v) ** 2) + (v[y] - p @ v) ** 2 / (p @ v**2 - (p @ v) ** 2)
        )
    )
    np.testing.assert_allclose(study.dawid_sebastiani(mu, sigma, mean, sd), each)


@pytest.mark.parametrize("score", [study.crps, lambda p, n: study.log_score(p, n, least=0.0)])
def test_scores_are_proper(score):
    """With the listeners' own distribution as what is expected, nothing scores lower than it."""
    truth = RNG.dirichlet(np.ones(K), (40, 1))
    best = score(truth, truth)
    for step in (0.01, 0.1, 0.5):
        other = (1 - step) * truth + step * RNG.dirichlet(np.ones(K), (40, 1))
        assert (score(other, truth) > best).all()


def test_dawid_sebastiani_is_least_at_the_true_moments():
    best = study.dawid_sebastiani(0.2, 0.4, 0.2, 0.4)
    for mu, sigma in ((0.21, 0.4), (0.19, 0.4), (0.2, 0.41), (0.2, 0.39)):
        assert study.dawid_sebastiani(mu, sigma, 0.2, 0.4) > best
    with pytest.raises(ValueError, match="must be above 0"):
        study.dawid_sebastiani(0.2, 0.0, 0.2, 0.4)


@pytest.mark.parametrize("n", [2, 9])
def test_the_best_crps_is_unbiased_however_few_listeners(n):
    truth = np.array([0.1, 0.1, 0.3, 0.4, 0.1])
    draws = np.random.default_rng(1).multinomial(n, truth, (20_000, 1))
    found = study.best_crps(draws)
    known = study.crps(truth[None, None], truth[None, None])[0, 0]
    assert found.mean() == pytest.approx(known, abs=4 * found.std() / np.sqrt(len(found)))
    own = study.crps(draws / n, draws)  # a panel that foretells itself looks better than possible
    assert own.mean() < known * (1 - 0.9 / n)


def test_pit_is_that_of_czado_and_flat_where_the_prediction_is_right():
    heights = study.pit_histogram(P, COUNTS, bins=7)
    for m, d in np.ndindex(3, D):
        at = np.zeros(8)
        for i in range(N):
            upper = np.r_[0, P[m, i, d].cumsum()]
            for y in ratings(COUNTS[i, d]):
                at += np.clip((np.linspace(0, 1, 8) - upper[y]) / (upper[y + 1] - upper[y]), 0, 1)
        np.testing.assert_allclose(heights[m, d], np.diff(at) * 7 / COUNTS[:, d].sum(), atol=1e-9)
    right = study.pit_histogram(P[:1], np.round(P[0] * 1e6))
    np.testing.assert_allclose(right, 1, atol=1e-4)


def test_narrow_predictions_give_a_u_and_wide_ones_a_hill():
    truth = np.array([0.1, 0.2, 0.4, 0.2, 0.1])[None, None]
    narrow, wide = np.array([0.02, 0.18, 0.6, 0.18, 0.02]), np.full(5, 0.2)
    u, hill = (study.pit_histogram(p[None, None], truth)[0] for p in (narrow, wide))
    assert u[0] > 1.2 and u[4] < 1 and hill[0] < 0.8 and hill[4] > 1.2


def test_coverage_is_counted_and_promised_by_the_interval_itself():
    inside, promised, width = study.coverage(P, COUNTS)
    for m, i, d in np.ndindex(*P.shape[:3]):
        upper = P[m, i, d].cumsum()
        first, last = np.searchsorted(upper, [0.1, 0.9])
        rated = ratings(COUNTS[i, d])
        assert inside[m, i, d] == pytest.approx(((rated >= first) & (rated <= last)).mean())
        assert promised[m, i, d] == pytest.approx(P[m, i, d, first : last + 1].sum())
        assert width[m, i, d] == pytest.approx((last - first + 1) / 2)
    assert (promised > 0.8 - 1e-9).all()


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ValueError, match="songs differ"):
        study.crps(P[:, :4], COUNTS)
    with pytest.raises(ValueError, match="sum to 1"):
        study.log_score(2 * P, COUNTS)
    nobody = COUNTS.copy()
    nobody[3, 1] = 0
    with pytest.raises(ValueError, match="song 3 .* no listeners"):
        study.crps(P, nobody)
    nobody[3, 1, 0] = 1
    with pytest.raises(ValueError, match="song 3 .* fewer than two"):
        study.best_crps(nobody)
