"""What ratings of single raters tell about means and SDs: the tables for one set of raters."""

import numpy as np
import pandas as pd
from moments import moment_reliability, pooled_kurtosis, song_moments
from sd_noise import Shape, shrinkage, step_sd_reliability

from mer_utils.ceiling.headline import RaterData
from mer_utils.ceiling.reliability import (
    Panels,
    draw_panels,
    interval,
    panel_curves,
    rating_matrix,
)
from mer_utils.ceiling.transferred import RaterPanels, noise_terms, rater_panels
from mer_utils.data.agreement import spearman_brown, variance_components
from mer_utils.data.ratings import quadratic_r2
from mer_utils.scoring.intervals import resample_counts


def reliability_curves(data: RaterData, sizes=(3, 5, 10, 15, 24), n_draws=100, n_resamples=500):
    """Reliability of mean and SD against the number of raters, by both methods.

    Returns a table ``dimension, statistic, method, n, value, low, high``; methods "moments"
    (all raters at once, :mod:`moments`) and "panels" (disjoint panels).
    """
    seen = panel_curves(data, sizes, n_draws, n_resamples).assign(method="panels")
    rows = []
    for dimension in data.dimensions:
        moments = song_moments(rating_matrix(data.ratings, dimension))
        w = resample_counts(len(moments.n), n_resamples)
        for statistic in ("mean", "sd"):
            value = moment_reliability(moments, sizes, statistic)
            ends = interval(moment_reliability(moments, sizes, statistic, w))
            rows += [(dimension, statistic, *row) for row in zip(sizes, value, *ends, strict=True)]
    names = ["dimension", "statistic", "n", "value", "low", "high"]
    both = [pd.DataFrame(rows, columns=names).assign(method="moments"), seen]
    # the rows of both are in one order: one of each in turn
    table = pd.concat(both).sort_index(kind="stable", ignore_index=True)
    return table[["dimension", "statistic", "method", "n", "value", "low", "high"]]


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
            low, high = interval(many - seen)
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
            there, here = (RaterPanels(n, everyone.panel[:, :, k]) for k in (source, target))
            noise = here.noise().mean()
            predicted = (noise_terms(*here.panel).mean(axis=(0, 2)) @ there.curve()).mean()
            total = here.panel[1].var(axis=1, ddof=1).mean()
            found.append((len(target), 1 - noise / total, 1 - predicted / total, predicted / noise))
        found = np.array(found)
        low, high = interval(found[:, 3])
        songs, observed, predicted = found[:, 0].mean(), *np.median(found[:, 1:3], axis=0)
        rows.append((dimension, songs, observed, predicted, found[:, 3].mean(), low, high))
    names = ["dimension", "songs", "observed", "predicted", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def own_mean_test(data: RaterData, n=10, middle=1.8, n_shuffles=20, seed=0) -> pd.DataFrame:
    """Does the mean tell the SD, or do both only come from the same ten people?

    R2 of a quadratic in the mean of the *same* panel (``own``), and in the mean of another
    panel of the same song (``other``), which shares nothing but the song; adjusted for the two
    slopes, so that pure chance gives 0, and averaged over panels. For all songs, and for those
    whose mean lies within ``middle`` of 5, as most of DEAM's do.

    Returns
    -------
    pandas.DataFrame
        ``dimension, songs, n_songs``, and ``own``, ``other`` and their ``difference``, each
        with ``*_low`` and ``*_high``: 95% by a jackknife over songs.
    """
    rows = []
    for dimension in data.dimensions:
        matrix = rating_matrix(data.ratings, dimension).to_numpy()
        means, sds = rater_panels(matrix, n, n_shuffles=n_shuffles, seed=seed).panel
        near = np.abs(np.nanmean(matrix, axis=1) - 5) < middle
        for name, kept in (("all", np.arange(len(matrix))), ("middle", np.flatnonzero(near))):

            def parts(songs, means=means, sds=sds):
                pairs = [
                    [quadratic_r2(m[songs, j], s[songs, 0]) for j in (0, 1)]
                    for m, s in zip(means, sds, strict=True)
                ]
                own, other = 1 - (1 - np.mean(pairs, axis=0)) * (len(songs) - 1) / (len(songs) - 3)
                return {"own": own, "other": other, "difference": own - other}

            row = {"dimension": dimension, "songs": name, "n_songs": len(kept)}
            for key, value, low, high in _jackknife(parts, kept):
                row |= {key: value, f"{key}_low": low, f"{key}_high": high}
            rows.append(row)
    return pd.DataFrame(rows)


def _jackknife(parts, songs):
    """``(name, value, low, high)`` of each entry of ``parts(songs)``: 95%, normal."""
    n, value = len(songs), pd.Series(parts(songs))
    left_out = pd.DataFrame([parts(np.delete(songs, k)) for k in range(n)])
    half = 1.96 * np.sqrt((n - 1) * left_out.var(ddof=0))
    return [(k, v, v - half[k], v + half[k]) for k, v in value.items()]


def leniency_table(data: RaterData) -> pd.DataFrame:
    """Variance components with rater leniency, ICCs, and the SD without raters' shifts.

    The mixed model of :func:`mer_utils.data.agreement.variance_components`: rating = song + rater +
    rest. Columns ``dimension, part, value, low, high``: 95% by a jackknife over songs, for these
    raters. (A bootstrap draws some songs twice, and calls the rest that both copies share a
    rater's.) Parts are

    ``song``, ``rater``, ``residual``   variances, rating scale squared
    ``icc_1``, ``icc_10``               agreement of one rating, and of a mean of ten, 0 to 1
    ``sd_before``, ``sd_after``         average SD of a song's ratings (ddof=1), with raters'
                                        shifts and without (with the degree of freedom that
                                        a shift takes given back); ``sd_change`` is after - before
    """
    rows = []
    for dimension in data.dimensions:
        before = rating_matrix(data.ratings, dimension).to_numpy()
        after = remove_leniency(before)[0]
        sds = [np.nanstd(matrix, axis=1, ddof=1) for matrix in (before, after)]
        heard = np.isfinite(before)
        lost = np.nanmean(np.where(heard, 1 / heard.sum(0), np.nan), axis=1)
        sds[1] = sds[1] / np.sqrt(1 - lost)  # each shift is fitted to the ratings it is taken from

        def parts(songs, before=before, sds=sds):
            song, rater = np.nonzero(np.isfinite(before[songs]))
            found = variance_components(before[songs][song, rater], song, rater)
            by_song, noise = found["song"], found["rater"] + found["residual"]
            first, second = (sd[songs].mean() for sd in sds)
            return {k: found[k] for k in ("song", "rater", "residual")} | {
                "icc_1": by_song / (by_song + noise),
                "icc_10": by_song / (by_song + noise / 10),
                "sd_before": first,
                "sd_after": second,
                "sd_change": second - first,
            }

        rows += [(dimension, *found) for found in _jackknife(parts, np.arange(len(before)))]
    return pd.DataFrame(rows, columns=["dimension", "part", "value", "low", "high"])


def remove_leniency(matrix, n_rounds: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Take each rater's average shift out: ratings = song + rater + rest, by least squares.

    Returns the matrix without the rater part, and the raters' shifts (n_raters,), which
    average 0. The mean over a song's raters may change where raters heard different songs.
    """
    values = np.asarray(matrix, float)
    heard = np.isfinite(values)
    filled = np.where(heard, values, 0)
    shift = np.zeros(values.shape[1])
    for _ in range(n_rounds):  # alternating least squares: a few rounds, one if complete
        song = (filled - heard * shift).sum(1) / heard.sum(1)
        shift = (filled - heard * song[:, None]).sum(0) / np.maximum(heard.sum(0), 1)
        shift -= shift.mean()
    return values - shift, shift
