"""How reliable are a song's mean and SD? From ratings of single raters.

The reliability of a statistic for panels of n raters is the share of its variance over songs
that is song and not panel:

    rho_n = Var(E[t | song]) / Var(t)  =  Cov(t_A, t_B) / Var(t)

for two panels A and B that share no rater. A correlation of two panels *is* rho (not its
square): each panel correlates sqrt(rho) with what it measures.

* :func:`draw_panels` draws disjoint panels again and again; :class:`Panels` counts.
* :func:`song_moments` and :func:`moment_reliability` use all raters at once, with the
  sampling theory of :mod:`mer_utils.sd_sampling`, and go to any n.
* :func:`remove_leniency` takes each rater's habit of high or low numbers out.

Tables are long, with ``song_id``, ``rater`` and a column for each dimension. Songs are
resampled for intervals; ``weights`` is (n_resamples, n_songs), songs in order of id.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import kstat

from .sd_sampling import Shape, shrinkage


def rating_matrix(ratings: pd.DataFrame, dimension: str) -> pd.DataFrame:
    """Ratings as songs x raters, NaN where a rater did not hear a song.

    Raises
    ------
    ValueError
        A column is missing, or a rater rated a song twice.
    """
    missing = [c for c in ("song_id", "rater", dimension) if c not in ratings.columns]
    if missing:
        raise ValueError(f"ratings lack the columns {missing}; they have {list(ratings.columns)}")
    if ratings.duplicated(["song_id", "rater"]).any():
        raise ValueError("a rater rated a song twice: keep one rating per song and rater")
    return ratings.pivot(index="song_id", columns="rater", values=dimension).astype(float)


@dataclass(frozen=True, eq=False)
class Panels:
    """A statistic of two disjoint panels, (n_draws, n_songs) each."""

    first: np.ndarray
    second: np.ndarray

    def covariance(self, weights):
        """Covariance of the two panels over songs, averaged over draws: (n_resamples,)."""
        w = weights / weights.sum(1, keepdims=True)
        a, b = self.first, self.second
        return w @ (a * b).mean(0) - ((w @ a.T) * (w @ b.T)).mean(1)

    def reliability(self, weights=None):
        """Covariance over variance, both averaged over draws; (n_resamples,) with weights.

        An average of ratios would be biased with few songs.
        """
        w = np.ones((1, self.first.shape[1])) if weights is None else np.asarray(weights, float)
        own = (Panels(x, x).covariance(w) for x in (self.first, self.second))
        rho = self.covariance(w) / (sum(own) / 2)
        return rho if weights is not None else float(rho[0])


def disjoint(values, n: int, k: int, key) -> np.ndarray:
    """``k`` disjoint panels of ``n`` raters on each song, (n_songs, k, n).

    ``values`` is songs x raters, NaN where not rated; the ``key`` in [0, 1) of a rater decides
    who sits where: lowest first.
    """
    order = np.argsort(np.where(np.isfinite(values), key, 2.0), axis=1)[:, : n * k]
    return np.take_along_axis(values, order, axis=1).reshape(len(values), k, n)


def draw_panels(
    matrix, n: int, statistic: str = "sd", n_draws: int = 200, seed=0, same_raters: bool = False
) -> Panels:
    """Statistics of random disjoint panels of ``n`` raters.

    Parameters
    ----------
    matrix : songs x raters, NaN where not rated
    statistic : {"mean", "sd"}
        "sd" with ddof=1.
    same_raters : bool
        One panel for all songs (as far as it heard them) in place of a fresh panel for each
        song. Fresh panels are what DEAM has: leniency of the panel is then part of the noise.

    Raises
    ------
    ValueError
        A song has fewer than ``2 n`` raters.
    """
    values = np.asarray(matrix, float)
    if statistic not in ("mean", "sd"):
        raise ValueError(f'statistic must be "mean" or "sd", got {statistic!r}')
    least = np.isfinite(values).sum(1).min()
    if 2 * n > least or n < (2 if statistic == "sd" else 1):
        raise ValueError(f"two disjoint panels of {n} do not fit: a song has {least} raters")
    rng = np.random.default_rng(seed)
    out = np.empty((2, n_draws, len(values)))
    for k in range(n_draws):
        key = rng.random((1, values.shape[1]) if same_raters else values.shape)
        chosen = disjoint(values, n, 2, key)
        found = chosen.mean(2) if statistic == "mean" else chosen.std(2, ddof=1)
        out[:, k] = found.T
    return Panels(*out)


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


def remove_leniency(matrix, n_rounds: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Take each rater's average shift out: ratings = song + rater + rest, by least squares.

    Returns the matrix without the rater part, and the raters' shifts (n_raters,), which
    average 0. The mean over a song's raters may change where raters heard different songs.
    """
    values = np.asarray(matrix, float)
    heard = np.isfinite(values)
    filled = np.where(heard, values, 0)
    shift = np.zeros(values.shape[1])
    for _ in range(n_rounds):  # alternating least squares: a few rounds, one if complete
        song = (filled - heard * shift).sum(1) / heard.sum(1)
        shift = (filled - heard * song[:, None]).sum(0) / np.maximum(heard.sum(0), 1)
        shift -= shift.mean()
    return values - shift, shift
