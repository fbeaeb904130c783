"""How the averaged file was made: which SD it holds, and do single ratings give it?

The first question needs no ratings of single raters, only the integer-rating argument:
raters give whole numbers from 1 to 9. Ten of them can only make certain pairs of mean and
SD. So a published pair is *possible* or *impossible*, and that depends on whether the SD
divides by n (ddof=0) or by n - 1 (ddof=1). If nearly all pairs are possible under one
reading and few under the other, the file has told us its formula.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from mer_utils.data.dataset import Dataset

# With many raters, or many steps of the scale, nearly every pair is possible under both
# formulas, and the table is large.
MOST_RATERS, STEPS = 30, 8


@dataclass(frozen=True)
class DdofEvidence:
    """Result of :func:`infer_ddof`.

    Attributes
    ----------
    share_ddof0, share_ddof1 : float in [0, 1]
        Share of the (mean, SD) pairs that n whole ratings can make under each formula.
        NaN if no pair could be tested.
    n_pairs : int, pairs tested: those of songs with at most 30 raters on a scale of 1 to 9.
    n_raters : str, the number(s) of raters assumed.
    ddof : 0, 1 or None (undecided)
    variance : bool, undecided, but the roots of the SDs are decided: they are variances.
    """

    share_ddof0: float
    share_ddof1: float
    n_pairs: int
    n_raters: str
    ddof: int | None
    variance: bool = False

    def __str__(self):
        if not self.n_pairs:
            return "SD formula undecided: it needs whole ratings by few raters on few steps"
        if self.variance:
            return (
                "SD formula undecided: nearly all roots of the SDs are possible for "
                f"{self.n_raters} whole ratings, and few of the SDs; they look like variances"
            )
        shares = (
            f"{self.share_ddof0:.0%} of {self.n_pairs} (mean, SD) pairs are possible for "
            f"{self.n_raters} whole ratings with ddof=0, {self.share_ddof1:.0%} with ddof=1"
        )
        if self.ddof is None:
            return f"SD formula undecided: {shares}"
        word = ("population SD, divides by n", "sample SD, divides by n - 1")[self.ddof]
        return f"SD is ddof={self.ddof} ({word}): {shares}"


@lru_cache(maxsize=64)
def possible_sds(n: int, ddof: int, low: int = 1, high: int = 9) -> dict:
    """All SDs that ``n`` whole ratings can have, for each sum of the ratings.

    Returns
    -------
    dict of sum -> increasing float array. Built by adding one rater at a time: a set of
    reachable sums of squares, kept as the bits of one integer, for each sum.
    """
    if n <= ddof:
        raise ValueError(f"n is {n}: an SD with ddof={ddof} needs more than {ddof} ratings")
    squares = {0: 1}
    for _ in range(n):
        grown: dict[int, int] = {}
        for total, bits in squares.items():
            for rating in range(low, high + 1):
                key = total + rating
                grown[key] = grown.get(key, 0) | bits << rating * rating
        squares = grown
    out = {}
    for total, bits in squares.items():
        sums = np.array([i for i in range(bits.bit_length()) if bits >> i & 1], dtype=float)
        out[total] = np.sqrt(np.maximum(sums - total * total / n, 0) / (n - ddof))
    return out


def infer_ddof(rating_mean, rating_sd, n=10, decimals: int = 2, scale=(1, 9)) -> DdofEvidence:
    """Infer whether SDs use ddof 0 or 1, from the pairs that whole ratings can make.

    Parameters
    ----------
    rating_mean, rating_sd : array_like of equal shape, on the scale.
        Dimensions are pooled: each (mean, SD) is one pair.
    n : int or int array, (n_songs,)
        Raters per song. An array is matched to the first axis.
    decimals : int
        Decimals to which the file rounds. Values must agree to within half a unit.
    scale : (low, high)
        With ends that are not whole, nothing is tested.

    Returns
    -------
    DdofEvidence
        ``ddof`` is 0 or 1 where that reading explains at least 80% of the pairs and the
        other at most half as many, else None.

    Raises
    ------
    ValueError
        On shapes that do not match, no pair, or fewer than 2 raters.
    """
    mean, sd = np.asarray(rating_mean, float), np.asarray(rating_sd, float)
    if mean.shape != sd.shape or not mean.size:
        raise ValueError(f"rating_mean {mean.shape} and rating_sd {sd.shape}: need equal shapes")
    raters = np.asarray(n)
    if raters.ndim and raters.shape != mean.shape[:1]:
        raise ValueError(f"n has shape {raters.shape}, expected one number per song")
    raters = np.broadcast_to(raters.reshape(raters.shape + (1,) * (mean.ndim - raters.ndim)),
                             mean.shape).ravel()  # fmt: skip
    if raters.min() < 2:
        raise ValueError("n is below 2: an SD says nothing about ddof with one rater")
    mean, sd = mean.ravel(), sd.ravel()
    low, high = map(int, scale)
    few = raters * (high - low) <= MOST_RATERS * STEPS
    if not few.any() or (low, high) != tuple(scale):
        return DdofEvidence(np.nan, np.nan, 0, f"{raters.min()} or more", None)
    mean, sd, raters = mean[few], sd[few], raters[few]
    half = 0.5 * 10.0**-decimals + 1e-9

    def verdict(spread):
        possible = np.zeros((mean.size, 2), dtype=bool)
        for i in np.argsort(raters, kind="stable"):  # songs with as many raters share a table
            m, s, k = mean[i], spread[i], int(raters[i])
            total = round(m * k)
            if abs(total / k - m) > half:
                continue
            for ddof in (0, 1):
                reachable = possible_sds(k, ddof, low, high).get(total, np.empty(0))
                near = np.searchsorted(reachable, s - half)
                possible[i, ddof] = near < len(reachable) and reachable[near] <= s + half
        share = possible.mean(axis=0)
        found = [d for d in (0, 1) if share[d] >= 0.8 and share[1 - d] <= share[d] / 2]
        return (*map(float, share), found[0] if found else None)

    share_0, share_1, ddof = verdict(sd)
    variance = ddof is None and max(share_0, share_1) < 0.5
    variance = variance and verdict(np.sqrt(np.abs(sd)))[2] is not None
    counts = np.unique(raters)
    named = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return DdofEvidence(share_0, share_1, int(mean.size), named, ddof, variance)


def compare_with_raters(dataset: Dataset, decimals: int = 2) -> pd.DataFrame:
    """Recompute means and SDs from the ratings of single raters; compare with the file.

    Parameters
    ----------
    dataset : Dataset with ``ratings``; SDs use its ``ddof``.
    decimals : int, decimals to which the averaged file rounds.

    Returns
    -------
    pandas.DataFrame
        One row per statistic ("valence mean", "arousal mean", "valence SD", "arousal SD"):
        ``n_songs`` with at least two ratings, ``max_abs_diff`` on the rating scale, and
        ``n_mismatch``, songs that differ by more than rounding explains.

    Raises
    ------
    ValueError
        If the data set has no ratings of single raters.
    """
    if dataset.ratings is None:
        raise ValueError(
            f"{dataset.name} has no ratings of single raters: it needs the per-rater file in "
            "'annotations/annotations per each rater/song_level/'"
        )
    groups = dataset.ratings.groupby("song_id")[list(dataset.dimensions)]
    enough = groups.size().reindex(dataset.song_id, fill_value=0).to_numpy() >= 2
    rows = []
    for what, own, given in (
        ("mean", groups.mean(), dataset.rating_mean),
        ("SD", groups.std(ddof=dataset.ddof), dataset.rating_sd),
    ):
        difference = np.abs(own.reindex(dataset.song_id).to_numpy() - given)[enough]
        for k, name in enumerate(dataset.dimensions):
            column = difference[:, k]
            mismatch = int((column > 0.5 * 10.0**-decimals + 1e-9).sum())
            largest = float(column.max()) if len(column) else np.nan
            rows.append((f"{name} {what}", len(column), largest, mismatch))
    return pd.DataFrame(rows, columns=["statistic", "n_songs", "max_abs_diff", "n_mismatch"])
