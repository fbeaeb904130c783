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


def centred(draws, value, level=0.95):
    """Ends of the middle ``level`` of resamples, moved so that their median is the value.

    A resample of n songs has a variance that is about 1/n too small. R2 divides by it, so
    resamples of R2 lie too low, by about (1 - R2) / n, and by more than their own spread where the
    prediction is a constant. The median, not the mean: in a fold of few songs a resample may hold
    nearly equal songs, and its R2 is then as low as you like. Where no resample passes -1 or 1 (R2,
    correlations), no end does.

    ``draws`` is (n_resamples, ...), ``value`` (...). Returns low and high, each (...).
    """
    tail = (1 - level) / 2
    moved = draws - np.nanmedian(draws, axis=0) + value
    ends = np.nanquantile(moved, [tail, 1 - tail], axis=0)
    lowest, highest = np.nanmin(draws, axis=0), np.nanmax(draws, axis=0)
    return np.clip(ends, np.where(lowest < -1, -np.inf, -1), np.where(highest > 1, np.inf, 1))


def bootstrap(score, *arrays, n_resamples=500, level=0.95, seed=0):
    """Percentile interval of a score over resampled songs, :func:`centred` at its value.

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

    Source: Efron & Tibshirani (1993), percentile method.
    """
    weights = resample_counts(np.shape(arrays[0])[-2], n_resamples, seed)
    draws = score(*arrays, weights=weights)
    draws = draws.reshape(n_resamples, -1, draws.shape[-1]).mean(1)
    value = np.asarray(score(*arrays)).reshape(-1, draws.shape[-1]).mean(0)
    lost = np.isnan(draws).mean(0) > 0.05
    low, high = centred(*(np.where(lost, 0.0, known) for known in (draws, value)), level)
    return value, np.where(lost, np.nan, low), np.where(lost, np.nan, high)


def widened(table: pd.DataFrame, factor: float) -> pd.DataFrame:
    """A table of scores with ``low`` and ``high`` moved away from ``value`` by this factor."""
    moved = {k: table["value"] + factor * (table[k] - table["value"]) for k in ("low", "high")}
    return table.assign(**moved)
