"""The same clips and learners, taught by more listeners or by more clips: MUSIFEAST-17.

A *draw* puts the eight groups of listeners in an order. The first one to eight groups teach. The
last four judge, whoever teaches, as long as no group does both: so scores of different teachers
have the same target and the same ceiling. The draws of one round are the eight cyclic shifts of a
random order: each group is in each place once.

Clips are in five folds, apart by artist (or by genre); a *cell* is a number of groups and a number
of clips per fold to learn from. A smaller number is a part of a larger one.
"""

from functools import partial

import numpy as np
from learners import everyone, kept_draw

from mer_utils.data.musifeast import GROUPS, load_musifeast
from mer_utils.model.splits import artist_groups, folds

JUDGES = 4
FULL = 285
"""Clips to learn from with five folds: all that the fold does not score."""
SIZES = (1, 2, 3, 4, 6, 8)
BUDGET = ((1, FULL), (2, 142), (3, 95), (4, 71))
"""The same number of ratings each."""
SONGS = (50, 100, 180, FULL)
CELLS = tuple(
    dict.fromkeys([*((g, FULL) for g in SIZES), (1, 71), *BUDGET, *((8, n) for n in SONGS)])
)
GENRE_CELLS = ((1, FULL), (4, FULL), (8, FULL))


def order_of(draw: int) -> list[str]:
    """The groups in the order of this draw: teachers first, judges last."""
    mixed = np.random.default_rng([17, draw // len(GROUPS)]).permutation(GROUPS)
    return np.roll(mixed, draw % len(GROUPS)).tolist()


def parts(songs, draw: int, apart: str = "artist"):
    """For each fold: the clips that may teach, in a random order, and those that are scored."""
    names = songs.artist if apart == "artist" else songs.genre
    for k, split in enumerate(folds(len(songs), draw, groups=artist_groups(names))):
        pool = np.concatenate([split.train, split.validation])
        yield np.random.default_rng([18, draw, k]).permutation(pool), split.test


def one_draw(draw: int, cells=CELLS, apart="artist", seeds=range(4), protocol=None) -> dict:
    """Predictions of every clip by learners that never saw it.

    Returns
    -------
    dict of arrays
        ``fold`` (n_clips,), and ``LEARNER:GROUPS:CLIPS:mu`` and ``...:sigma``,
        (n_members, n_clips, 2), in model space.
    """
    order, found = order_of(draw), {}
    for groups, n_clips in cells:
        songs = load_musifeast(order[:groups])
        found["fold"] = np.empty(len(songs), int)
        for k, (pool, test) in enumerate(parts(songs, draw, apart)):
            found["fold"][test] = k
            rows = pool[:n_clips]
            made = everyone(songs.features, songs.mean, songs.sd, rows, seeds, protocol)
            for learner, both in made.items():
                for name, values in zip(("mu", "sigma"), both, strict=True):
                    key = f"{learner}:{groups}:{n_clips}:{name}"
                    whole = np.empty((len(values), len(songs), 2), np.float32)
                    found.setdefault(key, whole)[:, test] = values[:, test]
    return found


def kept(draw: int, cells=CELLS, apart="artist", seeds=range(4)) -> dict:
    """:func:`one_draw`, from the cache where it was made before."""
    described = {"draw": draw, "cells": cells, "apart": apart, "seeds": list(seeds)}
    described["data"] = load_musifeast().fingerprint
    make = partial(one_draw, draw, cells, apart, seeds)
    return kept_draw(f"clips-{apart}-{draw}", described, (order_of, parts, one_draw), make)
