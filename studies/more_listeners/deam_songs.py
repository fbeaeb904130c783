"""Would more songs help? Learning curves on DEAM: ten raters a song, 100 to 1,400 songs.

Five folds, apart by artist, as on the clips: each fold scores its songs whatever the number that
teach. A draw is other folds and other parts of them. Trees are the learner that finds most in
DEAM's SDs.
"""

from functools import partial

import numpy as np
from learners import everyone, kept_draw
from sklearn.ensemble import ExtraTreesRegressor

from mer_utils.data.dataset import Dataset
from mer_utils.model.splits import artist_groups, folds

DRAWS = {100: 6, 200: 6, 400: 4, 800: 2, 1395: 2}
"""Songs to learn from -> draws. 1,395 is what five folds leave of 1,744."""


def trees(features, targets, rows, seed: int):
    """Predictions of all songs by extremely randomised trees, the shape of ``targets``."""
    how = {"min_samples_leaf": 8, "max_features": 0.3, "random_state": seed}
    return ExtraTreesRegressor(120, **how).fit(features[rows], targets[rows]).predict(features)


def one_draw(songs: Dataset, n_songs: int, draw: int, seeds=range(4), protocol=None) -> dict:
    """Predictions of every song by learners that were taught by ``n_songs`` others.

    Returns
    -------
    dict of arrays
        ``fold`` (n_songs,), and ``LEARNER:mu`` and ``LEARNER:sigma``, (n_members, n_songs, 2).
    """
    found = {"fold": np.empty(len(songs), int)}
    for k, split in enumerate(folds(len(songs), draw, groups=artist_groups(songs.artist))):
        pool = np.concatenate([split.train, split.validation])
        rows = np.random.default_rng([19, draw, k]).permutation(pool)[:n_songs]
        found["fold"][split.test] = k
        made = everyone(songs.features, songs.mean, songs.sd, rows, seeds, protocol)
        made["trees"] = [trees(songs.features, y, rows, draw)[None] for y in (songs.mean, songs.sd)]
        for learner, both in made.items():
            for name, values in zip(("mu", "sigma"), both, strict=True):
                whole = np.empty((len(values), len(songs), 2), np.float32)
                found.setdefault(f"{learner}:{name}", whole)[:, split.test] = values[:, split.test]
    return found


def kept(songs: Dataset, n_songs: int, draw: int) -> dict:
    """:func:`one_draw`, from the cache where it was made before."""
    described = {"songs": songs.fingerprint, "n": n_songs, "draw": draw}
    make = partial(one_draw, songs, n_songs, draw)
    return kept_draw(f"deam-{n_songs}-{draw}", described, (trees, one_draw), make)
