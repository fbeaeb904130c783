r"""What the published numbers alone allow: bounds on the reliability of s^2, for any shape.

The variance of the square of an SD (ddof=1) of n independent raters is
:math:`\sigma^4 2 / (n - 1) + \kappa_4 / n`, and

.. math:: \hat V = \frac{n - 1}{n + 1} \left( \frac{k_4}{n} + \frac{2 s^4}{n - 1} \right)

is unbiased for it from the same n ratings, with Fisher's :math:`k_4`. Ten whole numbers with a
published mean and SD are one of a few sets, and each set has its :math:`k_4`. The least and the
largest of them, averaged over songs, bound the noise; so they bound the reliability, whatever the
shape of the ratings. Nothing is assumed but independent raters and whole numbers. (Bounds of this
kind: Manski 1995.)
"""

from itertools import combinations_with_replacement

import numpy as np
import pandas as pd
from scipy.stats import kstat

from mer_utils.scoring.intervals import resample_counts


def sets(n: int, scale: tuple) -> pd.DataFrame:
    """Least and largest k4 of all sets of n whole numbers, by their ``total`` and ``square``."""
    low, high = scale
    every = np.array(list(combinations_with_replacement(range(low, high + 1), n)))
    k4 = kstat(every.T.astype(float), 4, axis=0)
    found = pd.DataFrame({"total": every.sum(1), "square": (every**2).sum(1), "k4": k4})
    return found.groupby(["total", "square"])["k4"].agg(["min", "max"])


def noise_bounds(mean, sd, n=10, ddof=0, scale=(1, 9), decimals=2) -> np.ndarray:
    """Least and largest noise of s^2 of each song, from rounded mean and SD: (n_songs, 2).

    NaN where no set of n whole numbers has this mean and SD.
    """
    k4, half = sets(n, scale), 0.5 * 10.0**-decimals + 1e-9
    out = np.full((len(mean), 2), np.nan)
    for i, (m, s) in enumerate(zip(mean, sd, strict=True)):
        found = []
        for total in range(int(np.ceil((m - half) * n)), int(np.floor((m + half) * n)) + 1):
            ends = [(max(s + h, 0) ** 2 * (n - ddof)) + total**2 / n for h in (-half, half)]
            found += [
                k4.loc[total, q].to_numpy()
                for q in range(int(np.ceil(ends[0] - 1e-9)), int(np.floor(ends[1] + 1e-9)) + 1)
                if (total, q) in k4.index
            ]
        if found:
            variance = s**2 * (n - ddof) / (n - 1)
            ends = np.min(found, axis=0)[0], np.max(found, axis=0)[1]
            out[i] = [(n - 1) / (n + 1) * (e / n + 2 * variance**2 / (n - 1)) for e in ends]
    return out


def possible(mean, sd, n=10, ddof=0, scale=(1, 9), n_resamples=500) -> dict:
    """``low`` and ``high``: bounds on the reliability of s^2, at least 0.

    ``low_end`` and ``high_end``: the ends of their 95% interval over songs; ``songs``: how many of
    them could be used.
    """
    noise = noise_bounds(mean, sd, n, ddof, scale)
    kept = np.isfinite(noise[:, 0])
    square = (np.asarray(sd)[kept] ** 2) * (n - ddof) / (n - 1)

    def bounds(weights):
        share = weights / weights.sum(1, keepdims=True)
        total = share @ square**2 - (share @ square) ** 2
        return np.clip(1 - (share @ noise[kept]) / total[:, None], 0, 1)[:, ::-1]

    value = bounds(np.ones((1, kept.sum())))[0]
    draws = bounds(resample_counts(kept.sum(), n_resamples))
    ends = np.quantile(draws[:, 0], 0.025), np.quantile(draws[:, 1], 0.975)
    return dict(zip(("low", "high", "low_end", "high_end"), (*value, *ends), strict=True)) | {
        "songs": int(kept.sum())
    }
