"""The whole study on one data set: every method, every score, one tidy table.

The table has one row per loss, method, dimension, target and score: ``value`` averages
over training seeds, ``low`` and ``high`` are a 95% bootstrap interval over songs, and
``seed_low`` and ``seed_high`` the range over single seeds. All numbers are in model space
(divide a rating SD by 4). Targets are

``mean``      the predicted mean against the mean rating
``sd``        the predicted SD against the SD of the raters
``forecast``  the Gaussian N(mu, sigma^2) as a forecast of the mean rating
``sd_beyond_mean``  the predicted SD against the SD of the raters, after a quadratic in the
              raters' mean is taken out of both (:func:`mer_utils.bounded.partial_pearson`)

For ``sd_beyond_mean`` the quadratics are fitted in each fold, to its scored songs, once for all
resamples. They use the raters' mean, which no method was given: this is a way of asking, and
no prediction. A constant has no such score.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mer_utils.bounded import partial_pearson
from mer_utils.dataset import DIMENSIONS
from mer_utils.experiment import Experiment, Result, run
from mer_utils.metrics import FORECAST_SCORES, POINT_SCORES, SPREAD_SCORES, bootstrap, r2
from mer_utils.sampling import aggregate

PAPER_LOSSES = ("mse", "kld", "nll")
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
    """

    mean: np.ndarray
    sd: np.ndarray
    song: np.ndarray
    fold: np.ndarray
    methods: dict


def predictions(results: list[Result], passes: int = 15) -> Predictions:
    """Predictions for the test songs of one result, or of all folds put together."""
    parts = [_one(result, passes) for result in results]
    methods = {
        name: tuple(np.concatenate([p.methods[name][i] for p in parts], axis=1) for i in (0, 1))
        for name in parts[0].methods
    }
    return Predictions(
        mean=np.concatenate([p.mean for p in parts]),
        sd=np.concatenate([p.sd for p in parts]),
        song=np.concatenate([p.song for p in parts]),
        fold=np.repeat(np.arange(len(parts)), [len(p.song) for p in parts]),
        methods=methods,
    )


def _one(result, passes):
    songs, train = result.songs, result.split.train
    mu, sigma = result.test(result.mu), result.test(result.sigma)
    methods = {"single": (mu, sigma)}
    if len(mu) > 1:
        seeds = aggregate(mu, sigma)
        methods["seed_ensemble"] = (seeds.mean[None], seeds.spread[None])
        methods["seed_ensemble_total"] = (seeds.mean[None], seeds.total[None])
    dropout = aggregate(*result.mc_dropout(passes))
    methods["mc_dropout"] = (dropout.mean, dropout.spread)
    methods["mc_dropout_total"] = (dropout.mean, dropout.total)
    methods["training_mean_sd"] = (mu, np.broadcast_to(songs.sd[train].mean(0), mu.shape))
    methods["quadratic_in_mu"] = (mu, _quadratic(result.mu[:, train], songs.sd[train], mu))
    rows = result.split.test
    fold = np.zeros(len(rows), int)
    return Predictions(songs.mean[rows], songs.sd[rows], songs.song_id[rows], fold, methods)


def _quadratic(mu_train, sd_train, mu):
    """Predict the SD by a quadratic in the predicted mean, per member and dimension."""
    predicted = np.empty(mu.shape)
    for member in range(len(mu)):
        for d in range(2):
            fit = np.polynomial.Polynomial.fit(mu_train[member, :, d], sd_train[:, d], 2)
            # a spread cannot be negative; the fit can, far from the training songs
            predicted[member, :, d] = np.maximum(fit(mu[member, :, d]), 1e-3)
    return predicted


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
        if method not in CONSTANT:
            plan.append(("sd_beyond_mean", beyond, (predicted.sd, sigma, predicted.mean)))
        plan.append(("forecast", FORECAST_SCORES, (predicted.mean, mu, sigma)))
        if method not in TRIVIAL and not method.endswith("_total"):
            plan.insert(0, ("mean", point, (predicted.mean, mu)))
        for target, scores, arrays in plan:
            for name, score in scores.items():
                rows += score_rows(method, target, name, score, arrays, n_resamples)
    return pd.DataFrame(rows)


