"""Controls: the paper's methods, unchanged, on data where the answer is known.

"No method predicts how much raters disagree" means little until the same methods have been
given data in which the disagreement *can* be predicted, and data in which it cannot.

====================  ====================================================================
control               the true SD of a song's ratings
====================  ====================================================================
``none``              simulated; not a function of the features, nor of the true mean
``deam_like``         simulated; tuned to DEAM (see :mod:`mer_utils.data.simulated_files`)
``planted``           simulated; nearly all of it a function of the features, wide spread
``shuffled``          the given songs; their SDs dealt out anew at random (no true SD)
``homoscedastic``     given features and means, simulated ratings; the same for every song
``weak_signal``       as before; a known function of the features explains a small share of
                      a DEAM-like spread
``strong_signal``     as before; it explains nearly all of a wide spread
====================  ====================================================================

The *oracle* is the MSE head trained on the true mean and true SD: the same features, songs
and network, but infinitely many raters. What it does not reach, the features do not hold or
the network cannot learn from so many songs.

Rules, written before any result was seen. All scores are Spearman correlations, within folds.

``able``
    In ``planted``: the 95% interval with the true SD lies above 0, *and* the value is at
    least :data:`SHARE_OF_ORACLE` of the oracle's. Judged for each number of raters.
``informative``
    A negative result of this method on DEAM says something: the method is able with 10
    raters, and in ``deam_like`` with 10 raters it passes the same two conditions, *and* its
    interval with the *raters'* SD, all that DEAM has, lies above 0 as well.
``silent``
    In ``none``: the interval with the true SD covers 0. A method that is not silent finds
    what is not there.
"""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from mer_utils.controls.data import control, perfect_labels, varies
from mer_utils.data.dataset import Dataset
from mer_utils.model.experiment import Experiment
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.model.run import run
from mer_utils.scoring.metrics import r2, spearman
from mer_utils.scoring.score_table import predictions, score_rows, within_folds

METHODS = {
    "mse": ("mse", "single"),
    "kld": ("kld", "single"),
    "nll": ("nll", "single"),
    "ensemble": ("mse", "seed_ensemble"),
    "mc_dropout": ("mse", "mc_dropout"),
}
"""The paper's five methods: name -> (loss, method of ``score_table.Predictions``)."""
SHARE_OF_ORACLE = 0.5
SCORES = {"spearman": spearman, "r2": r2}
RATERS = (10, 60)


def predicted_sd(
    songs: Dataset, experiment: Experiment, *, ensemble=None, folds=True, oracle=True, keep=True
):
    """Train, and collect every method's predicted SD of the scored songs.

    Parameters
    ----------
    songs : Dataset
    experiment : Experiment
        Seeds, protocol and split; its loss, fold and data are replaced.
    ensemble : int, optional
        Seeds of the MSE heads, from which ensemble and dropout are made; those of the
        experiment by default.
    folds : bool
        Score every song once by cross-validation; else the test songs of one split.
    oracle : bool
        Also train the oracle (two seeds), where the truth is known.
    keep : bool
        Keep the trained heads in the cache.

    Returns
    -------
    place, fold, sigma
        Positions of the scored songs and the fold of each, (n_scored,), and a dict
        method -> (n_members, n_scored, 2) in model space.
    """
    experiment = replace(experiment, split="folds" if folds else "single", fold=None)

    def train(data, loss, n_seeds):
        one = replace(experiment, loss=loss, n_seeds=n_seeds)
        options = {"songs": data, "keep": keep, "progress": False}
        return predictions(run(one, **options))

    n_seeds = {loss: experiment.n_seeds for loss in PAPER_LOSSES}
    n_seeds["mse"] = ensemble or experiment.n_seeds
    with one_thread():
        found = {loss: train(songs, loss, n) for loss, n in n_seeds.items()}
        sigma = {
            name: found[loss].methods[method][1]
            for name, (loss, method) in METHODS.items()
            if method in found[loss].methods
        }
        if oracle and varies(songs):
            sigma["oracle"] = train(perfect_labels(songs), "mse", 2).methods["single"][1]
    some = found["mse"]
    return np.searchsorted(songs.song_id, some.song), some.fold, sigma


