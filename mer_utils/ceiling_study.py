"""The tables of the chapter on noise ceilings, for one data set and one set of raters."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from .ceilings import TailShape, estimate_ceilings, measure_tails, raters_needed
from .dataset import DIMENSIONS, Dataset
from .metrics import resample_counts
from .ratings import spearman_brown, variance_components
from .reliability import (
    Panels,
    draw_panels,
    moment_reliability,
    pooled_kurtosis,
    rating_matrix,
    remove_leniency,
    song_moments,
)
from .sd_sampling import Shape, raters_for_reliability, shrinkage, step_sd_reliability
from .shape import curve_kurtosis
from .simulate import draw_ratings, simulate_songs
from .soundtracks import SOUNDTRACK_DIMENSIONS, load_soundtracks, soundtracks_root
from .surrogates import multisets, pairs_of
from .transfer import rater_panels


class RaterData(NamedTuple):
    """Ratings of single raters with enough raters per song, and how figures name them."""

    ratings: pd.DataFrame
    dimensions: tuple
    name: str
    simulated: bool

    def like(self, dimension: str) -> str:
        """The dimension here that stands for one of DEAM's: energy for arousal."""
        return dimension if dimension in self.dimensions else "energy"


def rater_data(soundtracks: str = "", seed: int = 0) -> RaterData:
    """Film soundtracks if their folder is known, else 110 simulated songs with 60 raters.

    ``soundtracks`` is a folder; empty: ``$SOUNDTRACKS_ROOT``, or simulated raters if that is
    not set either.
    """
    if soundtracks_root(soundtracks or None) is not None:
        table = load_soundtracks(soundtracks or None)
        return RaterData(table, SOUNDTRACK_DIMENSIONS, "film soundtracks", False)
    return simulated_raters(seed)


def simulated_raters(seed: int = 0) -> RaterData:
    """110 simulated songs with 60 raters each, of the kind of the simulated data set."""
    table = draw_ratings(simulate_songs("deam_like", 110, seed + 1000, 2), 60, seed)
    return RaterData(table, DIMENSIONS, "simulated raters", True)


def _interval(draws):
    return np.quantile(draws, [0.025, 0.975], axis=0)


