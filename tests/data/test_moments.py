"""Means and SDs against a scale: nothing that raters can say is refused, and a wrong scale is one
problem."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_utils.data.csv_tables import DataError
from mer_utils.data.deam import load_deam
from mer_utils.data.moments import misfit, part_of_scale


def drawn(low, high, n_items=200, n=10, seed=0):
    """Means and SDs of ratings near a random place, each (n_items, 1)."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(low, high, (n_items, 1))
    ratings = np.rint(place + rng.normal(size=(n_items, n)) * (high - low) / 4).clip(low, high)
    return ratings.mean(1, keepdims=True), ratings.std(1, keepdims=True)


@settings(max_examples=60)
@given(st.data())
def test_no_ratings_on_the_scale_make_it_speak(data):
    low = data.draw(st.integers(-5, 1))
    high = data.draw(st.integers(low + 1, low + 100))
    items = st.lists(st.integers(low, high), min_size=2, max_size=6)
    ratings = data.draw(st.lists(items, min_size=1, max_size=30))
    mean = np.array([[np.mean(r)] for r in ratings])
    ddof = data.draw(st.sampled_from([0, 1]))
    widest = np.array([[np.sqrt(len(r) / (len(r) - ddof))] for r in ratings])
    sd = np.array([[np.std(r, ddof=ddof)] for r in ratings])
    assert misfit(mean, sd, (low, high), widest) == ""
    assert misfit(mean, None, (low, high)) == ""


@pytest.mark.parametrize("low, high", [(1, 5), (1, 9), (0, 100)])
def test_other_scales_are_seen(low, high):
    mean, sd = drawn(low, high)
    assert misfit(mean, sd, (low, high)) == "" and part_of_scale(mean, (low, high)) == ""
    half = (high - low) / 2
    model = (mean - (low + high) / 2) / half
    if low == 1:  # from 0 on, half of -1 to 1 would be on the scale
        assert "looks like model space" in misfit(model, sd / half, (low, high))
    assert "another scale" in misfit(mean * 10 + 3, sd * 10, (low, high))
    if high > 5:  # SDs near 1 are as large as their squares
        assert "looks like variances; give SDs" in misfit(mean, sd**2, (low, high))
    odd = part_of_scale((mean - low) / 2.1 + low, (low, high))
    assert f"in one half of the scale {low} to {high}" in odd
    assert part_of_scale(mean[:19] / 100 + low, (low, high)) == "", "19 items may be alike"


def test_a_few_wrong_values_stay_lines(tmp_path):
    mean, sd = drawn(1, 9)
    mean[:5], sd[5:9] = 11, 3.9
    assert misfit(mean, np.minimum(sd, 3.9), (1, 9)) == ""


def test_deam_on_another_scale_is_one_problem(tmp_path):
    from deam_folder import averaged

    mean, sd = (np.hstack([x, x]) for x in drawn(1, 9))
    for m, s, said in (
        ((mean - 5) / 4, sd / 4, "model space, -1 to 1"),
        (mean * 10, sd * 10, "another scale"),
        (mean, sd**2, "looks like variances"),
    ):
        rows = [(i + 1, m[i, 0], s[i, 0], m[i, 1], s[i, 1]) for i in range(len(m))]
        averaged(tmp_path, rows)
        with pytest.raises(DataError, match=said) as caught:
            load_deam(tmp_path, features=None)
        assert len(caught.value.problems) == 1
