"""What exchanged labels do to published scores: a formula, a trial, and differences on DEAM.

Let a share p of the songs have valence and arousal exchanged, in training and in test alike.
A model that cannot tell these songs from the others learns the mixture

    predicted_valence = (1 - p) * valence + p * arousal

of what it would have learned from right labels, and the same the other way round.
:func:`expected_r2` scores this mixture; :func:`exchange_trial` really trains with exchanged
labels; :func:`paired_differences` compares two versions of the labels of the same songs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mer_utils.claims import CLAIMS
from mer_utils.dataset import DIMENSIONS, Dataset
from mer_utils.metrics import POINT_SCORES, SPREAD_SCORES, bootstrap, r2
from mer_utils.study import Predictions, within_folds

SCORES = POINT_SCORES | SPREAD_SCORES
CELL = ["claim", "loss", "method", "dimension", "score"]


def exchange_songs(songs: Dataset, chosen) -> Dataset:
    """``songs`` with valence and arousal (means and SDs) exchanged where ``chosen``, (n_songs,).

    The ratings of single raters stay as they are.
    """
    chosen = np.asarray(chosen, bool)[:, None]
    swap = {n: getattr(songs, n) for n in ("rating_mean", "rating_sd")}
    return replace(songs, **{n: np.where(chosen, v[:, ::-1], v) for n, v in swap.items()})


def mixed(predicted, share: float) -> np.ndarray:
    """What a model learns when a share of its labels is exchanged: (..., n_songs, 2)."""
    predicted = np.asarray(predicted, float)
    return (1 - share) * predicted + share * predicted[..., ::-1]


def expected_r2(truth, predicted, share: float) -> np.ndarray:
    """R2 of the mixture on labels of which a random share is exchanged, (2,).

    ``truth`` and ``predicted`` (n_songs, 2) are the right labels and predictions made from right
    labels. Squared error and variance are averaged over which songs are exchanged:

        error = (1 - p) * mean((y - m)^2) + p * mean((y' - m)^2)
        variance = (1 - p) * Var(y) + p * Var(y') + p * (1 - p) * (mean(y) - mean(y'))^2

    with the mixture m, a dimension y and the other one y'. R2 is 1 - error / variance.
    """
    truth, m = np.asarray(truth, float), mixed(predicted, share)
    error = (1 - share) * ((truth - m) ** 2).mean(0) + share * ((truth[:, ::-1] - m) ** 2).mean(0)
    own, gap = truth.var(0), truth.mean(0) - truth.mean(0)[::-1]
    return 1 - error / ((1 - share) * own + share * own[::-1] + share * (1 - share) * gap**2)


def ridge_predictions(songs: Dataset, n_folds: int = 5, seed: int = 0) -> Predictions:
    """Out-of-fold ridge predictions of means and SDs, as one member of a method "ridge"."""
    fold = np.random.default_rng(seed).permutation(len(songs)) % n_folds
    target = np.concatenate([songs.mean, songs.sd], axis=1)
    out = np.empty_like(target)
    for k in range(n_folds):
        model = make_pipeline(StandardScaler(), Ridge(alpha=songs.features.shape[1]))
        model.fit(songs.features[fold != k], target[fold != k])
        out[fold == k] = model.predict(songs.features[fold == k])
    methods = {"ridge": (out[None, :, :2], out[None, :, 2:])}
    return Predictions(songs.mean, songs.sd, songs.song_id, fold, methods)


def exchange_trial(songs: Dataset, shares, *, n_resamples=500, seed=0) -> pd.DataFrame:
    """Train and score with a random share of exchanged labels, for each share.

    Parameters
    ----------
    songs : Dataset
        With labels that are taken as right. The songs exchanged for a smaller share are among
        those for a larger one.
    shares : sequence of float in [0, 1]

    Returns
    -------
    pandas.DataFrame
        ``share, target, score, dimension, value, low, high, expected``: R2 of the mean, R2 and
        rank correlation of the SD, with a 95% bootstrap interval over songs. ``expected`` is
        :func:`expected_r2` of the predictions from right labels (NaN for ranks).
    """
    rank = np.random.default_rng(seed).permutation(len(songs)) / len(songs)
    right, rows = ridge_predictions(songs, seed=seed), []
    plan = [("mean", "r2"), ("sd", "r2"), ("sd", "spearman")]
    for share in shares:
        trained = ridge_predictions(exchange_songs(songs, rank < share), seed=seed)
        for target, name in plan:
            truth, predicted = _arrays(trained, "ridge", target)
            score = within_folds(SCORES[name], trained.fold)
            figures = bootstrap(score, truth, predicted, n_resamples=n_resamples)
            formula = np.full(2, np.nan)
            if name == "r2":
                formula = expected_r2(*(a.reshape(-1, 2) for a in _arrays(right, "ridge", target)),
                                      share)  # fmt: skip
            for d, dimension in enumerate(DIMENSIONS):
                values = (f[d] for f in (*figures, formula))
                rows.append((share, target, name, dimension, *values))
    names = ["share", "target", "score", "dimension", "value", "low", "high", "expected"]
    return pd.DataFrame(rows, columns=names)


def paired_differences(before: dict, after: dict, n_resamples: int = 500) -> pd.DataFrame:
    """How much every score behind a claim differs between two versions of the labels.

    Parameters
    ----------
    before, after : dict of loss -> Predictions
        Of the same songs in the same folds, the labels in one version and in the other.

    Returns
    -------
    pandas.DataFrame
        ``claim, loss, method, dimension, score, before, after, difference, low, high``: after
        minus before, with a 95% bootstrap interval. Each resample holds the same songs in both
        versions, so this is an interval *of the difference*.

    Raises
    ------
    ValueError
        If songs or folds differ.
    """
    first = next(iter(before.values()))
    for predicted in [*before.values(), *after.values()]:
        if not (np.array_equal(predicted.song, first.song)
                and np.array_equal(predicted.fold, first.fold)):  # fmt: skip
            raise ValueError("the two versions must have the same songs in the same folds")
    rows = []
    for claim in CLAIMS:
        name, _, other = claim.score.partition("_minus_")
        # as in study.py: correlations and R2 within folds, descriptions on all songs together
        score = within_folds(SCORES[name], first.fold) if name in POINT_SCORES else SCORES[name]
        for loss, method in claim.cells:
            arrays = [
                array
                for version in (before, after)
                for cell in [(loss, method), *([(other, "single")] if other else [])]
                for array in _arrays(version[cell[0]], cell[1], claim.target)
            ]
            value = _change(score, arrays, n_resamples)
            for d, dimension in enumerate(DIMENSIONS):
                rows.append((claim.key, loss, method, dimension, claim.score, *value[:, d]))
    return pd.DataFrame(rows, columns=[*CELL, "before", "after", "difference", "low", "high"])


def mixture_table(before: dict, after: dict, share: float) -> pd.DataFrame:
    """Can a mixture explain the scores? R2 of single heads, averaged over seeds.

    ``before`` and ``after`` as in :func:`paired_differences`. Columns ``loss, target, dimension,
    after, expected, before``; ``expected`` is :func:`expected_r2` from the predictions of
    ``after``, and compares with ``before``.
    """
    rows = []
    for loss in before:
        for target in ("mean", "sd"):
            old, new = (_arrays(version[loss], "single", target) for version in (before, after))
            formula = np.mean([expected_r2(new[0], member, share) for member in new[1]], axis=0)
            figures = zip(r2(*new).mean(0), formula, r2(*old).mean(0), strict=True)
            rows += [(loss, target, d, *f) for d, f in zip(DIMENSIONS, figures, strict=True)]
    return pd.DataFrame(
        rows, columns=["loss", "target", "dimension", "after", "expected", "before"]
    )


def _arrays(predicted, method, target):
    """Truth (n_songs, 2) and predictions (n_members, n_songs, 2) of one target."""
    mu, sigma = predicted.methods[method]
    return (predicted.mean, mu) if target == "mean" else (predicted.sd, sigma)


def _change(score, arrays, n_resamples):
    """Score before, after, their difference and its interval, (5, 2).

    ``arrays`` is truth, prediction for each term; half of the terms belong to each version. A
    second term of a version is subtracted from its first.
    """

    def sides(*given, weights=None):
        pairs = zip(given[::2], given[1::2], strict=True)
        terms = [score(*pair, weights=weights).mean(-2) for pair in pairs]
        half = len(terms) // 2
        return [part[0] - (part[1] if half == 2 else 0) for part in (terms[:half], terms[half:])]

    def change(*given, weights=None):
        before, after = sides(*given, weights=weights)
        return after - before

    return np.stack([*sides(*arrays), *bootstrap(change, *arrays, n_resamples=n_resamples)])
