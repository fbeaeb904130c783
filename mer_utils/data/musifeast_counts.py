"""Histograms of MUSIFEAST-17's listeners: how many gave a clip each rating from 1 to 5."""

from functools import lru_cache
from itertools import combinations_with_replacement
from math import factorial, prod

import numpy as np

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, SCALE, tables


@lru_cache
def _histograms(n: int) -> dict:
    """(sum, sum of squares) of ``n`` whole ratings -> listeners at each of 1 to 5, and how sure.

    The second is the number of histograms that have these sums. Of several the average counts, each
    weighed by the number of orders in which its ratings could have come.
    """
    levels, found = np.arange(SCALE[0], SCALE[1] + 1), {}
    for ratings in combinations_with_replacement(levels, n):
        histogram = np.array([ratings.count(level) for level in levels])
        orders = factorial(n) / prod(map(factorial, histogram))
        sums = int(histogram @ levels), int(histogram @ levels**2)
        found.setdefault(sums, []).append((orders, histogram))
    return {
        sums: (sum(w * h for w, h in ways) / sum(w for w, _ in ways), len(ways))
        for sums, ways in found.items()
    }


def counts(groups=GROUPS, dimensions=DIMENSIONS) -> np.ndarray:
    """Listeners at each rating from 1 to 5, clips in order of name: (n_clips, n_dimensions, 5).

    The authors publish means and SDs of each group; we know the sums and the sums of squares.
    They fix the histogram of a group of three to six on most clips, see :func:`sure`; elsewhere it
    is the average of those that are possible, with parts of listeners. Number, mean and SD are
    exact.
    """
    return _cells(groups, dimensions)[0]


def from_sums(n: int, total: int, square: int) -> np.ndarray:
    """What :func:`counts` says of ``n`` ratings, by their sum and that of their squares: (5,)."""
    return _histograms(n)[total, square][0]


def sure(groups=GROUPS, dimensions=DIMENSIONS) -> float:
    """Share of (clip, group, dimension) whose histogram is known and no average."""
    return float(_cells(groups, dimensions)[1].mean())


def _cells(groups, dimensions):
    ratings = tables()[0]
    ratings = ratings[ratings.index.get_level_values("group").isin(groups)]
    clip = np.unique(ratings.index.get_level_values("clip"), return_inverse=True)[1]
    found, known = np.zeros((len(tables()[1]), len(dimensions), 5)), []
    for d, name in enumerate(dimensions):
        columns = ratings[["n", f"{name}_sum", f"{name}_sumsq"]].itertuples(index=False)
        cells = [_histograms(n)[total, square] for n, total, square in columns]
        np.add.at(found[:, d], clip, np.array([histogram for histogram, _ in cells]))
        known.append([ways == 1 for _, ways in cells])
    return found, np.array(known)
