"""The shape of a song's ratings: how heavy are the tails? Measured where raters are known.

The noise of an SD depends on the kurtosis of the ratings, and a published mean and SD do not
tell it. So it must come from ratings of single raters, here from another data set.

Kurtosis goes with the mean: at the ends of the scale a few raters who disagree lie far out.
A data set whose means are spread differently therefore has another average kurtosis.
Two ways to carry the shape over:

* :func:`kurtosis_curve`: kappa = k0 + k1 (mean - 5)^2, by least squares over songs, read off at
  the means of the other data set;
* :func:`fit_lapses`: a normal, rounded and clipped to 1..9, but for a share of *lapses*, answers
  that have nothing to do with the song and are spread evenly over 1..9. The share is chosen
  to give the measured pooled kurtosis. The term is from psychophysics (Wichmann & Hill 2001).
"""

from functools import lru_cache

import numpy as np
from sd_noise import shape_of

from mer_utils.data.rating_distribution import rating_probabilities

LAPSES = np.array([0, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08])
SCALES = np.geomspace(0.35, 6.0, 72)


def with_lapses(probabilities, lapses: float) -> np.ndarray:
    """Mix probabilities (..., 9) with a share ``lapses`` of answers spread evenly."""
    if not 0 <= lapses < 0.5:
        raise ValueError(f"lapses={lapses} must be a share from 0 to below 0.5")
    return (1 - lapses) * np.asarray(probabilities, float) + lapses / 9


@lru_cache(maxsize=32)
def _grid(lapses):
    """Places, scales -> mean, variance and shape: (5, n_scales, n_places), and where to look."""
    places = np.linspace(1.5, 8.5, 200) + np.linspace(-6, 6, 200) * SCALES[:, None]
    p = rating_probabilities(places, SCALES[:, None])
    clear = (p.max(-1) < 0.995) | (SCALES[:, None] < 0.5)  # beyond, all raters agree
    mean, sd, shape = shape_of(with_lapses(p, lapses))
    return np.array([mean, sd**2, shape.kurtosis, shape.skewness, shape.sixth]), clear


def shape_tables(mean, lapses: float = 0.0) -> np.ndarray:
    """Variance and shape of songs with these means, for each latent scale in ``SCALES``.

    For each scale and song the place of the normal is chosen so that the rating has the
    song's mean (as near as lapses let it). ``mean`` is (n_songs,). Returns ``variance,
    kurtosis, skewness, sixth``, each (n_songs, n_scales); see :class:`sd_noise.Shape`.
    """
    mean = np.asarray(mean, float)
    grid, clear = _grid(float(lapses))
    tables = np.empty((4, len(mean), len(SCALES)))
    for g, seen in enumerate(clear):
        for k in range(4):
            tables[k, :, g] = np.interp(mean, grid[0, g, seen], grid[k + 1, g, seen])
    return tables


def fit_lapses(moments, weights=None):
    """Share of lapses that gives the pooled kurtosis of these songs, 0 to 0.08.

    ``weights`` (n_resamples, n_songs) gives (n_resamples,). The first crossing: with very
    many lapses the kurtosis falls again, because everything becomes a lapse.
    """
    w = np.ones((1, len(moments.n))) if weights is None else np.asarray(weights, float)
    v = np.maximum(moments.variance, 1e-9)
    table = np.empty((len(LAPSES), len(v)))
    for row, share in zip(table, LAPSES, strict=True):
        variance, kurtosis, *_ = shape_tables(moments.mean, share)
        row[:] = [np.interp(*args) for args in zip(v, variance, kurtosis, strict=True)]
    table *= v
    wanted = w @ (moments.fourth / v)
    have = np.maximum.accumulate(w @ table.T, axis=1)
    found = np.array([np.interp(a, row, LAPSES) for a, row in zip(wanted, have, strict=True)])
    return found if weights is not None else float(found[0])


def kurtosis_curve(moments, weights=None) -> np.ndarray:
    """``(k0, k1)`` of kappa = k0 + k1 (mean - 5)^2; (n_resamples, 2) with ``weights``.

    Songs count by their variance, as in :func:`moments.pooled_kurtosis`.
    """
    w = np.ones((1, len(moments.n))) if weights is None else np.asarray(weights, float)
    keep = moments.variance > 0
    w, v = w[:, keep], moments.variance[keep]
    x2 = (moments.mean[keep] - 5) ** 2
    kappa = moments.fourth[keep] / v**2
    normal = [[w @ v, w @ (v * x2)], [w @ (v * x2), w @ (v * x2**2)]]
    right = [w @ (v * kappa), w @ (v * x2 * kappa)]
    found = np.linalg.solve(np.moveaxis(np.array(normal), 2, 0), np.array(right).T[..., None])
    return found[..., 0] if weights is not None else found[0, :, 0]


def curve_kurtosis(curve, mean, variance):
    """Pooled kurtosis of songs with these means and variances, both (n_songs,).

    ``curve`` is (2,) or (n, 2) from :func:`kurtosis_curve`.
    """
    curve, v = np.asarray(curve, float), np.asarray(variance, float)
    x2 = np.average((np.asarray(mean, float) - 5) ** 2, weights=v)
    return curve[..., 0] + curve[..., 1] * x2