def score_rows(method, target, name, score, arrays, n_resamples):
    """The two rows of one score in a score table; ``arrays`` are what the score takes."""
    members = np.asarray(score(*arrays))
    members = members.reshape(-1, members.shape[-1])
    value, low, high = members.mean(0), *np.full((2, 2), np.nan)
    if "weights" in inspect.signature(score).parameters:
        value, low, high = bootstrap(score, *arrays, n_resamples=n_resamples)
    for d, dimension in enumerate(DIMENSIONS):
        yield {
            "method": method,
            "target": target,
            "score": name,
            "dimension": dimension,
            "value": value[d],
            "low": low[d],
            "high": high[d],
            "seed_low": members[:, d].min(),
            "seed_high": members[:, d].max(),
            "n_seeds": len(members),
            "n_songs": len(arrays[0]),
        }


def loss_differences(predicted: dict[str, Predictions], n_resamples: int = 500) -> pd.DataFrame:
    """How much losses and methods differ on the *same* songs, with paired intervals.

    Two kinds of rows, in the columns of :func:`score_table` after ``loss``:

    ``r2_minus_mse``    target ``mean``: R2 of each loss and method minus that of single MSE heads
    ``*_minus_nll``     target ``sd``: ``iqr_ratio`` and ``outlier_share`` minus those of NLL heads

    Needs the losses ``mse`` and ``nll``.
    """
    rows = []
    for loss, ours in predicted.items():
        for method in ("single", "seed_ensemble", "mc_dropout"):
            if method in ours.methods and (loss, method) != ("mse", "single"):
                arrays = ours.mean, ours.methods[method][0], predicted["mse"].methods["single"][0]
                for row in _difference_rows("r2", within_folds(r2, ours.fold), arrays, n_resamples):
                    rows.append({"loss": loss, "method": method, "target": "mean"} | row)
        if loss != "nll":
            arrays = ours.sd, ours.methods["single"][1], predicted["nll"].methods["single"][1]
            for name in ("iqr_ratio", "outlier_share"):
                for row in _difference_rows(name, SPREAD_SCORES[name], arrays, n_resamples):
                    rows.append({"loss": loss, "method": "single", "target": "sd"} | row)
    return pd.DataFrame(rows)


def _difference_rows(name, score, arrays, n_resamples):
    def difference(truth, ours, theirs, weights=None):
        a, b = score(truth, ours, weights=weights), score(truth, theirs, weights=weights)
        return a.mean(-2) - b.mean(-2)  # over members: the two may have different numbers

    value, low, high = bootstrap(difference, *arrays, n_resamples=n_resamples)
    other = "mse" if name == "r2" else "nll"
    for d, dimension in enumerate(DIMENSIONS):
        yield {
            "score": f"{name}_minus_{other}",
            "dimension": dimension,
            "value": value[d],
            "low": low[d],
            "high": high[d],
            "n_seeds": arrays[2].shape[0],
            "n_songs": len(arrays[0]),
        }


def run_study(
    experiment: Experiment,
    *,
    losses=PAPER_LOSSES,
    folds: bool = True,
    passes: int = 15,
    n_resamples: int = 500,
    progress: bool = True,
) -> pd.DataFrame:
    """Score all losses and methods on one data set.

    Parameters
    ----------
    experiment : Experiment
        Its ``loss`` and ``fold`` are replaced.
    losses : sequence of str
    folds : bool
        Score every song once by cross-validation; else the test songs of one split.
    passes : int
        Passes of Monte Carlo dropout.

    Returns
    -------
    pandas.DataFrame
        ``evaluation`` ("5-fold" or "holdout") and ``loss`` before the columns of
        :func:`score_table`; the rows of :func:`loss_differences` come last.
    """
    tables, predicted = [], {}
    chosen = range(experiment.n_folds) if folds else [None]
    for loss in losses:
        results = []
        for fold in chosen:
            one = replace(experiment, loss=loss, fold=fold)
            if progress:
                place = "one split" if fold is None else f"fold {fold + 1} of {len(chosen)}"
                print(f"{loss}: {place}, seeds {one.seeds.start}-{one.seeds.stop - 1}", flush=True)
            results.append(run(one, progress=progress))
        predicted[loss] = predictions(results, passes)
        table = score_table(predicted[loss], n_resamples)
        table.insert(0, "loss", loss)
        tables.append(table)
    if {"mse", "nll"} <= set(losses):
        tables.append(loss_differences(predicted, n_resamples))
    table = pd.concat(tables, ignore_index=True)
    table.insert(0, "evaluation", f"{experiment.n_folds}-fold" if folds else "holdout")
    return table
