r"""Controls: the paper's methods, unchanged, on data where the answer is known.

"No method predicts how much raters disagree" means little until the same methods have been
given data in which the disagreement *can* be predicted, and data in which it cannot.

====================  ====================================================================
control               the true SD of a song's ratings
====================  ====================================================================
``none``              simulated; not a function of the features, nor of the true mean
``deam_like``         simulated; tuned to DEAM (see :mod:`mer_utils.simulate`)
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

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import torch

from mer_utils.dataset import DIMENSIONS, Dataset
from mer_utils.deam import load_deam
from mer_utils.experiment import Experiment, run
from mer_utils.metrics import bootstrap, r2, spearman
from mer_utils.rating_distribution import largest_sd, rating_moments, solve_moments
from mer_utils.simulate import CONSTANTS, DISAGREEMENT, Songs, draw_ratings, simulated_root
from mer_utils.study import PAPER_LOSSES, predictions, within_folds
from mer_utils.style import NAMES

METHODS = {
    "mse": ("mse", "single"),
    "kld": ("kld", "single"),
    "nll": ("nll", "single"),
    "ensemble": ("mse", "seed_ensemble"),
    "mc_dropout": ("mse", "mc_dropout"),
}
"""The paper's five methods: name -> (loss, method of :class:`mer_utils.study.Predictions`)."""
SHARE_OF_ORACLE = 0.5
SCORES = {"spearman": spearman, "r2": r2}
RATERS = (10, 60)
SEMI_SYNTHETIC = ("shuffled", "homoscedastic", "weak_signal", "strong_signal")
DEAM_SPREAD = (0.194, 0.174)  # of the true SDs, tests/test_controls.py checks it
COMPONENTS = 10


def simulated_control(knob: str, n_raters: int, **options) -> Dataset:
    """Simulated songs with one setting of the knob; ``options`` as in ``simulated_root``."""
    return load_deam(simulated_root(knob, n_raters=n_raters, **options))


def control(name: str, songs: Dataset, n_raters: int = 10, seed: int = 0) -> Dataset:
    """A control by name.

    Parameters
    ----------
    name : str
        From the table at the head of this module.
    songs : Dataset
        The features and means that the last four controls use; the others ignore it.
    n_raters : int, at least 2
    seed : int
        Of the shuffle, of the signal and of the ratings.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name in DISAGREEMENT:
        return simulated_control(name, n_raters, seed=seed)
    if name == "shuffled":
        return shuffled(songs, seed)
    if name == "homoscedastic":
        return semi_synthetic(songs, 0.0, (0.0, 0.0), n_raters, seed)
    if name == "weak_signal":
        return semi_synthetic(songs, CONSTANTS.sd_share, DEAM_SPREAD, n_raters, seed)
    if name == "strong_signal":
        spread, share = CONSTANTS.planted_spread, CONSTANTS.planted_share
        return semi_synthetic(songs, share, spread, n_raters, seed)
    raise ValueError(f"unknown control {name!r}: {', '.join(DISAGREEMENT + SEMI_SYNTHETIC)}")


def shuffled(songs: Dataset, seed: int = 0) -> Dataset:
    """The same songs, their SDs (both dimensions together) dealt out anew."""
    order = np.random.default_rng([seed, 30]).permutation(len(songs))
    return replace(
        songs,
        name=f"{songs.name}, SDs shuffled",
        rating_sd=songs.rating_sd[order],
        ratings=None,
        true_mean=None,
        true_sd=None,
    )


def feature_signal(features, mean, seed: int = 0, components: int = COMPONENTS) -> np.ndarray:
    """Two known functions of the features, (n_songs, 2), each with mean 0 and SD 1.

    A random direction among the leading principal components, drawn so that it is
    uncorrelated with the means ``mean`` (n_songs, 2) and with their squares: whoever finds it
    has found it in the features. Features are clipped at 3 SDs and the signal at 2.5, so
    that no outlier carries it. It is linear but for the clipping: an easy signal.
    """
    x = np.asarray(features, float)
    x = np.clip((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), np.inf), -3, 3)
    u = np.linalg.svd(x - x.mean(0), full_matrices=False)[0][:, :components]
    away = np.column_stack([mean, np.asarray(mean) ** 2])
    away = away - away.mean(0)
    basis = np.linalg.svd(away.T @ u)[2][away.shape[1] :]  # directions of u not seen by `away`
    rng = np.random.default_rng([seed, 31])
    signal = u @ basis.T @ rng.normal(size=(len(basis), 2))
    signal = np.clip(signal / signal.std(0), -2.5, 2.5)
    return (signal - signal.mean(0)) / signal.std(0)


def semi_synthetic(songs: Dataset, share, spread, n_raters: int = 10, seed: int = 0) -> Dataset:
    """Given features and means, simulated ratings whose true SD holds a known signal.

    The true mean is the given mean, kept within ``CONSTANTS.mean_reach`` of the middle. The
    true SD is ``level + spread * (sqrt(share) * signal + sqrt(1 - share) * noise)``, with the
    signal of :func:`feature_signal`; ``level`` is the given SDs' root mean square (undoing
    ddof=0 for ten raters). Then ``n_raters`` whole ratings are drawn for each song. Drawing
    adds rating noise to means that had some already, so means are harder to predict than the
    given ones.

    Parameters
    ----------
    songs : Dataset
    share : float in [0, 1]
        Share of the true SD's variance that the features explain.
    spread : pair of float
        SD over songs of the true SD, 1-9 scale.
    n_raters, seed : int

    Returns
    -------
    Dataset
        ``simulated``, with ``true_mean`` and ``true_sd``.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} must lie in [0, 1]")
    rng = np.random.default_rng([seed, 32])
    reach = CONSTANTS.mean_reach
    true_mean = np.clip(songs.rating_mean, 5 - reach, 5 + reach)
    signal = feature_signal(songs.features, true_mean, seed)
    noise = rng.normal(size=signal.shape)
    level = np.sqrt((songs.rating_sd**2).mean(0) * 10 / 9)
    blend = np.sqrt(share) * signal + np.sqrt(1 - share) * noise
    true_sd = level + np.asarray(spread) * blend
    true_sd = np.clip(true_sd, CONSTANTS.sd_floor, 0.9 * largest_sd(true_mean))
    loc, scale = solve_moments(true_mean, true_sd)
    if np.any(spread):
        true_mean, true_sd = rating_moments(loc, scale)
    unknown = np.full(len(songs), "")
    made = Songs(
        songs.song_id, unknown, unknown, signal, songs.features,
        true_mean, true_sd, loc, scale, CONSTANTS,
    )  # fmt: skip
    ratings = draw_ratings(made, n_raters, int(rng.integers(2**31)))
    by_song = ratings.groupby("song_id")[list(DIMENSIONS)]
    return replace(
        songs,
        name=f"simulated ratings on {songs.feature_source}",
        rating_mean=by_song.mean().to_numpy().round(2),
        rating_sd=by_song.std(ddof=0).to_numpy().round(2),  # two decimals, as in DEAM
        n_raters=by_song.size().to_numpy(),
        ratings=None,
        true_mean=true_mean,
        true_sd=true_sd,
        simulated=True,
        ddof=0,
    )


