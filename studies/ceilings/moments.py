"""Reliability of means and SDs from all raters of each song at once, for any number of raters.

:mod:`mer_utils.ceiling.reliability` draws panels and looks. Here the moments of each song take
the place of the draws, with the sampling theory of :mod:`sd_noise`: less noise, one assumption
more (one pooled kurtosis for all songs), and no limit on the number of raters.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import kstat
from sd_noise import Shape, shrinkage


@dataclass(frozen=True, eq=False)
class SongMoments:
    """Moments of each song over all its raters, (n_songs,) each.

    ``variance`` (ddof=1) and ``fourth`` (Fisher's k-statistic k4) are unbiased for the
    song's variance and fourth cumulant.
    """

    n: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    fourth: np.ndarray


def song_moments(matrix) -> SongMoments:
    """Moments per song of a matrix songs x raters; 5 raters or more on each song."""
    songs = [row[np.isfinite(row)] for row in np.asarray(matrix, float)]
    if min(map(len, songs)) < 5:
        raise ValueError("the fourth moment of a song needs 5 raters or more on each song")
    found = [(len(s), s.mean(), s.var(ddof=1), kstat(s, 4)) for s in songs]
    return SongMoments(*np.array(found).T)


def pooled_kurtosis(moments: SongMoments, weights=None):
    """Excess kurtosis of a typical song, as it enters the noise of an SD.

    ``sum(k4 / variance) / sum(variance)``: songs count by their variance, because the noise
    Var(s) of a song is proportional to variance (1/(n-1) + kappa / 2n).
    """
    keep = moments.variance > 0
    w = np.ones((1, len(keep))) if weights is None else np.asarray(weights, float)
    kappa = (w[:, keep] @ (moments.fourth[keep] / moments.variance[keep])) / (w @ moments.variance)
    return kappa if weights is not None else float(kappa[0])


def moment_reliability(moments: SongMoments, n, statistic="sd", weights=None):
    """Reliability for panels of ``n`` (numbers, (k,)) raters, from all raters of each song.

    For the SD: Var(sigma) over songs is the variance of the songs' SDs less their noise, with
    the pooled kurtosis, and ``q = E[sigma^2] / Var(sigma)`` gives any n. For the mean: the
    one-way variance components. Returns (k,), or (n_resamples, k) with ``weights``. Can be
    0 where the songs' SDs do not differ by more than noise.
    """
    n = np.atleast_1d(np.asarray(n, float))
    w = np.ones((1, len(moments.n))) if weights is None else np.asarray(weights, float)
    share = w / w.sum(1, keepdims=True)

    def spread(values):
        size = len(moments.n)
        return (share @ values**2 - (share @ values) ** 2) * size / (size - 1)

    error = share @ (moments.variance / moments.n)
    if statistic == "mean":
        song = np.maximum(spread(moments.mean) - error, 0)[:, None]
        rho = song / (song + (share @ moments.variance)[:, None] / n)
    else:
        kappa = np.atleast_1d(pooled_kurtosis(moments, w))[:, None]
        gamma = shrinkage(moments.n, Shape(kappa))  # (n_resamples, n_songs)
        level = np.sqrt(moments.variance)
        noise = (share * moments.variance * (1 / gamma**2 - 1)).sum(1)
        mean = (share * level / gamma).sum(1)
        size = len(moments.n)
        total = ((share * (level / gamma) ** 2).sum(1) - mean**2) * size / (size - 1)
        of_songs = np.maximum(total - noise, 0)[:, None]
        back = shrinkage(n, Shape(kappa)) ** 2
        scale = (share @ moments.variance)[:, None]
        rho = back * of_songs / (back * of_songs + (1 - back) * scale)
    return rho if weights is not None else rho[0]
