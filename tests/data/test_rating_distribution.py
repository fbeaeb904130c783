"""The distribution of one rating: probabilities, moments, and the way back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_utils.data.rating_distribution import rating_moments, rating_probabilities, solve_moments
from mer_utils.data.ratings import sd_bound


def test_probabilities_of_a_narrow_and_a_wide_normal():
    assert rating_probabilities(3.0, 1e-3) == pytest.approx(np.eye(9)[2])
    assert rating_probabilities(5.0, 1e9) == pytest.approx(
        [0.5, 0, 0, 0, 0, 0, 0, 0, 0.5], abs=1e-6
    )
    loc, scale = np.array([[-4.0, 5.2], [14.0, 8.9]]), np.array([[0.7, 2.0], [1.0, 5.0]])
    p = rating_probabilities(loc, scale)
    assert p.shape == (2, 2, 9)
    assert p.sum(-1) == pytest.approx(1)
    assert (p >= 0).all()


def test_moments_agree_with_brute_force():
    draws = np.random.default_rng(0).normal(6.3, 2.1, 400_000)
    ratings = np.clip(np.rint(draws), 1, 9)
    mean, sd = rating_moments(6.3, 2.1)
    assert mean == pytest.approx(ratings.mean(), abs=0.015)
    assert sd == pytest.approx(ratings.std(), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(1.01, 8.99), st.floats(0.02, 0.98)), min_size=1, max_size=6))
def test_solver_meets_every_feasible_pair(pairs):
    mean, place = np.array(pairs).T
    fraction = mean % 1
    lowest = np.sqrt(fraction * (1 - fraction))
    sd = lowest + place * (sd_bound(mean) - lowest)
    got = rating_moments(*solve_moments(mean, sd))
    assert np.abs(got[0] - mean).max() < 1e-6
    assert np.abs(got[1] - sd).max() < 1e-6


def test_solver_is_symmetric_about_the_middle():
    loc, scale = solve_moments([5.0, 3.2, 6.8], [1.6, 1.4, 1.4])
    assert loc[0] == pytest.approx(5)
    assert loc[1] - 5 == pytest.approx(5 - loc[2])
    assert scale[1] == pytest.approx(scale[2])


@pytest.mark.parametrize(
    "mean, sd",
    [(5, 4.0), (5, 4.1), (2, 2.7), (5.5, 0.5), (5.5, 0.3), (3, 0), (1, 0.5), (9.2, 1)]
    + [(np.nan, 1), (5, np.nan), (5, -1)],
)
def test_solver_refuses_what_no_ratings_can_have(mean, sd):
    with pytest.raises(
        ValueError, match=r"no rating on 1..9 has mean .*\(1 such pairs, the first at \(1,\)\)"
    ):
        solve_moments([4.0, mean], [1.5, sd])
