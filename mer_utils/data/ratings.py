"""From single ratings to the targets of a song, and how its mean limits its SD.

Ratings come as a long table with one row per song and rater: columns ``song_id``, ``rater`` and
one for each dimension. Dimensions and scale are DEAM's, (valence, arousal) and 1-9, unless an
argument says otherwise; so SDs are population SDs (ddof=0).
How far raters agree: :mod:`mer_utils.data.agreement`.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from mer_utils.data.dataset import DIMENSIONS

SCALE = (1, 9)


class Targets(NamedTuple):
    """What a model is trained on, before scaling; songs in increasing order of id."""

    song_id: np.ndarray  # int, (n_songs,)
    rating_mean: np.ndarray  # (n_songs, n_dimensions), on the scale
    rating_sd: np.ndarray  # the same
    n_raters: np.ndarray  # int, (n_songs,)


def check_ratings(ratings: pd.DataFrame, dimensions=DIMENSIONS, scale=SCALE) -> pd.DataFrame:
    """The table itself, if it is a sound long table of ratings.

    Raises
    ------
    ValueError
        Columns missing, no rows, a rating that is not a number on the scale, or a rater who rated a
        song twice. Names the song, the rater and the mend.
    """
    missing = [c for c in ("song_id", "rater", *dimensions) if c not in ratings.columns]
    if missing:
        raise ValueError(f"ratings lack the columns {missing}; they have {list(ratings.columns)}")
    if not len(ratings):
        raise ValueError("the table of ratings is empty")
    low, high = scale
    for name in dimensions:
        values = pd.to_numeric(ratings[name], errors="coerce")
        bad = ~values.between(low, high)
        if bad.any():
            row = ratings[bad].iloc[:1].to_dict("records")[0]
            raise ValueError(
                f"{bad.sum()} {name} ratings are not numbers from {low} to {high}; the first is "
                f"{row[name]!r} (song {row['song_id']}, rater {row['rater']}): mend or drop the row"
            )
    twice = ratings.duplicated(["song_id", "rater"])
    if twice.any():
        row = ratings[twice].iloc[:1].to_dict("records")[0]
        raise ValueError(
            f"{twice.sum()} repeated ratings; the first: rater {row['rater']} rated song "
            f"{row['song_id']} twice: keep one of them"
        )
    return ratings


def targets_from_ratings(ratings, ddof: int = 0, dimensions=DIMENSIONS, scale=SCALE) -> Targets:
    """Mean, SD (``ddof``) and number of raters per song.

    Raises
    ------
    ValueError
        See :func:`check_ratings`; also where a song has too few raters for ``ddof``.
    """
    ratings = check_ratings(ratings, dimensions, scale)
    songs = ratings.groupby("song_id", sort=True)[list(dimensions)]
    count = songs.size()
    if (count <= ddof).any():
        raise ValueError(f"song {count.index[count <= ddof][0]} has too few raters for ddof={ddof}")
    return Targets(
        count.index.to_numpy(),
        songs.mean().to_numpy(float),
        songs.std(ddof=ddof).to_numpy(float),
        count.to_numpy(),
    )


def sd_bound(mean, scale=SCALE) -> np.ndarray:
    """Largest SD (ddof=0) that ratings on ``scale`` with this ``mean`` can have; its shape.

    sqrt((high - mean) (mean - low)): reached when everybody chooses one of the two ends
    (Bhatia & Davis 2000). With ddof=1 and n raters multiply by sqrt(n / (n - 1)).
    A mean outside the scale is a ``ValueError``.
    """
    mean, (low, high) = np.asarray(mean, dtype=float), scale
    if ((mean < low) | (mean > high)).any():
        raise ValueError(f"a mean lies outside {low} to {high}: are the ratings on this scale?")
    return np.sqrt((high - mean) * (mean - low))


def quadratic_fit(mean, sd) -> np.polynomial.Polynomial:
    """Least-squares quadratic of the SD in the mean, both (n,). Callable on new means."""
    return np.polynomial.Polynomial.fit(np.asarray(mean, float), np.asarray(sd, float), 2)


def quadratic_r2(mean, sd) -> np.ndarray:
    """Share of the SD's variance that a quadratic in the mean explains, in sample, 0 to 1.

    (n,) gives one number; (n, 2) one per dimension.
    """
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    if mean.ndim == 2:
        return np.array([quadratic_r2(m, s) for m, s in zip(mean.T, sd.T, strict=True)])
    residual = sd - quadratic_fit(mean, sd)(mean)
    return 1 - np.sum(residual**2) / np.sum((sd - sd.mean()) ** 2)
