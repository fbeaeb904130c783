"""Scores, with one argument order everywhere: truth first, then the prediction.

Songs lie on the second-to-last axis and dimensions on the last: truth is ``(n_songs, 2)``
and predictions are ``(n_songs, 2)`` or, for a stack, ``(n_members, n_songs, 2)``. A score
keeps the other axes: ``(2,)`` or ``(n_members, 2)``. Every score says which direction is
better. None of them reads a file or draws a random number except :func:`bootstrap`.
"""

from __future__ import annotations

import numpy as np
import scoringrules
from scipy.stats import norm, rankdata

LEVELS = (0.5, 0.8, 0.95)
_SONGS = -2


def _pair(y_true, y_pred):
    y_true, y_pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    if y_true.shape[_SONGS:] != y_pred.shape[_SONGS:]:
        raise ValueError(f"truth is {y_true.shape}, prediction is {y_pred.shape}: songs differ")
    return y_true, y_pred


def r2(y_true, y_pred):
    """Coefficient of determination, 1 - SSE / SST. Higher is better, at most 1.

    0 is as good as the mean of the *scored* songs, so predicting the training mean scores
    slightly below 0. NaN where the truth does not vary.
    """
    y_true, y_pred = _pair(y_true, y_pred)
    residual = ((y_true - y_pred) ** 2).sum(_SONGS)
    total = ((y_true - y_true.mean(_SONGS, keepdims=True)) ** 2).sum(_SONGS)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, 1 - residual / total, np.nan)


def rmse(y_true, y_pred):
    """Root mean squared error, in the unit of ``y_true``. Lower is better, at least 0."""
    y_true, y_pred = _pair(y_true, y_pred)
    return np.sqrt(((y_true - y_pred) ** 2).mean(_SONGS))


def mae(y_true, y_pred):
    """Mean absolute error, in the unit of ``y_true``. Lower is better, at least 0."""
    y_true, y_pred = _pair(y_true, y_pred)
    return np.abs(y_true - y_pred).mean(_SONGS)


def pearson(y_true, y_pred):
    """Pearson correlation over songs, in [-1, 1]. Higher is better; NaN for a constant."""
    y_true, y_pred = _pair(y_true, y_pred)
    a = y_true - y_true.mean(_SONGS, keepdims=True)
    b = y_pred - y_pred.mean(_SONGS, keepdims=True)
    norms = np.sqrt((a**2).sum(_SONGS) * (b**2).sum(_SONGS))
    tiny = 1e-12 * np.maximum(np.abs(y_pred).max(_SONGS), 1e-300)
    varies = np.sqrt((b**2).mean(_SONGS)) > tiny
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((norms > 0) & varies, (a * b).sum(_SONGS) / norms, np.nan)


def spearman(y_true, y_pred):
    """Spearman rank correlation, in [-1, 1], ties at mid-rank. Higher is better."""
    y_true, y_pred = _pair(y_true, y_pred)
    return pearson(rankdata(y_true, axis=_SONGS), rankdata(y_pred, axis=_SONGS))


def smallest(y_true, y_pred):
    """Smallest prediction. A description, not a score."""
    return np.min(_pair(y_true, y_pred)[1], axis=_SONGS)


def largest(y_true, y_pred):
    """Largest prediction. A description, not a score."""
    return np.max(_pair(y_true, y_pred)[1], axis=_SONGS)


def mean_ratio(y_true, y_pred):
    """Mean prediction over mean truth: 1 is right on average, below 1 is too small."""
    y_true, y_pred = _pair(y_true, y_pred)
    return y_pred.mean(_SONGS) / y_true.mean(_SONGS)


def spread_ratio(y_true, y_pred):
    """SD over songs of the prediction over that of the truth; below 1 is too narrow."""
    y_true, y_pred = _pair(y_true, y_pred)
    return y_pred.std(_SONGS) / y_true.std(_SONGS)


def share_below(y_true, y_pred):
    """Share of songs whose prediction is below the truth; 0.5 is unbiased in the median."""
    y_true, y_pred = _pair(y_true, y_pred)
    return (y_pred < y_true).mean(_SONGS)


def gaussian_nll(y_true, mu, sigma):
    """Mean negative log density of ``y_true`` under N(mu, sigma^2), in nats. Lower is better."""
    y_true, mu = _pair(y_true, mu)
    return -norm.logpdf(y_true, mu, sigma).mean(_SONGS)


