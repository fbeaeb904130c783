"""What the ends of the scale do to an SD, and what is left when the mean is taken out.

All raters of a song with mean 9 said 9: near the ends SDs must be small. Whoever predicts the
mean predicts a part of the SD for free. The rest is disagreement proper.

On 1-9 the SOS hypothesis (Hossfeld, Schatz & Egger 2011) says

    variance = a (mean - 1) (9 - mean) = a (-mean^2 + 10 mean - 9) ,

with one ``a`` for a whole data set: 0 if raters always agree, 1 if they all sit at the ends
(the bound of Bhatia & Davis 2000, see :func:`mer_utils.ratings.sd_bound`).
"""

from __future__ import annotations

import numpy as np

from .metrics import _mean, pearson, resample_counts


def sos_parameter(mean, sd, n=10, ddof: int = 0, weights=None):
    """``a`` of the SOS relation by least squares, in 0..1; (n_resamples,) with ``weights``.

    ``mean``, ``sd`` are (n_songs,), 1-9. Variances are taken with ddof=1, which is unbiased,
    and the bound at the observed mean is raised by variance / n, which it lacks on average.
    """
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    n = np.asarray(n, float)
    variance = sd**2 * (n - ddof) / (n - 1)
    bound = (mean - 1) * (9 - mean) + variance / n
    w = np.ones((1, len(mean))) if weights is None else np.asarray(weights, float)
    a = (w @ (variance * bound)) / (w @ bound**2)
    return a if weights is not None else float(a[0])


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
    rounding. The ceiling is that of "beyond the mean" in :mod:`mer_utils.shares`.

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
        As in :mod:`mer_utils.metrics`; the quadratics stay those of all songs.
    """
    return pearson(beyond_mean(mean, sd), beyond_mean(mean, sigma), weights)


def mean_sd_share(mean, sd, n=10, ddof: int = 0, n_resamples: int = 500, seed=0) -> dict:
    """How much of the SD goes with the mean, for one dimension: name -> (value, low, high).

    ``quadratic_r2``: in-sample R2 of a quadratic; ``sos``: the parameter a; ``bound_share``: the
    average share of the largest possible SD that is used.
    """
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    w = resample_counts(len(mean), n_resamples, seed)
    design = np.stack([np.ones_like(mean), mean - 5, (mean - 5) ** 2], axis=1)

    def r2(weights):
        gram = np.einsum("rs,si,sj->rij", weights, design, design, optimize=True)
        moment = weights @ (design * sd[:, None])
        explained = (np.linalg.solve(gram, moment[..., None])[..., 0] * moment).sum(1)
        total = weights.sum(1)
        level = (weights @ sd) ** 2 / total
        return (explained - level) / (weights @ sd**2 - level)

    share = sd / np.sqrt(np.maximum((mean - 1) * (9 - mean), 1e-9))
    one = np.ones((1, len(mean)))
    found = {
        "quadratic_r2": (r2(one)[0], r2(w)),
        "sos": (sos_parameter(mean, sd, n, ddof), sos_parameter(mean, sd, n, ddof, w)),
        "bound_share": (share.mean(), _mean(share[:, None], w)[:, 0]),
    }
    return {k: (float(v), *np.quantile(draws, [0.025, 0.975])) for k, (v, draws) in found.items()}
