"""Raters per song for a wanted reliability, from a reliability that is known."""

import numpy as np
import pandas as pd
from moments import moment_reliability, pooled_kurtosis, song_moments
from rival_shape import curve_kurtosis
from sd_noise import Shape, raters_for_reliability
from side_by_side import HEADLINE, RIVALS, headline

from mer_utils.ceiling.headline import RaterData, raters_of
from mer_utils.ceiling.reliability import interval, rating_matrix
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.scoring.intervals import resample_counts

TARGETS = (0.5, 0.7, 0.9)


def raters_needed(rho, n=10, targets=TARGETS, *, kurtosis=0.0, statistic="sd") -> pd.DataFrame:
    """Raters per song for each target reliability, from a reliability with its interval.

    Parameters
    ----------
    rho : (value, low, high)
        Reliability of ``n`` raters; 0 or below gives infinity.
    kurtosis : float
        Of the ratings, for the SD.
    statistic : {"sd", "mean"}

    Returns
    -------
    pandas.DataFrame: ``target, raters, low, high``, rounded up; more reliability needs fewer.
    """
    rows = []
    for target in targets:
        needed = [
            np.ceil(raters_for_reliability(target, r, n, Shape(kurtosis), statistic) - 1e-9)
            for r in rho
        ]
        rows.append((target, needed[0], needed[2], needed[1]))
    return pd.DataFrame(rows, columns=["target", "raters", "low", "high"])


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
