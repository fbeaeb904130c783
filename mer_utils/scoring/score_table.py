"""Predictions of every method, and every score of them in one tidy table.

The table has one row per method, dimension, target and score: ``value`` averages
over training seeds, ``low`` and ``high`` are a 95% bootstrap interval over songs, and
``seed_low`` and ``seed_high`` the range over single seeds. All numbers are in model space
(divide a rating SD by half the range of the scale). Targets are

``mean``      the predicted mean against the mean rating
``sd``        the predicted SD against the SD of the raters; its ``r2_recalibrated`` is the R2
              that is left when a line, fitted to other songs, has mended level and spread
``forecast``  the Gaussian N(mu, sigma^2) as a forecast of the mean rating
``sd_beyond_mean``  the predicted SD against the SD of the raters, after a quadratic in the
              raters' mean is taken out of both (:func:`mer_utils.scoring.parts.partial_pearson`)

For ``sd_beyond_mean`` the quadratics are fitted in each fold, to its scored songs, once for all
resamples. They use the raters' mean, which no method was given: this is a way of asking, and
no prediction. A constant has no such score.
"""

import inspect
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.model.result import CrossValidated, Result
from mer_utils.model.sampling import aggregate
from mer_utils.scoring.intervals import bootstrap
from mer_utils.scoring.metrics import FORECAST_SCORES, POINT_SCORES, SPREAD_SCORES
from mer_utils.scoring.parts import partial_pearson

