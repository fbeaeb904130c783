"""Which songs train, which choose the weights, which judge.

The paper's own split is not known. We draw ours with a seed of its own, so that the
split and the training seed can be changed one at a time.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, ShuffleSplit

from mer_utils.data.csv_tables import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """Positions (not ids) of the songs on each side; the three never overlap."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def __post_init__(self):
        for side in ("train", "validation", "test"):
            if len(getattr(self, side)) == 0:
                raise ValueError(f"the {side} side of the split is empty: use more songs")


def artist_groups(artist) -> np.ndarray:
    """One integer per song, equal for songs of one artist; an unknown artist is a group alone."""
    names = np.asarray([str(a).strip().lower() for a in artist])
    lonely = np.array([f"\x00{i}" for i in range(len(names))])
    return np.unique(np.where(names == "", lonely, names), return_inverse=True)[1]


def _two_sides(index, groups, share, seed):
    """Split ``index`` so that about ``share`` of it (or of its groups) is on the second side."""
    try:
        if groups is None:
            shuffle = ShuffleSplit(1, test_size=share, random_state=seed).split(index)
        else:
            shuffle = GroupShuffleSplit(1, test_size=share, random_state=seed).split(
                index, groups=groups[index]
            )
        first, second = next(shuffle)
    except ValueError as error:
        raise ValueError(f"{len(index)} songs are too few to split: {error}") from error
    return np.sort(index[first]), np.sort(index[second])


def holdout(n_songs: int, seed: int, *, validation=0.15, test=0.15, groups=None) -> Split:
    """One random split, 70/15/15 by default.

    Parameters
    ----------
    n_songs : int
    seed : int
        Seed of the split alone.
    validation, test : float in (0, 1)
        Shares of the songs (of the groups, when ``groups`` is given).
    groups : int array, (n_songs,), optional
        Songs with the same number stay on one side; see :func:`artist_groups`.

    Raises
    ------
    ValueError
        If a side would be empty or the shares leave nothing to train on.
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise ValueError(f"shares {validation=} and {test=} must be positive and leave a rest")
    rest, test_side = _two_sides(np.arange(n_songs), groups, test, seed)
    train, val = _two_sides(rest, groups, validation / (1 - test), seed + 1)
    return Split(train, val, test_side)


def folds(n_songs: int, seed: int, *, n_folds=5, validation=0.15, groups=None) -> list[Split]:
    """Cross-validation: every song is a test song exactly once.

    ``validation`` is the share of all songs that chooses the weights within each fold, so
    with five folds 65% train, 15% validate and 20% test. Parameters and errors are those
    of :func:`holdout`.
    """
    if not 2 <= n_folds <= n_songs:
        raise DataError(f"n_folds={n_folds} must lie between 2 and the number of songs, {n_songs}")
    if groups is not None and len(set(groups)) < n_folds:
        raise DataError(
            f"{len(set(groups))} groups are too few for {n_folds} folds that keep each on one "
            "side; give more groups, or none"
        )
    everything = np.arange(n_songs)
    if groups is None:
        cuts = KFold(n_folds, shuffle=True, random_state=seed).split(everything)
    else:
        cuts = GroupKFold(n_folds, shuffle=True, random_state=seed).split(everything, groups=groups)
    splits = []
    for k, (rest, test_side) in enumerate(cuts):
        share = validation * n_songs / len(rest)
        train, val = _two_sides(rest, groups, share, seed + 1 + k)
        splits.append(Split(train, val, test_side))
    return splits


def standardise(features, train) -> np.ndarray:
    """Features with mean 0 and SD 1 over the training songs; constant ones become 0."""
    features = np.asarray(features, np.float64)
    mean, sd = features[train].mean(0), features[train].std(0)
    return ((features - mean) / np.where(sd > 0, sd, np.inf)).astype(np.float32)
