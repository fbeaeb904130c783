"""Histograms of listeners: what is known of them exactly, and the rest as an average."""

import numpy as np
import pandas as pd
import pytest

from mer_utils.data import musifeast_counts
from mer_utils.data.musifeast import FEW, GROUPS, panel


@pytest.mark.parametrize("groups", [GROUPS, FEW, ("US18to30",)])
def test_counts_hold_what_is_known_exactly(groups):
    counts, found, levels = musifeast_counts.counts(groups), panel(groups), np.arange(1, 6)
    n, total, square = counts.sum(-1), counts @ levels, counts @ levels**2
    np.testing.assert_allclose(n, np.stack([found.n] * 2, 1), atol=1e-9)
    np.testing.assert_allclose(total / n, found.mean, atol=1e-9)
    np.testing.assert_allclose((square - total**2 / n) / (n - 1), found.sd**2, atol=1e-9)
    assert (counts >= 0).all() and musifeast_counts.sure(groups) > 0.85


def test_sums_of_one_histogram_of_two_and_of_none():
    np.testing.assert_array_equal(musifeast_counts.from_sums(3, 7, 21), [1, 1, 0, 1, 0])
    # 1 1 4 4 and 1 2 2 5 have the same sums; they can come in 6 and in 12 orders
    both = (6 * np.array([2, 0, 0, 2, 0]) + 12 * np.array([1, 2, 0, 0, 1])) / 18
    np.testing.assert_allclose(musifeast_counts.from_sums(4, 10, 34), both)
    with pytest.raises(KeyError):
        musifeast_counts.from_sums(3, 7, 20)


def test_counts_are_those_of_the_histogram_where_it_is_known(musifeast17_root):
    text = {"valence": str, "arousal": str}
    table = pd.read_csv(musifeast17_root / "ratings_reconstructed.csv", dtype=text)
    group = GROUPS[3]
    rows = table[table["stratum"].eq(group)].sort_values("clip").reset_index(drop=True)
    counts = musifeast_counts.counts((group,))
    for d, name in enumerate(text):
        sure = rows[f"{name}_ncand"].eq(1).to_numpy()
        digits = [[ratings.count(str(k)) for k in range(1, 6)] for ratings in rows[name]]
        assert 0.5 < sure.mean() < 1
        np.testing.assert_array_equal(counts[sure, d], np.array(digits)[sure])
        assert (counts[~sure, d] % 1 > 0).any(axis=1).all()  # the others are averages
