"""How reliable are a song's mean and SD? From ratings of single raters.

The reliability of a statistic for panels of n raters is the share of its variance over songs
that is song and not panel:

    rho_n = Var(E[t | song]) / Var(t)  =  Cov(t_A, t_B) / Var(t)

for two panels A and B that share no rater. A correlation of two panels *is* rho (not its
square): each panel correlates sqrt(rho) with what it measures.

:func:`draw_panels` draws disjoint panels again and again, :class:`Panels` counts, and
:func:`panel_curves` goes through numbers of raters. Tables are long, with ``song_id``, ``rater``
and a column for each dimension. Songs are resampled for intervals; ``weights`` is
(n_resamples, n_songs), songs in order of id.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.scoring.intervals import resample_counts


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


def draw_panels(matrix, n: int, statistic: str = "sd", n_draws: int = 200, seed=0) -> Panels:
    """Statistics of pairs of random disjoint panels of ``n`` raters, new ones for each song.

    Parameters
    ----------
    matrix : songs x raters, NaN where not rated
    statistic : {"mean", "sd"}
        "sd" with ddof=1.

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
        chosen = disjoint(values, n, 2, rng.random(values.shape))
        found = chosen.mean(2) if statistic == "mean" else chosen.std(2, ddof=1)
        out[:, k] = found.T
    return Panels(*out)


def stepped_up(rho, n, all_n):
    """Reliability of an SD of ``all_n`` raters from ``rho``, in (0, 1], that of ``n`` raters.

    The variance of an SD's accident goes nearly as 1 / (n - 1), so this is the formula of Spearman
    and Brown with n - 1 in place of n: 1 / (1 + (1 / rho_n - 1) (n - 1) / (N - 1)).
    """
    return 1 / (1 + (1 / np.asarray(rho) - 1) * (n - 1) / (all_n - 1))


def interval(draws):
    """The middle 95% of ``draws``, along the first axis."""
    return np.quantile(draws, [0.025, 0.975], axis=0)


def panel_curves(data, sizes=(3, 5, 10, 15, 24), n_draws=100, n_resamples=500) -> pd.DataFrame:
    """Reliability of mean and SD for panels of these sizes, seen in disjoint panels.

    ``data`` has ``ratings``, a long table with ``2 n`` raters or more on each song, and
    ``dimensions``. Returns ``dimension, statistic, n, value, low, high``: 95% over resampled songs.
    """
    rows = []
    for dimension in data.dimensions:
        matrix = rating_matrix(data.ratings, dimension)
        w = resample_counts(len(matrix), n_resamples)
        for statistic in ("mean", "sd"):
            for n in sizes:
                panels = draw_panels(matrix, n, statistic, n_draws)
                ends = interval(panels.reliability(w))
                rows.append((dimension, statistic, n, panels.reliability(), *ends))
    return pd.DataFrame(rows, columns=["dimension", "statistic", "n", "value", "low", "high"])
