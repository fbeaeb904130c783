"""Bootstrap intervals of scores: what if other songs had been scored?

The scores are those of :mod:`mer_utils.scoring.metrics`, where ``weights`` say how often each
song counts in a resample.
"""

import numpy as np
import pandas as pd


def resample_counts(n_songs, n_resamples=500, seed=0):
    """How often each song is drawn in each resample: (n_resamples, n_songs), rows sum to n."""
    rng = np.random.default_rng(seed)
    return rng.multinomial(n_songs, np.full(n_songs, 1 / n_songs), n_resamples).astype(float)


def bootstrap(score, *arrays, n_resamples=500, level=0.95, seed=0):
    """Percentile interval of a score over resampled songs.

    Songs are drawn with replacement, the same songs in all arrays. If the score keeps a
    member axis, members are averaged *before* the percentiles, so the interval is that of
    the average score of these members. It answers "what if other songs had been scored?";
    it leaves out how scores vary when other songs *train* the model.

    Parameters
    ----------
    score : callable(*arrays, weights=...) -> (n_resamples, ..., 2)
    arrays : arrays, (..., n_songs, 2)
    n_resamples : int
    level : float in (0, 1)
    seed : int

    Returns
    -------
    value, low, high : arrays, (2,)
        NaN for a dimension whose score is not defined. A few resamples without a score (of few
        songs, all alike) are left out: at most one in twenty.

    R2 of few songs in folds: a resample of a fold of n songs has a variance that is 1/n too small,
    so the ends are too low, by (1 - R2) / n or more. A constant can lie above its own interval.

    Source: Efron & Tibshirani (1993), percentile method.
    """
    weights = resample_counts(np.shape(arrays[0])[-2], n_resamples, seed)
    draws = score(*arrays, weights=weights)
    draws = draws.reshape(n_resamples, -1, draws.shape[-1]).mean(1)
    value = np.asarray(score(*arrays)).reshape(-1, draws.shape[-1]).mean(0)
    tail = (1 - level) / 2
    lost = np.isnan(draws).mean(0) > 0.05
    ends = np.nanquantile(np.where(lost, 0.0, draws), [tail, 1 - tail], axis=0)
    return value, *np.where(lost, np.nan, ends)


def widened(table: pd.DataFrame, factor: float) -> pd.DataFrame:
    """A table of scores with ``low`` and ``high`` moved away from ``value`` by this factor."""
    moved = {k: table["value"] + factor * (table[k] - table["value"]) for k in ("low", "high")}
    return table.assign(**moved)