@contextmanager
def one_thread():
    """Small products on one thread: more of them wait for each other on a busy machine.

    (Training is not slower: it hands whole blocks of members to threads of its own.)
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def score_sd(songs: Dataset, place, fold, sigma: dict, n_resamples=500) -> pd.DataFrame:
    """Score predicted SDs against the raters' SD and the true SD.

    Returns
    -------
    pandas.DataFrame
        ``method, against, score, dimension, value, low, high, seed_low, seed_high, n_seeds,
        n_songs``. ``against`` is ``raters`` or ``truth``; the method ``truth`` is the true SD
        itself, so against ``raters`` it is the best that anyone could score. Scores are
        averages over folds and members; intervals are 95%, over songs.
    """
    goals = {"raters": songs.sd[place]}
    sigma = dict(sigma)
    if varies(songs):
        goals["truth"] = songs.true_sd[place] / songs.half_range
        sigma["truth"] = goals["truth"][None]
    rows = []
    for method, predicted in sigma.items():
        for against, goal in goals.items():
            for name, score in SCORES.items() if method != against else ():
                arrays, score = (goal, predicted), within_folds(score, fold)
                rows += score_rows(
                    method, against, name, score, arrays, n_resamples, songs.dimensions
                )
    return pd.DataFrame(rows).rename(columns={"target": "against"})


def run_control(name, songs, experiment, n_raters=10, *, n_resamples=500, **how) -> pd.DataFrame:
    """Make one control, train on it and score it; ``how`` as in :func:`predicted_sd`.

    Returns the table of :func:`score_sd` after the columns ``control`` and ``n_raters``.
    """
    data = control(name, songs, n_raters, experiment.split_seed)
    table = score_sd(data, *predicted_sd(data, experiment, **how), n_resamples)
    table.insert(0, "control", name)
    table.insert(1, "n_raters", n_raters)
    return table


def verdicts(table: pd.DataFrame) -> pd.DataFrame:
    """The three rules at the head of this module, applied to tables of :func:`run_control`.

    Returns
    -------
    pandas.DataFrame
        One row per method and dimension; ``able_N`` for each number of raters N,
        ``informative`` and ``silent``: True, False, or None where a control is missing.
    """
    cells = table[table["score"].eq("spearman")].set_index(
        ["control", "n_raters", "against", "method", "dimension"]
    )

    def above_zero(*place):
        return bool(cells.loc[place, "low"] > 0) if place in cells.index else None

    def recovers(control, n_raters, method, dimension):
        place = (control, n_raters, "truth", method, dimension)
        oracle = (control, n_raters, "truth", "oracle", dimension)
        if place not in cells.index or oracle not in cells.index:
            return None
        enough = cells.loc[place, "value"] >= SHARE_OF_ORACLE * cells.loc[oracle, "value"]
        return bool(enough and cells.loc[place, "low"] > 0)

    rows = []
    for method in METHODS:
        for dimension in table["dimension"].unique():
            row = {"method": method, "dimension": dimension}
            for n in RATERS:
                row[f"able_{n}"] = recovers("planted", n, method, dimension)
            steps = [
                row["able_10"],
                recovers("deam_like", 10, method, dimension),
                above_zero("deam_like", 10, "raters", method, dimension),
            ]
            row["informative"] = None if None in steps else all(steps)
            place, row["silent"] = ("none", 10, "truth", method, dimension), None
            if place in cells.index:
                row["silent"] = bool(cells.loc[place, "low"] <= 0 <= cells.loc[place, "high"])
            rows.append(row)
    return pd.DataFrame(rows)
