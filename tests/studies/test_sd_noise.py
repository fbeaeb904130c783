"""How far the SD of a few raters strays: formulas against draws."""

import numpy as np
import pytest
import sd_noise
from ceiling_worlds import GRID
from hypothesis import given
from hypothesis import strategies as st
from rival_shape import with_lapses
from scipy.special import gamma as gamma_function

from mer_utils.data.agreement import spearman_brown
from mer_utils.data.rating_distribution import rating_probabilities


def draw(p, n, size, seed=0):
    """SDs (ddof=1) of panels of n."""
    counts = np.random.default_rng(seed).multinomial(n, p, size)
    mean = counts @ GRID / n
    return np.sqrt(np.maximum(counts @ GRID**2 / n - mean**2, 0) * n / (n - 1))


def test_normal_ratings_give_c4():
    n = np.array([2, 5, 10, 60])
    c4 = np.sqrt(2 / (n - 1)) * gamma_function(n / 2) / gamma_function((n - 1) / 2)
    np.testing.assert_allclose(sd_noise.shrinkage(n), c4, rtol=1e-6)
    expected, variance = sd_noise.sd_moments(2.0, 10, ddof=0)
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
    _, sigma, shape = sd_noise.shape_of(p)
    found = draw(p, n, 200_000)
    expected, variance = sd_noise.sd_moments(sigma, n, shape, ddof=1)
    assert expected == pytest.approx(found.mean(), rel=0.004)
    assert variance == pytest.approx(found.var(), rel=0.035)


def test_the_correction_matters():
    # without the third moment the noise of flat ratings comes out clearly too small
    _, sigma, shape = sd_noise.shape_of(np.full(9, 1 / 9))
    found = draw(np.full(9, 1 / 9), 10, 200_000).var()
    kurtosis = float(shape.kurtosis)
    v = sd_noise.relative_variance(10, kurtosis)
    chi = 1 - (gamma_function(1 / v + 0.5) / gamma_function(1 / v) * np.sqrt(v)) ** 2
    assert chi * sigma**2 < 0.95 * found
    assert sd_noise.sd_moments(sigma, 10, shape, ddof=1)[1] == pytest.approx(found, rel=0.03)


def test_impossible_kurtosis_and_panels_are_refused():
    with pytest.raises(ValueError, match="below -2"):
        sd_noise.shrinkage(10, sd_noise.Shape(-2.1))
    with pytest.raises(ValueError, match="2 raters"):
        sd_noise.shrinkage(1)
    with pytest.raises(ValueError, match="between 0 and 1"):
        sd_noise.raters_for_reliability(1.0, 0.2, 10)


@given(st.floats(0.02, 0.9), st.floats(-1.0, 1.0), st.sampled_from([5, 10, 30]))
def test_raters_needed_and_stepping_undo_each_other(rho, kurtosis, n):
    shape = sd_noise.Shape(kurtosis)
    more = float(sd_noise.step_sd_reliability(rho, n, 3 * n, shape))
    assert rho < more < 1
    assert sd_noise.raters_for_reliability(more, rho, n, shape) == pytest.approx(3 * n, rel=1e-4)
    step = float(spearman_brown(rho, 3))
    assert sd_noise.raters_for_reliability(step, rho, n, statistic="mean") == pytest.approx(3 * n)


def test_no_reliability_is_never_enough():
    assert sd_noise.raters_for_reliability(0.5, 0.0, 10) == np.inf
    assert sd_noise.raters_for_reliability(0.5, -0.1, 10, statistic="mean") == np.inf
