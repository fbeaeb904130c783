"""All panels behind a published pair: counted, and weighted by brute force."""

from itertools import product

import numpy as np
import pytest
import rival_surrogates
from ceiling_worlds import world


def test_multisets_are_complete_and_weighted():
    known = rival_surrogates.multisets(10)
    assert len(known.total) == 43_758
    assert np.exp(known.log_multiplicity).sum() == pytest.approx(9.0**10)
    assert (known.counts.sum(1) == 10).all()
    assert (known.counts @ rival_surrogates.RATINGS == known.total).all()
    with pytest.raises(ValueError, match="4, 6, 8 or 10"):
        rival_surrogates.multisets(11)


def test_split_halves_of_four_raters_by_hand():
    known = rival_surrogates.multisets(4)
    row = np.flatnonzero((known.counts[:, [0, 2, 4, 8]] == 1).all(1))[0]  # 1 3 5 9
    halves = [((1, 3), (5, 9)), ((1, 5), (3, 9)), ((1, 9), (3, 5))]
    sds = np.array([[np.std(a, ddof=1), np.std(b, ddof=1)] for a, b in halves])
    assert known.product[row] == pytest.approx(np.prod(sds, axis=1).mean(), rel=1e-6)
    assert known.half[row] == pytest.approx(sds.mean(), rel=1e-6)
    assert known.half_square[row] == pytest.approx((sds**2).mean(), rel=1e-6)


def test_weights_equal_brute_force_for_four_raters():
    every = np.array(list(product(range(1, 10), repeat=4)))
    pick = (every.sum(1) == 18) & ((every**2).sum(1) == 90)
    a, b = every[pick, :2].std(1, ddof=1), every[pick, 2:].std(1, ddof=1)
    mean, sd = 4.5, np.sqrt(90 / 4 - 4.5**2)
    found = rival_surrogates.surrogates([mean], [sd], 4)
    assert found.product[0] == pytest.approx((a * b).mean(), rel=1e-6)
    assert found.half[0] == pytest.approx(a.mean(), rel=1e-6)


def test_impossible_pairs_are_left_out():
    found = rival_surrogates.surrogates([5.0, 5.03, 5.0], [1.0, 1.0, 4.5])
    assert found.possible.tolist()[1:] == [0, 0] and found.possible[0] > 0
    assert np.isnan(found.half[1])


def test_weights_of_one_are_the_estimate():
    mean, sd, _, _ = world(n_songs=400)
    found = rival_surrogates.surrogates(mean, sd)
    assert rival_surrogates.surrogate_reliability(found, sd, np.ones((1, 400))) == pytest.approx(
        rival_surrogates.surrogate_reliability(found, sd)
    )
