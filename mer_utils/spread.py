r"""What the spread of several predictions is worth: gain, parts of the variance, stability.

``samples`` are predicted means along the first axis: one per training seed,
``(n_samples, n_songs, 2)``, or one per dropout pass and seed, ``(n_samples, n_members, n_songs,
2)``. Everything is in model space. Nothing here trains or draws a figure.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mer_utils.dataset import DIMENSIONS
from mer_utils.metrics import r2, spearman


def gain_over_average(mean, ensemble, members, weights=None):
    r"""R2 of an ensemble's mean minus the average R2 of its members; at least 0, (2,).

    The gain is the members' disagreement, exactly: :math:`\overline{s^2} (T-1)/T` over the
    variance of ``mean``, with ``s`` the spread (ddof=1) of ``T`` members.

    Parameters
    ----------
    mean, ensemble : arrays, (n_songs, 2)
    members : array, (n_members, n_songs, 2); ``ensemble`` is their average
    weights : array, (n_resamples, n_songs), optional
        As in :mod:`mer_utils.metrics`; the result is then (n_resamples, 2).

    Source: Krogh & Vedelsby (1995).
    """
    return r2(mean, ensemble, weights) - r2(mean, members, weights).mean(-2)


def r2_by_size(mean, samples, *, orders=100, seed=0):
    """R2 of the average of 1, 2, ..., n_samples samples: (n_samples, ..., 2).

    Each size is an average over ``orders`` random orders of the samples.
    """
    samples = np.asarray(samples, float)
    rng = np.random.default_rng(seed)
    size = np.arange(1, len(samples) + 1).reshape(-1, *[1] * (samples.ndim - 1))
    total = 0.0
    for _ in range(orders):
        total = total + r2(mean, np.cumsum(samples[rng.permutation(len(samples))], 0) / size)
    return total / orders


def spread_stability(samples, sizes, *, draws=100, seed=0) -> pd.DataFrame:
    """How well a spread from few samples is measured.

    For each size T, T samples and T *other* samples are drawn ``draws`` times, and their
    two spreads (ddof=1) are compared. Averages over dimensions and members.

    Parameters
    ----------
    samples : array, see the top of this module
    sizes : sequence of int, at least 2 each
        Sizes that need more than all samples are left out.

    Returns
    -------
    pandas.DataFrame
        Index ``size``; ``agreement``: rank correlation of the two spreads over songs, 1 if
        the spread is a stable property of a song, 0 if it is accident; ``relative_error``:
        standard error of one spread as a share of the average spread, about
        ``1 / sqrt(2 (T - 1))`` for Gaussian samples; lower is better.
    """
    samples = np.asarray(samples, float)
    rng = np.random.default_rng(seed)
    rows = {}
    for size in (t for t in sizes if 2 * t <= len(samples)):
        agreement, squares, level = [], [], []
        for _ in range(draws):
            drawn = samples[rng.permutation(len(samples))[: 2 * size]]
            one, other = (half.std(0, ddof=1) for half in (drawn[:size], drawn[size:]))
            agreement.append(rank_agreement(one, other))
            squares.append(np.mean((one - other) ** 2) / 2)
            level.append(np.mean(one + other) / 2)
        error = np.sqrt(np.mean(squares)) / np.mean(level)
        rows[size] = {"agreement": np.mean(agreement), "relative_error": error}
    table = pd.DataFrame.from_dict(rows, "index", columns=["agreement", "relative_error"])
    return table.rename_axis("size")


def rank_agreement(one, other) -> float:
    """Spearman over songs of two spreads (..., n_songs, 2), averaged over the other axes.

    In [-1, 1]; 1 if both put the songs in the same order, 0 if the orders are unrelated.
    """
    pairs = zip(one.reshape(-1, *one.shape[-2:]), other.reshape(-1, *other.shape[-2:]), strict=True)
    return np.mean([spearman(a, b) for a, b in pairs])


def typical_spread(samples) -> tuple[float, float]:
    """Root mean square spread over songs and dimensions, with its jackknife standard error.

    The error is about which samples were drawn, not about which songs: samples are left
    out one at a time, so at least three are needed (``nan`` with two).
    """
    samples = np.asarray(samples, float)

    def level(some):
        return float(np.sqrt(some.var(0, ddof=1).mean()))

    if len(samples) < 3:
        return level(samples), float("nan")
    without = np.array([level(np.delete(samples, k, 0)) for k in range(len(samples))])
    return level(samples), float(np.sqrt((len(samples) - 1) * without.var()))


def variance_parts(aggregates: dict, sd) -> pd.DataFrame:
    """The law of total variance, averaged over songs (and members), for several methods.

    Parameters
    ----------
    aggregates : dict of name -> :class:`mer_utils.sampling.Aggregate`
    sd : array, (n_songs, 2)
        SD of the raters.

    Returns
    -------
    pandas.DataFrame
        Index ``(method, dimension)``; ``predicted`` and ``means``: mean predicted variance and
        variance of the means; ``share``: the latter's share of their sum; ``raters``: mean
        variance of the raters.
    """
    rows = {}
    for name, found in aggregates.items():
        for d, dimension in enumerate(DIMENSIONS):
            predicted = (found.predicted[..., d] ** 2).mean()
            means = (found.spread[..., d] ** 2).mean()
            rows[name, dimension] = {
                "predicted": predicted,
                "means": means,
                "share": means / (predicted + means),
                "raters": (np.asarray(sd)[:, d] ** 2).mean(),
            }
    return pd.DataFrame(rows).T.rename_axis(["method", "dimension"])
