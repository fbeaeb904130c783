"""Panels, and the distribution that says nothing but its mean and SD."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from mer_utils.methods.listeners import (
    Predicted,
    levels,
    maximum_entropy,
    moments_of,
    panel_of,
    panel_of_moments,
)


def test_a_panel_holds_the_moments_of_its_ratings():
    rng = np.random.default_rng(0)
    ratings = rng.integers(1, 6, (7, 2, 12))
    counts = np.stack([(ratings == k).sum(-1) for k in range(1, 6)], -1)
    found = panel_of(counts)
    np.testing.assert_allclose(found.mean, (ratings.mean(-1) - 3) / 2)
    np.testing.assert_allclose(found.sd, ratings.std(-1) / 2)
    np.testing.assert_allclose(found.frequencies, counts / 12)


@pytest.mark.parametrize(
    ("counts", "says"),
    [
        ([[[1, 0, 0]], [[2, 2, 0]]], "song 0 .* fewer than two"),
        ([[[3, -1, 0]]], "at least 0"),
        ([[[3, np.nan, 0]]], "finite"),
    ],
)
def test_bad_counts_are_refused(counts, says):
    with pytest.raises(ValueError, match=says):
        panel_of(counts)


@given(
    st.floats(-0.97, 0.97), st.floats(0.05, 0.95), st.integers(4, 12)
)  # the share of the way from the least to the largest SD
def test_maximum_entropy_has_the_moments(mean, share, n_levels):
    step = 2 / (n_levels - 1)
    part = (mean + 1) / step % 1
    least, most = step**2 * part * (1 - part), 1 - mean**2
    variance = least + share * (most - least)
    p = maximum_entropy(np.array([mean]), np.sqrt([variance]), n_levels)
    got = moments_of(p)
    if variance > least + 0.02 * step**2 and abs(mean) < 1 - step / 50:
        np.testing.assert_allclose(got, [[mean], [np.sqrt(variance)]], atol=1e-6)
    assert (p >= 0).all() and p.sum() == pytest.approx(1)


def test_maximum_entropy_is_what_a_solver_finds():
    v = levels(5)

    def least_entropy(p):
        return float((p * np.log(np.maximum(p, 1e-300))).sum())

    for mean, sd in ((0.2, 0.4), (-0.6, 0.3), (0.0, 0.85)):
        wanted = [
            {"type": "eq", "fun": lambda p: p.sum() - 1},
            {"type": "eq", "fun": lambda p, m=mean: p @ v - m},
            {"type": "eq", "fun": lambda p, m=mean, s=sd: p @ v**2 - m**2 - s**2},
        ]
        start = np.full(5, 0.2)
        best = minimize(least_entropy, start, bounds=[(1e-9, 1)] * 5, constraints=wanted)
        ours = maximum_entropy(np.array(mean), np.array(sd), 5)
        np.testing.assert_allclose(ours, best.x, atol=2e-3)


def test_moments_that_no_ratings_have_move_to_the_nearest():
    p = maximum_entropy([1.2, 0.25, 0.0], [0.3, 0.0, 3.0], 9)
    mean, sd = moments_of(p)
    assert 0.95 < mean[0] < 1
    assert mean[1] == pytest.approx(0.25, abs=1e-5) and sd[1] < 0.04
    assert 0.97 < sd[2] <= 1  # all at the two ends


def test_a_panel_of_moments_is_a_stand_in_and_a_prediction_keeps_its_own():
    found = panel_of_moments([[0.1, -0.3]], [[0.4, 0.5]], 9)
    np.testing.assert_allclose(moments_of(found.frequencies)[1], found.sd, atol=1e-6)
    own = np.full((1, 1, 2, 9), 1 / 9)
    moments = found.mean[None], found.sd[None]
    assert (Predicted(*moments, own).probabilities(9) == own).all()
    np.testing.assert_array_equal(Predicted(*moments).probabilities(9)[0], found.frequencies)
