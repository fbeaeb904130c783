"""The jackknife over groups of listeners: known cases, and a small run."""

import numpy as np
import people
import pytest

from mer_utils.data.musifeast import GROUPS


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=(8, 2))
    without = np.array([np.delete(values, k, 0).mean(0) for k in range(8)])
    mean, low, high = people.jackknife(without)
    assert mean == pytest.approx(values.mean(0))
    error = values.std(0, ddof=1) / np.sqrt(8)
    assert (high - low) / 2 == pytest.approx(2.3646 * error, rel=1e-4)
    same = people.jackknife(np.ones((8, 2)))
    assert np.ptp(same) == 0


def test_the_group_that_is_left_out_is_not_asked(monkeypatch):
    asked, load = set(), people.load_musifeast
    monkeypatch.setattr(people, "load_musifeast", lambda who: asked.update(who) or load(who))
    found = people.left_out(GROUPS[2], draws=2)
    assert GROUPS[2] not in asked and len(asked) >= 6
    assert found.shape == (3, 2)
    np.testing.assert_allclose(found[2], found[1] - found[0])