TRIVIAL = ("training_mean_sd", "quadratic_in_mu")
CONSTANT = ("training_mean_sd",)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Truth and predictions of the scored songs.

    ``mean`` and ``sd`` are (n_songs, 2); ``fold`` (n_songs,) numbers the fold that scored
    each song (0 everywhere for a single split); ``methods`` maps a name to ``(mu, sigma)``, each
    (n_members, n_songs, 2), all in model space:

    ``single``               the head's own mean and SD, one member per seed
    ``seed_ensemble``        mean over seeds, and the SD of the seeds' means (one member)
    ``seed_ensemble_total``  the same mean, and the root of the total variance
    ``mc_dropout``           per seed, mean over passes and SD of the passes' means
    ``mc_dropout_total``     the same mean, and the root of the total variance
    ``training_mean_sd``     trivial: the mean SD of the training songs
    ``quadratic_in_mu``      trivial: a quadratic in the predicted mean, fitted on training songs

    ``recalibrated`` maps the same names to sigma after :func:`recalibrated`.
    """

    mean: np.ndarray
    sd: np.ndarray
    song: np.ndarray
    fold: np.ndarray
    methods: dict
    dimensions: tuple = DIMENSIONS
    recalibrated: dict = field(default_factory=dict)


def predictions(result: Result | CrossValidated, passes=15, *, recalibrate=True) -> Predictions:
    """Predictions for the test songs of one result, or of all folds put together.

    Without ``recalibrate`` the validation songs are not asked, and there is no ``recalibrated``.
    """
    songs, parts, lines = result.songs, [], []
    for fold in result.folds:
        parts.append(_methods(fold, passes, fold.split.test))
        if recalibrate:
            rows = fold.split.validation
            known = _methods(fold, passes, rows)
            pairs = {k: (known[k][1], sigma) for k, (_, sigma) in parts[-1].items()}
            lines.append({k: recalibrated(songs.sd[rows], *pair) for k, pair in pairs.items()})
    return Predictions(
        mean=result.test(songs.mean),
        sd=result.test(songs.sd),
        song=songs.song_id[result.tested],
        fold=result.fold,
        methods={
            name: tuple(np.concatenate([p[name][i] for p in parts], axis=1) for i in (0, 1))
            for name in parts[0]
        },
        dimensions=songs.dimensions,
        recalibrated={k: np.concatenate([p[k] for p in lines], 1) for k in parts[0] if lines},
    )


def recalibrated(sd, known, sigma):
    """Predicted SDs on the raters' level and spread: ``a + b sigma``, the shape of ``sigma``.

    The line is fitted by least squares, for each member and dimension, to songs that are not scored
    here: ``sd`` (n_known, 2) and what was predicted for them, ``known`` (n_members, n_known, 2). A
    prediction that does not vary becomes the mean of ``sd``.

    In :func:`predictions` these are the validation songs of the fold, whose labels moved no weight.
    Heads know training songs by heart, so a line through those is too steep. On DEAM and
    MUSIFEAST-17 heads that had learned something scored higher with validation songs than with
    training songs or both; predictions that hold nothing lost a little more to the line's noise.
    """
    level, own = known.mean(-2, keepdims=True), sd.mean(0)
    covariance = ((known - level) * (sd - own)).mean(-2, keepdims=True)
    slope = covariance / np.maximum(known.var(-2, keepdims=True), 1e-18)
    return own + slope * (sigma - level)


def _methods(result, passes, rows):
    """What :class:`Predictions` calls ``methods``, of one fold and the songs ``rows``."""
    songs, train = result.songs, result.split.train
    mu, sigma = result.mu[:, rows], result.sigma[:, rows]
    methods = {"single": (mu, sigma)}
    if len(mu) > 1:
        seeds = aggregate(mu, sigma)
        methods["seed_ensemble"] = (seeds.mean[None], seeds.spread[None])
        methods["seed_ensemble_total"] = (seeds.mean[None], seeds.total[None])
    dropout = aggregate(*result.mc_dropout(passes, songs=rows))
    methods["mc_dropout"] = (dropout.mean, dropout.spread)
    methods["mc_dropout_total"] = (dropout.mean, dropout.total)
    methods["training_mean_sd"] = (mu, np.broadcast_to(songs.sd[train].mean(0), mu.shape))
    methods["quadratic_in_mu"] = (mu, _quadratic(result.mu[:, train], songs.sd[train], mu))
    return methods


def _quadratic(mu_train, sd_train, mu):
    """Predict the SD by a quadratic in the predicted mean, per member and dimension."""
    predicted = np.empty(mu.shape)
    for member in range(len(mu)):
        for d in range(mu.shape[-1]):
            fit = np.polynomial.Polynomial.fit(mu_train[member, :, d], sd_train[:, d], 2)
            # a spread cannot be negative; the fit can, far from the training songs
            predicted[member, :, d] = np.maximum(fit(mu[member, :, d]), 1e-3)
    return predicted


def score(result, passes: int = 15, n_resamples: int = 500) -> pd.DataFrame:
    """Every score of every method of one result, or of all folds of an experiment.

    Parameters
    ----------
    result : Result or CrossValidated
        From :func:`mer_utils.model.run.run`.
    passes : int
        Passes of Monte Carlo dropout.
    n_resamples : int
        For the intervals.

    Returns
    -------
    pandas.DataFrame
        See the top of this module.
    """
    return score_table(predictions(result, passes), n_resamples)


def within_folds(score, fold):
    """The same score, computed within each fold and averaged over folds.

    Pooled over folds, R2 and correlations are biased downwards: where the test songs of a
    fold are high, its training songs, and so a model that knows nothing but their mean, are
    low. Within a fold there is no such seesaw.
    """

    def averaged(*arrays, weights=None):
        values = []
        for k in np.unique(fold):
            rows = fold == k
            part = None if weights is None else weights[:, rows]
            values.append(score(*(a[..., rows, :] for a in arrays), weights=part))
        return np.mean(values, axis=0)

    return averaged


def score_table(predicted: Predictions, n_resamples: int = 500) -> pd.DataFrame:
    """Score every method; the columns are described at the top of this module.

    Point scores (R2, errors, correlations, also beyond the mean) are averages over folds, see
    :func:`within_folds`; descriptions of the spread and scores of the forecast, which are
    means over songs, are computed on all songs together.
    """
    rows = []
    point = {name: within_folds(score, predicted.fold) for name, score in POINT_SCORES.items()}
    beyond = {"pearson": within_folds(partial_pearson, predicted.fold)}
    for method, (mu, sigma) in predicted.methods.items():
        plan = [("sd", point | SPREAD_SCORES, (predicted.sd, sigma))]
        if method in predicted.recalibrated:
            mended = predicted.sd, predicted.recalibrated[method]
            plan.append(("sd", {"r2_recalibrated": point["r2"]}, mended))
        if method not in CONSTANT:
            plan.append(("sd_beyond_mean", beyond, (predicted.sd, sigma, predicted.mean)))
        plan.append(("forecast", FORECAST_SCORES, (predicted.mean, mu, sigma)))
        if method not in TRIVIAL and not method.endswith("_total"):
            plan.insert(0, ("mean", point, (predicted.mean, mu)))
        for target, scores, arrays in plan:
            for name, score in scores.items():
                rows += score_rows(
                    method, target, name, score, arrays, n_resamples, predicted.dimensions
                )
    return pd.DataFrame(rows)


def score_rows(method, target, name, score, arrays, n_resamples, dimensions=DIMENSIONS):
    """A row for each dimension of one score; ``arrays`` are what the score takes."""
    members = np.asarray(score(*arrays))
    members = members.reshape(-1, members.shape[-1])
    value, low, high = members.mean(0), *np.full((2, len(dimensions)), np.nan)
    if "weights" in inspect.signature(score).parameters:
        value, low, high = bootstrap(score, *arrays, n_resamples=n_resamples)
    for d, dimension in enumerate(dimensions):
        yield {
            "method": method, "target": target, "score": name, "dimension": dimension,
            "value": value[d], "low": low[d], "high": high[d],
            "seed_low": members[:, d].min(), "seed_high": members[:, d].max(),
            "n_seeds": len(members), "n_songs": len(arrays[0]),
        }  # fmt: skip