def crps(y_true, mu, sigma):
    """Mean continuous ranked probability score of N(mu, sigma^2), in the unit of ``y_true``.

    Lower is better, at least 0; with sigma towards 0 it becomes the absolute error. Source:
    Gneiting & Raftery (2007); computed by ``scoringrules``.
    """
    y_true, mu = _pair(y_true, mu)
    return scoringrules.crps_normal(y_true, mu, sigma).mean(_SONGS)


def sharpness(y_true, mu, sigma):
    """Root mean predicted variance, in the unit of ``y_true``. Lower is sharper.

    Good only together with calibration: a forecast can be sharp and wrong.
    """
    return np.sqrt((np.asarray(sigma, float) ** 2).mean(_SONGS))


def coverage(y_true, mu, sigma, level):
    """Share of songs whose truth lies in the central interval. Best when equal to ``level``."""
    y_true, mu = _pair(y_true, mu)
    if not 0 < level < 1:
        raise ValueError(f"level={level} must lie between 0 and 1")
    half = norm.ppf(0.5 + level / 2) * np.asarray(sigma, float)
    return (np.abs(y_true - mu) <= half).mean(_SONGS)


def calibration_curve(y_true, mu, sigma, levels=None):
    """Observed against nominal coverage of central intervals.

    Returns ``(levels, observed)``: (n_levels,) in (0, 1) and (n_levels, ..., 2). Perfect
    calibration is the diagonal. Source: Kuleshov, Fenner & Ermon (2018).
    """
    levels = np.linspace(0.01, 0.99, 99) if levels is None else np.asarray(levels, float)
    y_true, mu = _pair(y_true, mu)
    # |y - mu| <= z_p sigma, with z_p the central quantile, is 2 Phi(|z|) - 1 <= p
    inside = 2 * norm.cdf(np.abs(y_true - mu) / sigma) - 1
    return levels, np.stack([(inside <= level).mean(_SONGS) for level in levels])


def miscalibration_area(y_true, mu, sigma):
    """Area between the calibration curve and the diagonal, in [0, 0.5]. Lower is better."""
    levels, observed = calibration_curve(y_true, mu, sigma)
    gap = np.abs(observed - levels.reshape(-1, *[1] * (observed.ndim - 1)))
    return np.trapezoid(gap, levels, axis=0)


POINT_SCORES = {"r2": r2, "rmse": rmse, "mae": mae, "pearson": pearson, "spearman": spearman}
"""Scores ``f(y_true, y_pred)`` used for the mean and for the SD."""

SPREAD_SCORES = {
    "smallest": smallest,
    "largest": largest,
    "mean_ratio": mean_ratio,
    "spread_ratio": spread_ratio,
    "share_below": share_below,
}
"""Descriptions ``f(sd, sigma)`` of a predicted SD beside the empirical one."""

FORECAST_SCORES = {
    "nll": gaussian_nll,
    "crps": crps,
    "sharpness": sharpness,
    "miscalibration_area": miscalibration_area,
} | {
    f"coverage_{round(100 * level)}": (lambda y, mu, sigma, level=level: coverage(y, mu, sigma, level))
    for level in LEVELS
}
"""Scores ``f(y_true, mu, sigma)`` of a Gaussian forecast."""


def bootstrap(score, *arrays, n_resamples=500, level=0.95, seed=0):
    """Percentile interval of a score over resampled songs.

    Songs are drawn with replacement, the same songs in all arrays. If the score keeps a
    member axis, members are averaged *before* the percentiles, so the interval is that of
    the average score of these members. It answers "what if other songs had been scored?";
    it leaves out how scores vary when other songs *train* the model.

    Parameters
    ----------
    score : callable(*arrays) -> (..., 2)
    arrays : arrays, (..., n_songs, 2)
    n_resamples : int
    level : float in (0, 1)
    seed : int

    Returns
    -------
    value, low, high : arrays, (2,)

    Source: Efron & Tibshirani (1993), percentile method.
    """
    rng = np.random.default_rng(seed)
    n = arrays[0].shape[_SONGS]

    def average(values):
        return values.reshape(-1, values.shape[-1]).mean(axis=0)

    draws = np.empty((n_resamples, 2))
    for i in range(n_resamples):
        rows = rng.integers(0, n, n)
        draws[i] = average(score(*(a[..., rows, :] for a in arrays)))
    tail = (1 - level) / 2
    missing = np.isnan(draws).all(axis=0)
    low, high = np.nanquantile(np.where(missing, 0.0, draws), [tail, 1 - tail], axis=0)
    value = average(score(*arrays))
    return value, np.where(missing, np.nan, low), np.where(missing, np.nan, high)
