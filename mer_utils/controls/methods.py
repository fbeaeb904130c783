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
``deam_low``          three worlds that look like DEAM, and in which a perfect reader of the
``deam_middle``       features would score the same; how much of the SDs' spread is true is low,
``deam_high``         middle or high (:data:`mer_utils.controls.data.WORLDS`)
====================  ====================================================================

*Perfect labels*: the MSE head trained on the true mean and true SD, as of infinitely many raters;
same features, songs and network. It is one more network, and no upper bound.

Rules, written before any result was seen; "silent" was mended later. All scores are Spearman
correlations, within folds.

``able``
    In ``planted``: the 95% interval with the true SD lies above 0, *and* the value is at
    least :data:`SHARE_OF_PERFECT` of that with perfect labels. Judged for each number of raters.
``informative``
    A negative result of this method on DEAM says something: the method is able with 10
    raters, and in ``deam_like`` with 10 raters it passes the same two conditions, *and* its
    interval with the *raters'* SD, all that DEAM has, lies above 0 as well. (Few raters hide
    less in ``deam_like`` than they may in DEAM: see the three worlds.)
``silent``
    Where there is nothing, it cries out no more often than it says: over many draws without
    signal (``studies/cv_intervals.py``), the share of its 95% intervals that leave out 0 is not
    surely above 5%, by Wilson's 95% interval. (The first rule, that the interval in ``none``
    covers 0, asked one draw, and was passed by any method that is noisy enough.)
"""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from mer_utils.controls.data import control, perfect_labels, varies
from mer_utils.data.dataset import Dataset
from mer_utils.model.experiment import Experiment
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.model.run import run
from mer_utils.results import kept
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
SHARE_OF_PERFECT = 0.5
FALSE_ALARMS = 0.05
SCORES = {"spearman": spearman, "r2": r2}
RATERS = (10, 60)


def predicted_sd(
    songs: Dataset, experiment: Experiment, *, ensemble=None, folds=True, perfect=True, keep=True
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
    perfect : bool
        Also train with perfect labels (two seeds), where the truth is known.
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
        return predictions(run(one, **options), recalibrate=False)

    n_seeds = {loss: experiment.n_seeds for loss in PAPER_LOSSES}
    n_seeds["mse"] = ensemble or experiment.n_seeds
    with one_thread():
        found = {loss: train(songs, loss, n) for loss, n in n_seeds.items()}
        sigma = {
            name: found[loss].methods[method][1]
            for name, (loss, method) in METHODS.items()
            if method in found[loss].methods
        }
        if perfect and varies(songs):
            sigma["perfect_labels"] = train(perfect_labels(songs), "mse", 2).methods["single"][1]
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


def false_alarms(nulls: pd.DataFrame) -> pd.DataFrame:
    """How often each method's interval leaves out 0 where nothing is to be found.

    Parameters
    ----------
    nulls : pandas.DataFrame
        The kept table ``controls/intervals_networks``: ``method, score, n_seeds, n`` (draws times
        dimensions), ``alarms`` (share of intervals that leave out 0).

    Returns
    -------
    pandas.DataFrame
        A row per method, with as many seeds as there are: ``alarms`` with Wilson's 95% interval,
        ``low`` and ``high``, and ``silent``. (The two dimensions of a draw share a network, so the
        interval is a little too narrow.)
    """
    part = nulls[nulls["score"].eq("spearman")].sort_values("n_seeds")
    part = part.groupby("method").tail(1).set_index("method")[["n_seeds", "n", "alarms"]]
    tests = (binomtest(round(row.alarms * row.n), int(row.n)) for row in part.itertuples())
    part[["low", "high"]] = [test.proportion_ci(method="wilson") for test in tests]
    return part.assign(silent=part["low"] <= FALSE_ALARMS)


def verdicts(table: pd.DataFrame, nulls: pd.DataFrame | None = None) -> pd.DataFrame:
    """The three rules at the head of this module.

    Parameters
    ----------
    table : pandas.DataFrame
        Tables of :func:`run_control`.
    nulls : pandas.DataFrame, optional
        As in :func:`false_alarms`; the kept table if not given.

    Returns
    -------
    pandas.DataFrame
        One row per method and dimension; ``able_N`` for each number of raters N,
        ``informative`` and ``silent`` (of both dimensions together): True, False, or None where a
        control is missing.
    """
    nulls = kept("controls", "intervals_networks") if nulls is None else nulls
    quiet = false_alarms(nulls)["silent"]
    cells = table[table["score"].eq("spearman")].set_index(
        ["control", "n_raters", "against", "method", "dimension"]
    )

    def above_zero(*place):
        return bool(cells.loc[place, "low"] > 0) if place in cells.index else None

    def recovers(control, n_raters, method, dimension):
        place = (control, n_raters, "truth", method, dimension)
        perfect = (control, n_raters, "truth", "perfect_labels", dimension)
        if place not in cells.index or perfect not in cells.index:
            return None
        enough = cells.loc[place, "value"] >= SHARE_OF_PERFECT * cells.loc[perfect, "value"]
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
            row["silent"] = bool(quiet[method]) if method in quiet else None
            rows.append(row)
    return pd.DataFrame(rows)
