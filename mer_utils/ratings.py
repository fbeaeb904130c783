"""From single ratings to targets per song, and how far raters agree.

Conventions
-----------
Ratings come as a long table with one row per song and rater: columns ``song_id``, ``rater``,
``valence``, ``arousal``, on 1-9. Results that have a value per dimension are ordered
(valence, arousal). SDs are population SDs (ddof=0) unless an argument says otherwise.

Agreement: :func:`icc`, :func:`krippendorff_alpha`. Reliability of what a model is asked to
predict: :func:`split_half_reliability`. Shape: :func:`sd_bound`, :func:`quadratic_r2`.
"""

from __future__ import annotations

from typing import NamedTuple

import krippendorff
import numpy as np
import pandas as pd

from .dataset import DIMENSIONS

LOW, HIGH = 1, 9


class Targets(NamedTuple):
    """What a model is trained on, before scaling; songs in increasing order of id."""

    song_id: np.ndarray  # int, (n_songs,)
    rating_mean: np.ndarray  # (n_songs, 2), 1-9
    rating_sd: np.ndarray  # (n_songs, 2), rating scale
    n_raters: np.ndarray  # int, (n_songs,)


def check_ratings(ratings: pd.DataFrame) -> pd.DataFrame:
    """The table itself, if it is a sound long table of ratings.

    Raises
    ------
    ValueError
        Columns missing, no rows, a rating that is not a number in 1-9, or a rater who rated a
        song twice. Names the song, the rater and the mend.
    """
    missing = [c for c in ("song_id", "rater", *DIMENSIONS) if c not in ratings.columns]
    if missing:
        raise ValueError(f"ratings lack the columns {missing}; they have {list(ratings.columns)}")
    if not len(ratings):
        raise ValueError("the table of ratings is empty")
    for name in DIMENSIONS:
        values = pd.to_numeric(ratings[name], errors="coerce")
        bad = ~values.between(LOW, HIGH)
        if bad.any():
            row = ratings[bad].iloc[:1].to_dict("records")[0]
            raise ValueError(
                f"{bad.sum()} {name} ratings are not numbers from {LOW} to {HIGH}; the first is "
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


def targets_from_ratings(ratings: pd.DataFrame, ddof: int = 0) -> Targets:
    """Mean, SD (``ddof``) and number of raters per song.

    Raises
    ------
    ValueError
        See :func:`check_ratings`; also where a song has too few raters for ``ddof``.
    """
    songs = check_ratings(ratings).groupby("song_id", sort=True)[list(DIMENSIONS)]
    count = songs.size()
    if (count <= ddof).any():
        raise ValueError(f"song {count.index[count <= ddof][0]} has too few raters for ddof={ddof}")
    return Targets(
        count.index.to_numpy(),
        songs.mean().to_numpy(float),
        songs.std(ddof=ddof).to_numpy(float),
        count.to_numpy(),
    )


# --- shape ---------------------------------------------------------------------------------


def sd_bound(mean, low: float = LOW, high: float = HIGH) -> np.ndarray:
    """Largest SD (ddof=0) that values in [``low``, ``high``] with this ``mean`` can have.

    sqrt((high - mean) (mean - low)): reached when everybody chooses one of the two ends
    (Bhatia & Davis 2000). With ddof=1 and n raters multiply by sqrt(n / (n - 1)).
    """
    mean = np.asarray(mean, dtype=float)
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


# --- agreement -----------------------------------------------------------------------------


def variance_components(value, song, rater) -> dict[str, float]:
    """Split the variance of single ratings into song + rater + residual.

    Model: rating = grand mean + song + rater + residual, all three random and independent.
    Songs may have different numbers of raters, raters different numbers of songs, and most
    cells may be empty: Henderson's method 1 (Henderson 1953) equates four sums of squares
    with their expectations and solves. It is unbiased, equals the textbook analysis of
    variance where the table is full, and can come out slightly below 0 where the truth is 0.
    ``residual`` holds taste (song x rater) and noise, which one rating per cell cannot part.
    The residual variance may differ between songs; then it is their average.

    ``song_nested`` and ``within`` are the one-way split, which ignores who rated.

    Raises
    ------
    ValueError
        A rater rated a song twice, fewer than 2 songs, no song with 2 raters, or a design in
        which songs and raters cannot be told apart (e.g. every rater rated one song only).
    """
    value = np.asarray(value, dtype=float)
    song = np.unique(np.asarray(song), return_inverse=True)[1]
    rater = np.unique(np.asarray(rater), return_inverse=True)[1]
    if len(np.unique(song * (rater.max() + 1) + rater)) < len(value):
        raise ValueError("a rater rated a song twice: keep one rating per song and rater")
    per_song, per_rater = np.bincount(song), np.bincount(rater)
    n, a, b = len(value), len(per_song), len(per_rater)
    if a < 2 or n == a:
        raise ValueError(f"agreement needs 2 songs and 2 raters on some song; got {a} songs")
    value = value - value.mean()  # does not change the components, keeps the sums exact
    total = np.sum(value**2)
    between = np.sum(np.bincount(song, value) ** 2 / per_song)
    by_rater = np.sum(np.bincount(rater, value) ** 2 / per_rater)

    within = (total - between) / (n - a)
    n0 = (n - np.sum(per_song**2) / n) / (a - 1)
    one_way = {"song_nested": (between / (a - 1) - within) / n0, "within": within}

    expected = np.array(  # of the sums of squares; columns: n mu^2, song, rater, residual
        [
            [1, n, n, n],
            [1, n, a, a],
            [1, b, n, b],
            [1, np.sum(per_song**2) / n, np.sum(per_rater**2) / n, 1],
        ]
    )
    if np.linalg.matrix_rank(expected) < 4:
        raise ValueError("songs and raters cannot be told apart: raters need several songs each")
    _, song_part, rater_part, residual = np.linalg.solve(expected, [total, between, by_rater, 0.0])
    return {"song": song_part, "rater": rater_part, "residual": residual} | one_way


def icc(ratings: pd.DataFrame, k: float | None = None) -> pd.DataFrame:
    """Intraclass correlations per dimension: the share of rating variance that is the song's.

    Names follow Shrout & Fleiss (1979); 1 is perfect agreement, 0 none, higher is better.

    ==========  =============================================================================
    ``icc1``    one rating, raters seen as nested in songs (who rated is ignored)
    ``icc1k``   mean of ``k`` such ratings
    ``icc21``   one rating, raters a random sample; leniency counts as disagreement
    ``icc2k``   mean of ``k`` ratings from ``k`` raters drawn anew for each song
    ``icc31``   one rating after each rater's leniency is taken out (consistency)
    ==========  =============================================================================

    ``k`` defaults to the harmonic mean of the raters per song. ``icc2k`` is
    song / (song + (rater + residual) / k), as in Shrout & Fleiss: it holds for a table in
    which each song has its own draw of raters, and for a full one.

    Returns a table: index valence, arousal; columns ``song, rater, residual`` (variances,
    rating scale squared), the five coefficients, and ``k``.
    """
    check_ratings(ratings)
    count = ratings.groupby("song_id").size()
    k = float(len(count) / np.sum(1 / count)) if k is None else float(k)
    rows = {}
    for name in DIMENSIONS:
        v = variance_components(ratings[name], ratings["song_id"], ratings["rater"])
        error = v["rater"] + v["residual"]
        rows[name] = {part: v[part] for part in ("song", "rater", "residual")} | {
            "icc1": v["song_nested"] / (v["song_nested"] + v["within"]),
            "icc1k": v["song_nested"] / (v["song_nested"] + v["within"] / k),
            "icc21": v["song"] / (v["song"] + error),
            "icc2k": v["song"] / (v["song"] + error / k),
            "icc31": v["song"] / (v["song"] + v["residual"]),
            "k": k,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def krippendorff_alpha(ratings: pd.DataFrame, level: str = "interval") -> np.ndarray:
    """Krippendorff's alpha per dimension, (2,): 1 - observed / expected disagreement.

    1 is perfect agreement, 0 what chance gives, below 0 systematic disagreement. ``level`` is
    "nominal", "ordinal", "interval" or "ratio". Needs integer ratings; songs with one rating
    do not count. Computed by the ``krippendorff`` package.
    """
    check_ratings(ratings)
    alphas = []
    for name in DIMENSIONS:
        if (ratings[name] % 1 != 0).any():
            raise ValueError(f"{name} holds ratings that are not whole numbers")
        song = np.unique(ratings["song_id"], return_inverse=True)[1]
        counts = np.zeros((song.max() + 1, HIGH - LOW + 1), dtype=int)
        np.add.at(counts, (song, ratings[name].to_numpy(int) - LOW), 1)
        scale = np.arange(LOW, HIGH + 1)
        alphas.append(
            krippendorff.alpha(value_counts=counts, value_domain=scale, level_of_measurement=level)
        )
    return np.array(alphas)


# --- reliability ---------------------------------------------------------------------------


def spearman_brown(r, factor: float = 2.0):
    """Reliability with ``factor`` times as many raters, from the reliability ``r`` now."""
    r = np.asarray(r, dtype=float)
    return factor * r / (1 + (factor - 1) * r)


def split_half_reliability(
    ratings: pd.DataFrame, statistic: str = "mean", n_splits: int = 100, seed=0
) -> np.ndarray:
    """Correlation across songs of a statistic from two random halves of each song's raters.

    Parameters
    ----------
    statistic : {"mean", "sd"}
        "sd" uses ddof=1 within a half, so that songs with unequal numbers of raters compare.
    n_splits : int
        Random splits; a song with an odd number leaves one rater out of each split.
    seed : int or numpy.random.Generator

    Returns
    -------
    (n_splits, 2) Pearson correlations, one row per split; 1 is perfect, 0 is pure noise.
    They are for *half* the raters: see :func:`spearman_brown` for all of them. That formula
    is made for means. For SDs it comes out too low, because the error of an SD falls faster
    than 1/n: Gaussian ratings with a reliability of 0.22 for ten raters give 0.20.
    """
    if statistic not in ("mean", "sd"):
        raise ValueError(f'statistic must be "mean" or "sd", got {statistic!r}')
    check_ratings(ratings)
    rng = np.random.default_rng(seed)
    ids, song = np.unique(ratings["song_id"], return_inverse=True)
    values = ratings[list(DIMENSIONS)].to_numpy(float)
    size = np.bincount(song)
    least = 4 if statistic == "sd" else 2
    if (size < least).any() or len(ids) < 3:
        few = ids[size < least]
        raise ValueError(
            f"a split-half {statistic} needs 3 songs and {least} raters on each; "
            f"too few on {len(few)} songs, e.g. {few[:3].tolist()}"
        )
    half, start = size // 2, np.cumsum(size) - size
    out = np.empty((n_splits, len(DIMENSIONS)))
    for s in range(n_splits):
        order = np.lexsort((rng.random(len(song)), song))
        place = np.arange(len(song)) - start[song[order]]  # 0, 1, ... within a song
        halves = []
        for which in (0, 1):  # an odd rater out has place // half == 2
            chosen = order[place // half[song[order]] == which]
            total = np.stack([np.bincount(song[chosen], v) for v in values[chosen].T], axis=1)
            mean = total / half[:, None]
            squares = (values[chosen] - mean[song[chosen]]) ** 2
            summed = np.stack([np.bincount(song[chosen], v) for v in squares.T], axis=1)
            halves.append(mean if statistic == "mean" else np.sqrt(summed / (half[:, None] - 1)))
        for d in range(len(DIMENSIONS)):
            out[s, d] = np.corrcoef(halves[0][:, d], halves[1][:, d])[0, 1]
    return out


def bootstrap_songs(ratings: pd.DataFrame, statistic, n_resamples: int = 200, seed=0) -> np.ndarray:
    """``statistic(ratings)`` on resamples of whole songs, stacked: (n_resamples, ...).

    Songs are drawn with replacement and keep all their raters; a song drawn twice counts as
    two songs. Percentiles of the result make an interval.
    """
    rng = np.random.default_rng(seed)
    if "rater" in ratings:  # numbers compare faster than names
        ratings = ratings.assign(rater=np.unique(ratings["rater"], return_inverse=True)[1])
    rows = list(ratings.groupby("song_id").indices.values())
    size = np.array([len(r) for r in rows])
    out = []
    for _ in range(n_resamples):
        drawn = rng.integers(len(rows), size=len(rows))
        sample = ratings.iloc[np.concatenate([rows[i] for i in drawn])]
        out.append(statistic(sample.assign(song_id=np.repeat(np.arange(len(rows)), size[drawn]))))
    return np.array(out)
