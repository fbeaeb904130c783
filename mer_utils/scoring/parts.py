"""Parts of a score and of a spread: what a single number hides.

* **An R2** below 0 can be a wrong order, a wrong spread or a wrong level. With the correlation
  :math:`r` of truth and prediction, the ratio :math:`k` of their spreads (SD over songs, prediction
  over truth) and the difference :math:`b` of their averages (in SDs of the truth),
  :math:`R^2 = r^2 - (r - k)^2 - b^2` (Murphy 1988): :func:`r2_parts`. A part of the level is no
  fault of the method if it answers another question.
* **A spread over samples** (members of an ensemble, or passes of dropout) is itself an estimate
  from few numbers: :func:`r2_by_size`, :func:`spread_stability`, :func:`typical_spread`. Its square
  is one of two parts of a total variance: :func:`variance_parts`.
* **A predicted SD** may know no more than the mean does: :func:`partial_pearson`.

``samples`` are (n_samples, ..., n_songs, 2) in model space, as :func:`mer_utils.model.sampling
.aggregate` takes them. Truth is (n_songs, 2) and comes first.
"""

import numpy as np
import pandas as pd

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.scoring.metrics import pearson, r2, spearman, spread_ratio


def r2_parts(y_true, y_pred, dimensions=DIMENSIONS, fold=None, asked=None) -> pd.DataFrame:
    """The parts of R2 for each dimension, averaged over members (and folds).

    Parameters
    ----------
    y_true : array, (n_songs, 2)
    y_pred : array, (n_songs, 2) or (n_members, n_songs, 2)
    fold : int array, (n_songs,), optional
        ``fold`` of a result: parts within each fold, as scores are
        (:func:`mer_utils.scoring.score_table.within_folds`).
    asked : array that broadcasts to ``y_pred``, optional
        A constant (in each fold) of the size that the method's own question asks for. ``question``
        then is the R2 of this constant, and ``level`` what the method's level adds to it: below
        0 if it misses the truth by more than the constant, above if by less.

    Returns
    -------
    pandas.DataFrame
        Index ``dimensions``; columns ``ranking`` = r^2 (at least 0: what the best line
        through the predictions would reach; a line that falls if r < 0), ``spread`` =
        -(r - k)^2 and ``level`` = -b^2 (both at most 0), and their sum ``r2``. A constant
        prediction has ``ranking`` 0. NaN where the truth does not vary.
    """
    y_true, y_pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    if fold is not None:
        each = [np.flatnonzero(fold == k) for k in np.unique(fold)]
        asked = None if asked is None else np.broadcast_to(asked, y_pred.shape)
        parts = [None if asked is None else asked[..., f, :] for f in each]
        pairs = zip(each, parts, strict=True)
        tables = [r2_parts(y_true[f], y_pred[..., f, :], dimensions, None, a) for f, a in pairs]
        return sum(tables) / len(tables)
    k = spread_ratio(y_true, y_pred)
    r = np.where(k == 0, 0.0, pearson(y_true, y_pred))  # a constant ranks nothing
    unit = np.where(np.isnan(k), np.nan, y_true.std(-2))
    b = (y_pred.mean(-2) - y_true.mean(-2)) / unit
    parts = {"ranking": r**2, "spread": -((r - k) ** 2), "level": -(b**2)}
    if asked is not None:
        off = (np.broadcast_to(asked, y_pred.shape).mean(-2) - y_true.mean(-2)) / unit
        parts |= {"level": off**2 - b**2, "question": -(off**2)}
    table = {name: part.reshape(-1, part.shape[-1]).mean(0) for name, part in parts.items()}
    return pd.DataFrame(table, index=dimensions).assign(r2=sum(table.values()))


def r2_by_size(mean, samples, *, orders=100, seed=0):
    """R2 of the average of 1, 2, ..., n_samples samples: (n_samples, ..., 2).

    Each size is an average over ``orders`` random orders of the samples (of means).
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
    samples : array, (n_samples, ..., n_songs, 2)
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


def variance_parts(aggregates: dict, sd, dimensions=DIMENSIONS) -> pd.DataFrame:
    """The law of total variance, averaged over songs (and members), for several methods.

    Parameters
    ----------
    aggregates : dict of name -> :class:`mer_utils.model.sampling.Aggregate`
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
        for d, dimension in enumerate(dimensions):
            predicted = (found.predicted[..., d] ** 2).mean()
            means = (found.spread[..., d] ** 2).mean()
            rows[name, dimension] = {
                "predicted": predicted,
                "means": means,
                "share": means / (predicted + means),
                "raters": (np.asarray(sd)[:, d] ** 2).mean(),
            }
    return pd.DataFrame(rows).T.rename_axis(["method", "dimension"])


def beyond_mean(mean, sd) -> np.ndarray:
    """The part of SDs that a quadratic in the mean does not explain, the shape of ``sd``.

    ``mean`` is (n_songs, 2) and ``sd`` (..., n_songs, 2), in any unit. Each quadratic is fitted
    to the songs given, by least squares.
    """
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    left = np.empty(sd.shape)
    for d, column in enumerate(mean.T):
        centred = column - column.mean()
        basis = np.linalg.qr(np.stack([np.ones(len(mean)), centred, centred**2], axis=1))[0]
        values = sd[..., d]
        left[..., d] = values - (values @ basis) @ basis.T
    return left


def partial_pearson(sd, sigma, mean, weights=None):
    """Correlation of SD and prediction when a quadratic in the raters' mean is out of both.

    It asks: does the prediction know anything about disagreement that the mean would not
    tell? Higher is better; 0 is nothing. Do not ask it of a constant: all that is left of one is
    rounding. The ceiling is that of "beyond the mean" in :mod:`mer_utils.ceiling.shares`.

    Mean and SD of a panel share their raters, so their accidents go together, and the quadratic
    takes out a little more or less than the true mean tells. A prediction that is a function of
    the true mean alone can therefore score on either side of 0; compare with one.

    Parameters
    ----------
    sd, mean : (n_songs, 2)
        SD and mean of the raters.
    sigma : (..., n_songs, 2)
        Predicted SD.
    weights : (n_resamples, n_songs), optional
        As in :mod:`mer_utils.scoring.metrics`; the quadratics stay those of all songs.
    """
    return pearson(beyond_mean(mean, sd), beyond_mean(mean, sigma), weights)
