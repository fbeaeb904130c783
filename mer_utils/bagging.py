"""Train on fewer songs, or on other songs: what a seed ensemble by itself cannot show.

A seed ensemble changes the seed and keeps the songs, so its spread holds the accidents of
training and not those of *which songs* train. Bagging (Breiman 1996) changes both.
"""

from __future__ import annotations

import numpy as np
import torch

from mer_utils.experiment import Result, standardise
from mer_utils.heads import forward
from mer_utils.training import train_stack


def train_on(result: Result, rows, seeds, protocol=None) -> np.ndarray:
    """Means for the test songs of ``result`` when only ``rows`` of its songs train.

    Parameters
    ----------
    result : Result
        Gives data, split, loss, and (by default) the protocol.
    rows : int array
        Positions of the training songs; a song may be there more than once.
    seeds : sequence of int

    Returns
    -------
    mu : float array, (n_seeds, n_test, 2), model space

    Raises
    ------
    ValueError
        If a row is not a training song: it would be scored or would choose the weights.
    """
    songs, split = result.songs, result.split
    foreign = np.setdiff1d(rows, split.train)
    if len(foreign):
        raise ValueError(f"{len(foreign)} rows are not training songs, e.g. row {foreign[0]}")
    x = standardise(songs.features, rows)
    train, validation = ((x[i], songs.mean[i], songs.sd[i]) for i in (rows, split.validation))
    experiment = result.experiment
    protocol = protocol or experiment.protocol
    stack = train_stack(train, validation, loss=experiment.loss, seeds=seeds, protocol=protocol)
    with torch.no_grad():
        return forward(stack.weights, torch.from_numpy(x[split.test]))[0].numpy()


def with_fewer_songs(result: Result, shares, seeds, protocol=None, *, seed=0) -> dict:
    """Seed ensembles and bagged ensembles trained on a share of the training songs.

    Smaller shares are subsets of larger ones. Each bagged member trains on as many songs, drawn
    with replacement.

    Returns
    -------
    dict
        Number of songs -> ``(seed_ensemble, bagged)``, each (n_seeds, n_test, 2).
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(result.split.train)
    found = {}
    for share in shares:
        known = np.sort(order[: max(2, round(share * len(order)))])
        same = train_on(result, known, seeds, protocol)
        bags = [train_on(result, rng.choice(known, len(known)), [s], protocol) for s in seeds]
        found[len(known)] = same, np.concatenate(bags)
    return found
