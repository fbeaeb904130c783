"""The tables of the chapter on noise ceilings, for one data set and one set of raters."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .ceilings import TailShape, estimate_ceilings, measure_tails, raters_needed
from .dataset import DIMENSIONS, Dataset
from .metrics import resample_counts
from .rater_study import RaterData, interval
from .reliability import moment_reliability, pooled_kurtosis, rating_matrix, song_moments
from .sd_sampling import Shape, raters_for_reliability
from .shape import curve_kurtosis
from .surrogates import multisets, pairs_of


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
            ends = interval(moment_reliability(moments, 10, statistic, w)[:, 0])
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

        rho = (of_mean(np.ones((1, len(songs))))[0], *interval(of_mean(w)))
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
