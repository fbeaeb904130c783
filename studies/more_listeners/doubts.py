"""Whose doubt is it? Data and model uncertainty when songs grow and when raters grow.

Simulated DEAM-like songs, so that the listeners' SD is known. *Data* uncertainty should be that SD:
it should stay where it is, whoever learns from however much. *Model* uncertainty is what more data
take away: it should fall with more songs, and with more raters, whose labels are less noisy. Here
is what the methods say of both, in the words of :func:`mer_utils.model.sampling.aggregate`:
``predicted`` is the root of the average predicted variance, and ``spread`` the SD of the predicted
means, over seeds or over passes of dropout. A single head has no spread.
"""

from functools import partial

import numpy as np
import pandas as pd
import torch
from learners import kept_draw, stack
from many_songs import many_songs, panels, some

from mer_utils.model.heads import forward
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.model.sampling import aggregate, mc_dropout
from mer_utils.model.training import Protocol
from mer_utils.scoring.metrics import spearman

SONGS, RATERS = (50, 200, 800, 5000), (3, 10, 30, 60)
MANY_SONGS, MANY_RATERS = 800, 10
"""What is kept where the other grows."""
CELLS = tuple(
    dict.fromkeys([*((n, MANY_RATERS) for n in SONGS), *((MANY_SONGS, r) for r in RATERS)])
)
TESTED, SEEDS, PASSES, REPEATS = 1000, range(4), 15, 3
METHODS = ("single", "seed_ensemble", "mc_dropout")
QUANTITIES = ("predicted", "spread", "data_rank", "model_rank")


def _level(values):
    return np.sqrt(np.mean(np.square(values)))


def describe(found, true_mean, true_sd):
    """The numbers of :data:`QUANTITIES` of one Aggregate; songs on the last axis but one.

    ``predicted`` and ``spread`` are root mean squares; ``data_rank`` is the rank correlation of
    ``predicted`` with the true SD, ``model_rank`` that of ``spread`` with the true error of the
    mean. Averages over dimensions, and over members where there are several.
    """
    ranks = spearman(true_sd, found.predicted).mean()
    error = np.abs(found.mean - true_mean)
    flat = (a.reshape(-1, *a.shape[-2:]) for a in (error, found.spread))
    doubt = np.mean([spearman(e, s) for e, s in zip(*flat, strict=True)])
    return _level(found.predicted), _level(found.spread), ranks, doubt


def one_cell(songs, n_songs, n_raters, k, protocol=None, seeds=SEEDS, tested=TESTED) -> dict:
    """Learn from panels of one size, once; a dict ``LOSS:METHOD`` -> :data:`QUANTITIES`.

    Also ``truth``: root mean square of the true SD, and of the error of the seeds' mean by loss.
    """
    rows = np.random.default_rng([23, k]).permutation(len(songs.song_id))
    asked, rated = rows[:tested], rows[tested : tested + n_songs]
    mean, sd = panels(some(songs, rated), n_raters, k)
    taught, own = np.concatenate([rated, asked]), np.arange(n_songs)
    labels = [np.concatenate([y, np.zeros((tested, 2))]) for y in (mean, sd)]
    true_mean, true_sd = (songs.true_mean[asked] - 5) / 4, songs.true_sd[asked] / 4
    protocol, errors, found = protocol or Protocol(), [], {}
    for loss in PAPER_LOSSES:
        weights, x = stack(songs.features[taught], *labels, own, loss, seeds, protocol)
        with torch.no_grad():
            mu, sigma = (part.numpy() for part in forward(weights, x[n_songs:]))
        both = aggregate(mu, sigma)
        passes = mc_dropout(weights, x[n_songs:], passes=PASSES, dropout=protocol.dropout)
        alone = np.array([_level(sigma), np.nan, spearman(true_sd, sigma).mean(), np.nan])
        found[f"{loss}:single"] = alone
        found[f"{loss}:seed_ensemble"] = np.array(describe(both, true_mean, true_sd))
        found[f"{loss}:mc_dropout"] = np.array(describe(aggregate(*passes), true_mean, true_sd))
        errors.append(_level(both.mean - true_mean))
    return found | {"truth": np.array([_level(true_sd), *errors])}


def kept(songs, n_songs, n_raters, k) -> dict:
    """:func:`one_cell`, from the cache where it was made before."""
    described = {"songs": n_songs, "raters": n_raters, "repeat": k, "pool": len(songs.song_id)}
    functions = (many_songs, panels, some, one_cell, describe, _level)
    make = partial(one_cell, songs, n_songs, n_raters, k)
    return kept_draw(f"doubts-{n_songs}-{n_raters}-{k}", described, functions, make)


def table(found: dict) -> pd.DataFrame:
    """Averages over repeats, and the smallest and largest; ``found``: (songs, raters) -> list."""
    rows = []
    for (n_songs, n_raters), repeats in found.items():
        truth = np.stack([one["truth"] for one in repeats])
        for k, loss in enumerate(PAPER_LOSSES):
            for method in METHODS:
                values = np.stack([one[f"{loss}:{method}"] for one in repeats])
                for name, column in zip(QUANTITIES, values.T, strict=True):
                    if np.isfinite(column).all():
                        row = (n_songs, n_raters, loss, method, name, column.mean())
                        ends = (column.min(), column.max())
                        known = (truth[:, 0].mean(), truth[:, 1 + k].mean())
                        rows.append((*row, *ends, len(column), *known))
    names = ["songs", "raters", "loss", "method", "quantity", "value", "smallest", "largest"]
    return pd.DataFrame(rows, columns=[*names, "repeats", "true_sd", "error_of_mean"])


def run(progress=iter, repeats=REPEATS) -> pd.DataFrame:
    """Every cell, all of one repeat before the next."""
    songs = many_songs(TESTED + max(SONGS), seed=1)
    found = {cell: [] for cell in CELLS}
    for k, cell in progress([(k, cell) for k in range(repeats) for cell in CELLS]):
        found[cell].append(kept(songs, *cell, k))
    return table(found)