def reliability_curves(data: RaterData, sizes=(3, 5, 10, 15, 24), n_draws=100, n_resamples=500):
    """Reliability of mean and SD against the number of raters, measured and from moments.

    Returns a table ``dimension, statistic, method, n, value, low, high``; methods "panels"
    (disjoint panels) and "moments" (all raters at once).
    """
    rows = []
    for dimension in data.dimensions:
        matrix = rating_matrix(data.ratings, dimension)
        moments, w = song_moments(matrix), resample_counts(len(matrix), n_resamples)
        for statistic in ("mean", "sd"):
            value = moment_reliability(moments, sizes, statistic)
            low, high = _interval(moment_reliability(moments, sizes, statistic, w))
            for k, n in enumerate(sizes):
                rows.append((dimension, statistic, "moments", n, value[k], low[k], high[k]))
                panels = draw_panels(matrix, n, statistic, n_draws)
                ends = _interval(panels.reliability(w))
                rows.append((dimension, statistic, "panels", n, panels.reliability(), *ends))
    names = ["dimension", "statistic", "method", "n", "value", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def extrapolation_test(data: RaterData, n=10, new_n=24, n_draws=200, n_resamples=500):
    """Predict the SD's reliability of ``new_n`` raters from panels of ``n``; then look.

    Three predictions: ``predicted`` by exact moments with one pooled kurtosis for all songs,
    ``own_shape`` with each song's own kurtosis (which needs many raters on each song), and
    ``spearman_brown``.

    Returns a table ``dimension, small, observed`` and the predictions, each with ``*_error``
    (predicted - observed), ``*_low`` and ``*_high``, on the same resamples of songs.
    """
    rows = []
    for dimension in data.dimensions:
        matrix = rating_matrix(data.ratings, dimension)
        moments, w = song_moments(matrix), resample_counts(len(matrix), n_resamples)
        kappa, kappas = pooled_kurtosis(moments), pooled_kurtosis(moments, w)
        small, large = (draw_panels(matrix, k, "sd", n_draws) for k in (n, new_n))
        draws, seen = small.reliability(w), large.reliability(w)
        value, observed = small.reliability(), large.reliability()
        row = {"dimension": dimension, "small": value, "observed": observed}
        one = np.ones((1, len(matrix)))
        both = {
            "predicted": (
                step_sd_reliability(value, n, new_n, Shape(kappa)),
                step_sd_reliability(draws, n, new_n, Shape(kappas)),
            ),
            "own_shape": (
                _step_with_own_shape(small, moments, n, new_n, one)[0],
                _step_with_own_shape(small, moments, n, new_n, w),
            ),
            "spearman_brown": tuple(spearman_brown(r, new_n / n) for r in (value, draws)),
        }
        for name, (at, many) in both.items():
            low, high = _interval(many - seen)
            row |= {name: float(at), f"{name}_error": float(at) - observed}
            row |= {f"{name}_low": low, f"{name}_high": high}
        rows.append(row)
    return pd.DataFrame(rows)


def _step_with_own_shape(panels, moments, n, new_n, weights):
    """Reliability of ``new_n`` raters: each song's gamma and noise by its own kurtosis."""
    kappa = np.clip(moments.fourth / moments.variance**2, -1.5, 6)
    old, new = (shrinkage(k, Shape(kappa)) for k in (n, new_n))
    stretched = Panels(panels.first * new / old, panels.second * new / old)
    song = stretched.covariance(weights)
    share = weights / weights.sum(1, keepdims=True)
    return song / (song + share @ (moments.variance * (1 - new**2)))


def transfer_test(data: RaterData, n=10, n_halves=200, middle=1.8, seed=0) -> pd.DataFrame:
    """Carry the noise from one half of the songs to the *middle* of the other half; then look.

    The middle are songs whose mean is within ``middle`` of 5, so their means are spread less
    than those of the songs that the noise comes from, as in DEAM.

    Returns
    -------
    pandas.DataFrame
        ``dimension``; ``songs``, the average number of songs predicted; ``observed`` and
        ``predicted`` reliability of panels of ``n`` (medians over random halves); ``ratio`` of
        predicted to observed noise with ``low`` and ``high``, the middle 95% of the halves.
    """
    rng, rows = np.random.default_rng(seed), []
    for dimension in data.dimensions:
        matrix = rating_matrix(data.ratings, dimension).to_numpy()
        everyone = rater_panels(matrix, n, n_shuffles=100)
        near = np.abs(np.nanmean(matrix, axis=1) - 5) < middle
        found = []
        for _ in range(n_halves):
            order = rng.permutation(len(matrix))
            source, target = np.split(order, [len(order) // 2])
            target = target[near[target]]
            target = everyone.of_songs(target)
            noise = target.noise().mean()
            predicted = target.predicted_noise(everyone.of_songs(source).curve()).mean()
            total = target.panel[1].var(axis=1, ddof=1).mean()
            found.append(
                (target.n_songs, 1 - noise / total, 1 - predicted / total, predicted / noise)
            )
        found = np.array(found)
        low, high = _interval(found[:, 3])
        songs, observed, predicted = found[:, 0].mean(), *np.median(found[:, 1:3], axis=0)
        rows.append((dimension, songs, observed, predicted, found[:, 3].mean(), low, high))
    names = ["dimension", "songs", "observed", "predicted", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def leniency_table(data: RaterData) -> pd.DataFrame:
    """Variance components and the SD before and after raters' shifts are taken out.

    Columns ``dimension, song, rater, residual`` (variances, rating scale squared), ``sd_before,
    sd_after`` (averages over songs, ddof=1).
    """
    rows = []
    for dimension in data.dimensions:
        matrix = rating_matrix(data.ratings, dimension)
        table = data.ratings
        parts = variance_components(table[dimension], table["song_id"], table["rater"])
        after = remove_leniency(matrix)[0]
        row = {"dimension": dimension} | {k: parts[k] for k in ("song", "rater", "residual")}
        row |= {
            "sd_before": np.nanstd(matrix, axis=1, ddof=1).mean(),
            "sd_after": np.nanstd(after, axis=1, ddof=1).mean(),
        }
        rows.append(row)
    return pd.DataFrame(rows)


def tails_of(data: RaterData, n_resamples=200, n=10) -> dict[str, TailShape]:
    """The measured shape, and noise of panels of ``n``, for each of DEAM's dimensions."""
    return {
        d: measure_tails(rating_matrix(data.ratings, data.like(d)), "measured", n, n_resamples)
        for d in DIMENSIONS
    }


def raters_of(songs: Dataset):
    """Raters per song: as the file says, else DEAM's ten."""
    return 10 if songs.n_raters is None else songs.n_raters


def usual_songs(songs: Dataset) -> tuple[np.ndarray, int]:
    """The songs with the most common number of raters, as a mask (n_songs,), and that number."""
    n = np.broadcast_to(raters_of(songs), len(songs))
    usual = int(np.bincount(n).argmax())
    return n == usual, usual


def ceilings_table(songs: Dataset, tails: dict, n_resamples=500, seed=0) -> pd.DataFrame:
    """:func:`mer_utils.ceilings.estimate_ceilings` for both dimensions, with ``dimension``.

    Songs with another number of raters than most are left out, because a published pair can
    only be taken apart when the panel's size is known.
    """
    keep, usual = usual_songs(songs)
    parts = []
    for d, name in enumerate(DIMENSIONS):
        table = estimate_ceilings(
            songs.rating_mean[keep, d], songs.rating_sd[keep, d], usual, songs.ddof,
            tails=tails[name], n_resamples=n_resamples, seed=seed,
        )  # fmt: skip
        parts.append(table.assign(dimension=name, n=int(keep.sum())))
    return pd.concat(parts, ignore_index=True)


HEADLINE = ("transferred", "measured noise")
"""The estimator that passes :func:`mer_utils.validate_ceilings.passes` with all tails."""
RIVALS = (("analytic", "measured kurtosis"), ("surrogates", "normal"), ("null", "measured lapses"),
          ("hierarchical", "measured lapses"))  # fmt: skip


def headline(table: pd.DataFrame, of=HEADLINE, part="all") -> pd.DataFrame:
    """The rows of one estimator, valence first: ``value, low, high`` and the rest.

    ``table`` is from :func:`ceilings_table`; ``of`` is estimator and shape. Empty if the
    estimator is not there.
    """
    here = table["estimator"].eq(of[0]) & table["shape"].eq(of[1]) & table["part"].eq(part)
    order = table["dimension"].map(list(DIMENSIONS).index)
    return table.loc[order[here].sort_values().index].reset_index(drop=True)


def needed_table(songs: Dataset, table, data: RaterData, tails, n_resamples=500) -> pd.DataFrame:
    """Raters per song for reliabilities of 0.5, 0.7 and 0.9, after ``data, dimension, statistic``.

    For the raters' own data by moments. For the SD of ``songs`` through the headline
    estimator and its rivals (``estimator``), with the kurtosis that ``tails`` measured for the
    step to more raters; for the mean of ``songs`` from the one-way variance components.
    """
    parts = []
    for dimension in data.dimensions:
        moments = song_moments(rating_matrix(data.ratings, dimension))
        w = resample_counts(len(moments.n), n_resamples)
        kappa = pooled_kurtosis(moments)
        for statistic in ("mean", "sd"):
            ends = _interval(moment_reliability(moments, 10, statistic, w)[:, 0])
            rho = (moment_reliability(moments, 10, statistic)[0], *ends)
            part = raters_needed(rho, 10, kurtosis=kappa, statistic=statistic)
            place = {"data": data.name, "dimension": dimension, "statistic": statistic}
            parts.append(part.assign(**place, estimator="moments"))
    n = int(np.median(raters_of(songs)))
    w = resample_counts(len(songs), n_resamples)
    for d, dimension in enumerate(DIMENSIONS):
        mean, sd = songs.rating_mean[:, d], songs.rating_sd[:, d]
        variance = sd**2 * (n - songs.ddof) / (n - 1)
        kappa = float(curve_kurtosis(tails[dimension].curve, mean, variance))
        place = {"data": songs.name, "dimension": dimension}
        for of in (HEADLINE, *RIVALS):
            rows = headline(table, of)
            if rows.empty:
                continue
            row = rows.loc[d]
            part = raters_needed((row["value"], row["low"], row["high"]), n, kurtosis=kappa)
            parts.append(part.assign(**place, statistic="sd", estimator=", ".join(of)))

        def of_mean(weights, mean=mean, variance=variance):
            share = weights / weights.sum(1, keepdims=True)
            return 1 - (share @ variance) / n / (share @ mean**2 - (share @ mean) ** 2)

        rho = (of_mean(np.ones((1, len(songs))))[0], *_interval(of_mean(w)))
        part = raters_needed(rho, n, statistic="mean")
        parts.append(part.assign(**place, statistic="mean", estimator="variance components"))
    columns = ["data", "dimension", "statistic", "estimator", "target", "raters", "low", "high"]
    return pd.concat(parts, ignore_index=True)[columns]


def needed_curve(rho, n, kurtosis=0.0, statistic="sd"):
    """Raters per song against target reliability, for a figure: (targets, raters)."""
    targets = np.linspace(0.1, 0.95, 18)
    shape = Shape(kurtosis)
    return targets, np.array([raters_for_reliability(t, rho, n, shape, statistic) for t in targets])


def possible_panels(mean: float, sd: float, n: int = 10) -> pd.DataFrame:
    """All panels behind one mean and SD (ddof=0): ``ratings`` as text, and their ``chance``."""
    total, squares = pairs_of([mean], [sd], n)
    known = multisets(n)
    rows = np.flatnonzero((known.total == total[0]) & (known.squares == squares[0]))
    weight = np.exp(known.log_multiplicity[rows])
    text = [" ".join(map(str, np.repeat(np.arange(1, 10), known.counts[i]))) for i in rows]
    table = pd.DataFrame({"ratings": text, "chance": weight / max(weight.sum(), 1e-300)})
    return table.sort_values("chance", ascending=False, ignore_index=True)


def mean_reliability(songs: Dataset) -> np.ndarray:
    """Reliability of the mean from means and SDs alone, (2,): one-way variance components."""
    n = raters_of(songs)
    noise = songs.rating_sd**2 * np.reshape((n - songs.ddof) / (n - 1) / n, (-1, 1))
    return 1 - noise.mean(0) / songs.rating_mean.var(0)
