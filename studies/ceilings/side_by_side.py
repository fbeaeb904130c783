"""Five estimators of the SD's reliability from means and SDs alone, side by side.

What a ceiling is, and why the reliability rho of the SD is one, stands at the head of
:mod:`mer_utils.ceiling.headline`.

DEAM publishes a mean and an SD for each song and no ratings, so rho must be estimated from
these. Four ways, which differ in what they assume about the shape of ratings, and one that
borrows the noise itself from ratings of other songs:

=====================  ====================================================================
``analytic``           Var(s | song) from sigma, n and an assumed kurtosis; everything else
                       in the variance of the SDs is song. :func:`analytic_reliability`
``surrogates``         all panels that can stand behind a published pair; their split
                       halves. :mod:`rival_surrogates`
``null``               what the SDs of a world with one latent SD would do.
                       :mod:`rival_latent`
``hierarchical``       a latent SD that goes with the mean and varies beside it, fitted by
                       likelihood. :mod:`rival_latent`
``transferred``        the noise of panels, seen on songs with many raters and carried over
                       as a function of mean and variance. :mod:`mer_utils.ceiling.transferred`
=====================  ====================================================================

All estimate rho for panels like the observed ones, except the plain ``null``, which
estimates the part of rho *beyond* what one latent SD at the song's mean explains.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from moments import song_moments
from rival_latent import fit_latent, latent_grid, latent_reliability, null_reliability
from rival_shape import curve_kurtosis, fit_lapses, kurtosis_curve
from rival_surrogates import surrogate_reliability, surrogates
from sd_noise import Shape, shrinkage

from mer_utils.ceiling.headline import RaterData, usual_songs
from mer_utils.ceiling.reliability import rating_matrix
from mer_utils.ceiling.transferred import RaterPanels, rater_panels, transferred_ceiling
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.data.ratings import quadratic_r2
from mer_utils.scoring.intervals import resample_counts


def analytic_reliability(sd, n=10, kurtosis=0.0, ddof: int = 0, weights=None):
    """Reliability of SDs from their variance less the noise that sampling theory gives.

    ``rho = 1 - mean(s^2) (1 - gamma^2) / Var(s)``, s with ddof=1, since E[s^2] = sigma^2.

    Parameters
    ----------
    sd : array, (n_songs,)
        SDs with this ``ddof``.
    n : number or (n_songs,)
    kurtosis : number, or (n_resamples,) beside ``weights``
        Excess kurtosis of a typical song, pooled as by
        :func:`moments.pooled_kurtosis`.
    weights : (n_resamples, n_songs), optional

    Returns
    -------
    float or (n_resamples,). Below 0 where the kurtosis calls for more noise than there is
    variance: then it is too high for these data. Fails where kurtosis is not known: from
    -1.2 to 0 the result changes more than by anything else.
    """
    sd, n = np.asarray(sd, float), np.broadcast_to(np.asarray(n, float), np.shape(sd))
    s = sd * np.sqrt((n - ddof) / (n - 1))
    w = np.ones((1, len(s))) if weights is None else np.asarray(weights, float)
    share = w / w.sum(1, keepdims=True)
    shape = Shape(np.broadcast_to(np.asarray(kurtosis, float), len(w))[:, None])
    gamma = shrinkage(n, shape)
    noise = (share * s**2 * (1 - gamma**2)).sum(1)
    square, level = share @ s**2, share @ s
    rho = 1 - noise / (square - level**2)
    return rho if weights is not None else float(rho[0])


@dataclass(frozen=True, eq=False)
class TailShape:
    """How heavy the tails of ratings are, measured on songs with known raters.

    ``curve`` (2,) and, over bootstrap resamples of songs, ``curve_draws`` (n_resamples, 2):
    kurtosis against the mean. ``lapses``: see :mod:`rival_shape`. ``panels``: see
    :mod:`mer_utils.ceiling.transferred`.
    """

    source: str
    curve: np.ndarray
    curve_draws: np.ndarray
    lapses: float
    panels: RaterPanels | None = None


def measure_tails(matrix, source, n=10, n_resamples=500, seed=0) -> TailShape:
    """Measure the tails in a matrix songs x raters with about 20 raters a song or more.

    With ``2 n`` raters or more on each song, also the noise of panels of ``n``.
    """
    moments = song_moments(matrix)
    w = resample_counts(len(moments.n), n_resamples, seed)
    enough = moments.n.min() >= 2 * n
    return TailShape(
        source,
        kurtosis_curve(moments),
        kurtosis_curve(moments, w),
        fit_lapses(moments),
        rater_panels(matrix, n, seed=seed) if enough else None,
    )


def estimate_ceilings(
    mean,
    sd,
    n=10,
    ddof: int = 0,
    *,
    tails: TailShape | None = None,
    kurtoses=(-1.2, -0.6, 0.0),
    n_resamples: int = 500,
    seed=0,
    skip=(),
) -> pd.DataFrame:
    """All estimators of the SD's reliability for one dimension, with 95% intervals.

    Parameters
    ----------
    mean, sd : arrays, (n_songs,), rating scale; ``sd`` with this ``ddof``
    n : number of raters of each song, one number or (n_songs,)
    tails : TailShape, optional
        Adds rows with the tails measured elsewhere; the interval of the analytic one then
        holds the uncertainty of the kurtosis too. The others show ``lapses`` as it is.
    kurtoses : kurtoses to assume in turn for the analytic estimator
    skip : estimators to leave out

    Returns
    -------
    pandas.DataFrame
        ``estimator, shape, part, value, low, high, ceiling_r``: ``part`` is "all" (the ceiling
        of R2) or "beyond the mean"; ``ceiling_r`` is the highest correlation, sqrt(value).
    """
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    n_all = np.broadcast_to(np.asarray(n, float), sd.shape)
    w = resample_counts(len(sd), n_resamples, seed)
    rows = []

    def add(estimator, shape, part, value, draws):
        low, high = np.quantile(draws, [0.025, 0.975])
        rows.append((estimator, shape, part, float(value), low, high))

    if "analytic" not in skip:
        for k in kurtoses:
            both = analytic_reliability(sd, n_all, k, ddof), (sd, n_all, k, ddof, w)
            add("analytic", f"kurtosis {k:g}", "all", both[0], analytic_reliability(*both[1]))
        if tails is not None:
            variance = sd**2 * (n_all - ddof) / (n_all - 1)
            k, k_draws = (
                curve_kurtosis(c, mean, variance) for c in (tails.curve, tails.curve_draws)
            )
            k_draws = np.resize(np.maximum(k_draws, -2), n_resamples)
            add(
                "analytic",
                f"{tails.source} kurtosis",
                "all",
                analytic_reliability(sd, n_all, k, ddof),
                analytic_reliability(sd, n_all, k_draws, ddof, w),
            )
    if "transferred" not in skip and tails is not None and tails.panels is not None:
        if (n_all == tails.panels.n).all():
            for beyond, part in ((False, "all"), (True, "beyond the mean")):
                found = transferred_ceiling(
                    mean, sd, tails.panels, ddof, beyond=beyond, n_resamples=n_resamples, seed=seed
                )
                share = 1 - quadratic_r2(mean, sd) if beyond else 1.0
                ends = (found.value * share, found.low * share, found.high * share)
                rows.append(("transferred", f"{tails.source} noise", part, *ends))
    shapes = {"normal": 0.0}
    if tails is not None and tails.lapses > 0:
        shapes[f"{tails.source} lapses"] = tails.lapses
    size = n_all[0]
    for shape, lapses in shapes.items():
        grid = latent_grid(mean, sd, n_all, ddof, lapses)
        fit = None
        if "hierarchical" not in skip or lapses:
            fit = fit_latent(grid)
        if "surrogates" not in skip and (n_all == size).all() and size in (4, 6, 8, 10):
            prior = {} if fit is None else {"scale": np.exp(fit.b[0]), "spread": fit.tau}
            found = surrogates(mean, sd, int(size), ddof, lapses, **prior)
            value = surrogate_reliability(found, sd)
            add("surrogates", shape, "all", value, surrogate_reliability(found, sd, w))
        if "null" not in skip:
            for part, squeeze in (("all", True), ("beyond the mean", False)):
                draws = null_reliability(grid, w, squeeze)
                add("null", shape, part, null_reliability(grid, squeeze=squeeze), draws)
        if "hierarchical" not in skip:
            value, draws = latent_reliability(fit), latent_reliability(fit, w)
            for k, part in enumerate(("all", "beyond the mean")):
                add("hierarchical", shape, part, value[k], draws[:, k])
    names = ["estimator", "shape", "part", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=names)
    if tails is not None and tails.lapses == 0:  # then the normal is the measured shape
        again = table[table["shape"].eq("normal")].assign(shape=f"{tails.source} lapses")
        table = pd.concat([table, again], ignore_index=True)
    return table.assign(ceiling_r=np.sqrt(table["value"].clip(lower=0)))


def tails_of(data: RaterData, n_resamples=200, n=10) -> dict[str, TailShape]:
    """The measured shape, and noise of panels of ``n``, for each of DEAM's dimensions."""
    return {
        d: measure_tails(rating_matrix(data.ratings, data.like(d)), "measured", n, n_resamples)
        for d in DIMENSIONS
    }


def ceilings_table(songs: Dataset, tails: dict, n_resamples=500, seed=0) -> pd.DataFrame:
    """:func:`estimate_ceilings` for both dimensions, with ``dimension``.

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
"""The estimator that passes :func:`validation.passes` with all tails."""
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
