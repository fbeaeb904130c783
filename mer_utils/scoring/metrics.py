"""Scores, with one argument order everywhere: truth first, then the prediction.

Songs lie on the second-to-last axis and dimensions on the last: truth is ``(n_songs, D)``
and predictions are ``(n_songs, D)`` or, for a stack, ``(n_members, n_songs, D)``. A score
keeps the other axes: ``(D,)`` or ``(n_members, D)``. Every score says which direction is better.

Almost every score takes ``weights``, (n_resamples, n_songs): how often each song counts in each
resample of a bootstrap. The result then has a leading axis, (n_resamples, ..., D).

No songs, songs that do not match, a missing number (NaN) and a negative sigma are a ``ValueError``.
"""

from functools import partial

import numpy as np
import scoringrules
from scipy.stats import norm, rankdata


def _pair(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    shapes = f"truth is {y_true.shape}, prediction is {y_pred.shape}"
    if y_true.shape[-2:] != y_pred.shape[-2:]:
        raise ValueError(f"{shapes}: songs differ")
    if not (y_true.size and y_pred.size):
        raise ValueError(f"{shapes}: nothing to score")
    if len(missing := np.argwhere(np.isnan(y_true + y_pred))):
        raise ValueError(f"song {missing[0][-2]} (from 0) has a NaN: leave the song out")
    return np.broadcast_arrays(y_true, y_pred)


def _forecast(y_true, mu, sigma):
    """``|y_true - mu|`` and sigma, in one shape."""
    y_true, mu = _pair(y_true, mu)
    gap, sigma = _pair(np.abs(y_true - mu), sigma)
    if (sigma < 0).any():
        raise ValueError(f"sigma is an SD, at least 0; the lowest here is {sigma.min():g}")
    return gap, sigma


def _mean(values, weights):
    """Mean over songs, or weighted means with the resamples in front."""
    if weights is None:
        return values.mean(-2)
    total = np.tensordot(weights, values, axes=(1, values.ndim - 2))
    return total / weights.sum(1).reshape(-1, *[1] * (total.ndim - 1))


def _moments(y_true, y_pred, weights):
    """Variances and covariance over songs; a variance that is only rounding counts as 0."""
    a = y_true - y_true.mean(-2, keepdims=True)
    b = y_pred - y_pred.mean(-2, keepdims=True)
    mean_a, mean_b = _mean(a, weights), _mean(b, weights)
    var_a = _difference(_mean(a**2, weights), mean_a**2, (y_true**2).max(-2))
    var_b = _difference(_mean(b**2, weights), mean_b**2, (y_pred**2).max(-2))
    return var_a, var_b, _mean(a * b, weights) - mean_a * mean_b


def _difference(square, squared_mean, largest_square):
    """``square - squared_mean``, or 0 where only rounding is left: of the values, of both terms."""
    rounding = np.maximum(1e-24 * largest_square, 1e-13 * square)
    return np.where(square - squared_mean > rounding, square - squared_mean, 0.0)


def _ratio(a, b):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(b > 0, a / b, np.nan)


def r2(y_true, y_pred, weights=None):
    """Coefficient of determination, 1 - SSE / SST. Higher is better, at most 1.

    0 is as good as the mean of the *scored* songs, so predicting the training mean scores
    slightly below 0. NaN where the truth does not vary.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    variance = _moments(y_true, y_true, weights)[0]
    return 1 - _ratio(_mean((y_true - y_pred) ** 2, weights), variance)


def rmse(y_true, y_pred, weights=None):
    """Root mean squared error, in the unit of ``y_true``. Lower is better, at least 0."""
    return np.sqrt(_mean(np.subtract(*_pair(y_true, y_pred)) ** 2, weights))


def mae(y_true, y_pred, weights=None):
    """Mean absolute error, in the unit of ``y_true``. Lower is better, at least 0."""
    return _mean(np.abs(np.subtract(*_pair(y_true, y_pred))), weights)


def pearson(y_true, y_pred, weights=None):
    """Pearson correlation over songs, in [-1, 1]. Higher is better; NaN for a constant."""
    var_a, var_b, covariance = _moments(*_pair(y_true, y_pred), weights)
    return _ratio(covariance, np.sqrt(var_a * var_b))


def spearman(y_true, y_pred, weights=None):
    """Spearman rank correlation, in [-1, 1], ties at mid-rank. Higher is better."""
    y_true, y_pred = _pair(y_true, y_pred)
    if weights is None:
        return pearson(rankdata(y_true, axis=-2), rankdata(y_pred, axis=-2))
    truths, stack = (y.reshape(-1, *y.shape[-2:]) for y in (y_true, y_pred))
    truth = [_weighted_ranks(column, weights) for column in truths[0].T]  # one truth for all
    values = np.empty((len(weights), *stack.shape[::2]))
    for k, d in np.ndindex(*stack.shape[::2]):
        ranks = _weighted_ranks(stack[k, :, d], weights)
        values[:, k, d] = _weighted_pearson(truth[d], ranks, weights)
    return values.reshape(len(weights), *y_pred.shape[:-2], y_pred.shape[-1])


def _weighted_ranks(values, weights):
    """Mid-ranks (n_resamples, n_songs) of songs that count ``weights`` times each."""
    ordered = np.sort(values)
    first, last = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    below = np.zeros((len(weights), len(values) + 1))
    np.cumsum(weights[:, np.argsort(values, kind="stable")], axis=1, out=below[:, 1:])
    return (below[:, first] + below[:, last] + 1) / 2


def _weighted_pearson(a, b, weights):
    share = weights / weights.sum(1, keepdims=True)
    a, b = (c - (share * c).sum(1, keepdims=True) for c in (a, b))
    rounding = 1e-24 * weights.sum(1) ** 2  # no rank is larger than the number of songs
    squares = ((share * c**2).sum(1) for c in (a, b))
    var_a, var_b = (np.where(v > rounding, v, 0.0) for v in squares)
    return _ratio((share * a * b).sum(1), np.sqrt(var_a * var_b))


def smallest(y_true, y_pred):
    """Smallest prediction. A description: it has no direction, and no bootstrap interval."""
    return _pair(y_true, y_pred)[1].min(-2)


def largest(y_true, y_pred):
    """Largest prediction. A description: it has no direction, and no bootstrap interval."""
    return _pair(y_true, y_pred)[1].max(-2)


def mean_ratio(y_true, y_pred, weights=None):
    """Mean prediction over mean truth: 1 is right on average, below 1 is too small."""
    y_true, y_pred = _pair(y_true, y_pred)
    return _ratio(_mean(y_pred, weights), _mean(y_true, weights))


def spread_ratio(y_true, y_pred, weights=None):
    """SD over songs of the prediction over that of the truth; below 1 is too narrow."""
    var_a, var_b, _ = _moments(*_pair(y_true, y_pred), weights)
    return np.sqrt(_ratio(var_b, var_a))


def _quartiles(values, weights):
    """First and third quartile of each member and dimension, as smallest value reached."""
    if weights is None:
        return np.quantile(values, [0.25, 0.75], axis=-2, method="inverted_cdf")
    found = np.empty((2, len(weights), *values.shape[:-2], values.shape[-1]))
    for place in np.ndindex(*found.shape[2:]):
        column = values[(*place[:-1], slice(None), place[-1])]
        order = np.argsort(column)
        reached = np.cumsum(weights[:, order], axis=1) / weights.sum(1, keepdims=True)
        for i, share in enumerate((0.25, 0.75)):
            found[(i, slice(None), *place)] = column[order][(reached < share - 1e-12).sum(1)]
    return found


def iqr_ratio(y_true, y_pred, weights=None):
    """Interquartile range of prediction over truth: a :func:`spread_ratio` blind to outliers."""
    truth, predicted = (np.subtract(*_quartiles(y, weights)) for y in _pair(y_true, y_pred))
    return _ratio(-predicted, -truth)


def outlier_share(y_true, y_pred, weights=None):
    """Share of predictions above Tukey's fence, Q3 + 1.5 IQR: 0.0035 if they are Gaussian.

    A description. The fence is that of all songs, also when they are resampled.
    """
    y_pred = _pair(y_true, y_pred)[1]
    low, high = _quartiles(y_pred, None)
    return _mean(y_pred > (high + 1.5 * (high - low))[..., None, :], weights)


def share_below(y_true, y_pred, weights=None):
    """Share of songs whose prediction is below the truth; 0.5 is unbiased in the median."""
    return _mean(np.greater(*_pair(y_true, y_pred)), weights)


def gaussian_nll(y_true, mu, sigma, weights=None):
    """Mean negative log density of ``y_true`` under N(mu, sigma^2), in nats. Lower is better.

    At sigma = 0 it is -inf for a song that is hit exactly, inf for any other.
    """
    gap, sigma = _forecast(y_true, mu, sigma)
    density = -norm.logpdf(gap, 0, np.where(sigma > 0, sigma, 1))
    return _mean(np.where(sigma > 0, density, np.where(gap > 0, np.inf, -np.inf)), weights)


def crps(y_true, mu, sigma, weights=None):
    """Mean continuous ranked probability score of N(mu, sigma^2), in the unit of ``y_true``.

    Lower is better, at least 0; at sigma = 0 the absolute error. Gneiting & Raftery (2007).
    """
    gap, sigma = _forecast(y_true, mu, sigma)
    spread = scoringrules.crps_normal(gap, 0.0, np.where(sigma > 0, sigma, 1))
    return _mean(np.where(sigma > 0, spread, gap), weights)


def sharpness(y_true, mu, sigma, weights=None):
    """Root mean predicted variance, in the unit of ``y_true``. Lower is sharper."""
    return np.sqrt(_mean(_forecast(y_true, mu, sigma)[1] ** 2, weights))


def coverage(y_true, mu, sigma, level, weights=None):
    """Share of songs whose truth lies in the central interval. Best when equal to ``level``."""
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1")
    gap, sigma = _forecast(y_true, mu, sigma)
    return _mean(gap <= norm.ppf(0.5 + level / 2) * sigma, weights)


def calibration_curve(y_true, mu, sigma, levels=None):
    """Observed against nominal coverage of central intervals; the diagonal is perfect.

    Returns ``levels``, (n_levels,), and ``observed``, (n_levels, ..., 2). Kuleshov et al. (2018).
    """
    levels = np.linspace(0.02, 0.98, 49) if levels is None else np.asarray(levels, float)
    gap, sigma = _forecast(y_true, mu, sigma)
    inside = 2 * norm.cdf(gap / np.maximum(sigma, 1e-300)) - 1  # the level that just holds it
    return levels, np.stack([(inside <= level).mean(-2) for level in levels])


def miscalibration_area(y_true, mu, sigma):
    """Area between the calibration curve and the diagonal, in [0, 0.5]. Lower is better.

    No ``weights``: absolute gaps only grow when songs are resampled, an interval would mislead.
    """
    levels, observed = calibration_curve(y_true, mu, sigma)
    gap = np.abs(observed - levels.reshape(-1, *[1] * (observed.ndim - 1)))
    ends = np.zeros_like(gap[:1])
    return np.trapezoid(np.concatenate([ends, gap, ends]), [0, *levels, 1], axis=0)


POINT_SCORES = {score.__name__: score for score in (r2, rmse, mae, pearson, spearman)}
"""Scores ``f(y_true, y_pred)``, used for the mean and for the SD."""
_DESCRIPTIONS = mean_ratio, spread_ratio, iqr_ratio, outlier_share, share_below, smallest, largest
SPREAD_SCORES = {score.__name__: score for score in _DESCRIPTIONS}
"""Descriptions ``f(sd, sigma)`` of a predicted SD beside the empirical one."""
LEVELS = (0.5, 0.8, 0.95)
FORECAST_SCORES = {"nll": gaussian_nll, "crps": crps, "sharpness": sharpness}
FORECAST_SCORES |= {"miscalibration_area": miscalibration_area}
FORECAST_SCORES |= {f"coverage_{round(100 * p)}": partial(coverage, level=p) for p in LEVELS}
"""Scores ``f(y_true, mu, sigma)`` of a Gaussian forecast."""