def perfect_labels(songs: Dataset) -> Dataset:
    """The same songs as infinitely many raters would have labelled them."""
    if songs.true_sd is None:
        raise ValueError(f"{songs.name}: the true SD is not known, so there is no oracle")
    return replace(songs, rating_mean=songs.true_mean, rating_sd=songs.true_sd, ratings=None)


def predicted_sd(
    songs: Dataset,
    experiment: Experiment,
    *,
    ensemble=None,
    folds=True,
    oracle=True,
    keep=True,
    progress=False,
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
    chosen = range(experiment.n_folds) if folds else [None]

    def train(data, loss, n_seeds):
        one = replace(experiment, loss=loss, n_seeds=n_seeds)
        return predictions(
            [run(replace(one, fold=k), songs=data, keep=keep, progress=progress) for k in chosen]
        )

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


def varies(songs: Dataset) -> bool:
    """Whether the true SD is known and not the same for all songs."""
    return songs.true_sd is not None and bool((songs.true_sd.std(0) > 1e-6).all())


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
        goals["truth"] = songs.true_sd[place] / 4
        sigma["truth"] = goals["truth"][None]
    rows = []
    for method, predicted in sigma.items():
        for against, goal in goals.items():
            if method == against:
                continue
            for name, score in SCORES.items():
                inside = within_folds(score, fold)
                value, low, high = bootstrap(inside, goal, predicted, n_resamples=n_resamples)
                members = np.asarray(inside(goal, predicted)).reshape(-1, 2)
                for d, dimension in enumerate(DIMENSIONS):
                    rows.append(
                        {
                            "method": method,
                            "against": against,
                            "score": name,
                            "dimension": dimension,
                            "value": value[d],
                            "low": low[d],
                            "high": high[d],
                            "seed_low": members[:, d].min(),
                            "seed_high": members[:, d].max(),
                            "n_seeds": len(members),
                            "n_songs": len(goal),
                        }
                    )
    return pd.DataFrame(rows)


def run_control(
    name, songs, experiment, n_raters=10, *, ensemble=None, folds=True, n_resamples=500
) -> pd.DataFrame:
    """Make one control, train on it and score it.

    Returns the table of :func:`score_sd` after the columns ``control`` and ``n_raters``.
    """
    data = control(name, songs, n_raters, experiment.split_seed)
    found = predicted_sd(data, experiment, ensemble=ensemble, folds=folds)
    table = score_sd(data, *found, n_resamples)
    table.insert(0, "control", name)
    table.insert(1, "n_raters", n_raters)
    return table


def judge(table: pd.DataFrame) -> pd.DataFrame:
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
        for dimension in DIMENSIONS:
            row = {"method": method, "dimension": dimension}
            for n in RATERS:
                row[f"able_{n}"] = recovers("planted", n, method, dimension)
            steps = [
                row[f"able_{RATERS[0]}"],
                recovers("deam_like", RATERS[0], method, dimension),
                above_zero("deam_like", RATERS[0], "raters", method, dimension),
            ]
            row["informative"] = None if None in steps else all(steps)
            place = ("none", RATERS[0], "truth", method, dimension)
            row["silent"] = None
            if place in cells.index:
                row["silent"] = bool(cells.loc[place, "low"] <= 0 <= cells.loc[place, "high"])
            rows.append(row)
    return pd.DataFrame(rows)


def rows_of(table: pd.DataFrame, control: str, n_raters: int, against: str = "truth"):
    """Rank correlations of one control in book order, for :func:`mer_utils.rows.for_forest`."""
    part = table.query("control == @control and n_raters == @n_raters and against == @against")
    part = part[part["score"].eq("spearman")]
    names = {name: NAMES.get(name, name) for name in (*METHODS, "oracle", "truth")}
    part = part.assign(row=part["method"].map(names), look=part["method"])
    order = part["method"].map(list(names).index)
    return part.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)


def where(judged: pd.DataFrame, column: str) -> str:
    """Methods for which a verdict is True in both dimensions, in words."""
    both = judged.groupby("method", sort=False)[column].agg(lambda v: all(x is True for x in v))
    names = [NAMES.get(name, name) for name in both.index[both]]
    if len(names) < 2:
        return names[0] if names else "no method"
    return f"{', '.join(names[:-1])} and {names[-1]}"
