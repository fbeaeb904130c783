"""What the ends of the scale do to an SD, and what is left when the mean is taken out.

All raters of a song with mean 9 said 9: near the ends SDs must be small. Whoever predicts the
mean predicts a part of the SD for free. The rest is disagreement proper.

On 1-9 the SOS hypothesis (Hossfeld, Schatz & Egger 2011) says

    variance = a (mean - 1) (9 - mean) = a (-mean^2 + 10 mean - 9) ,

with one ``a`` for a whole data set: 0 if raters always agree, 1 if they all sit at the ends
(the bound of Bhatia & Davis 2000, see :func:`mer_utils.data.ratings.sd_bound`).
"""

import numpy as np
import pandas as pd

from mer_utils.ceiling.headline import RaterData, raters_of
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.scoring.intervals import resample_counts


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
        "bound_share": (share.mean(), w @ share / w.sum(1)),
    }
    return {k: (float(v), *np.quantile(draws, [0.025, 0.975])) for k, (v, draws) in found.items()}


def share_table(songs: Dataset, data: RaterData, n_resamples=500) -> pd.DataFrame:
    """:func:`mean_sd_share` of both data sets.

    Columns ``data, dimension, score, value, low, high``.
    """
    n = int(np.median(raters_of(songs)))
    cases = [
        (songs.name, d, songs.rating_mean[:, k], songs.rating_sd[:, k], n, songs.ddof)
        for k, d in enumerate(DIMENSIONS)
    ]
    for d in data.dimensions:
        by_song = data.ratings.groupby("song_id")[d]
        mean, sd, size = by_song.mean(), by_song.std(), by_song.size()
        cases.append((data.name, d, mean.to_numpy(), sd.to_numpy(), size.to_numpy(), 1))
    rows = [
        (name, dimension, score, *found)
        for name, dimension, *args in cases
        for score, found in mean_sd_share(*args, n_resamples=n_resamples).items()
    ]
    return pd.DataFrame(rows, columns=["data", "dimension", "score", "value", "low", "high"])
