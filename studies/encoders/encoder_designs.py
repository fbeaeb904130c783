"""Who teaches and who judges: the designs of the study.

"all": all listeners of MUSIFEAST-17 teach, and the same ones judge test clips ("own"). "halves":
four of the eight groups teach, one of each age and two of each country; they judge ("own"), and so
do the four others, who share nobody with them ("other"). Each fold has another division.
"""

from dataclasses import dataclass, fields, replace
from itertools import combinations

import numpy as np

from mer_utils.data.load import load
from mer_utils.data.musifeast import GROUPS, listening_sets, load_musifeast
from mer_utils.model.splits import artist_groups, folds

UK, US = GROUPS[:4], GROUPS[4:]
DIVISIONS = tuple(
    tuple(UK[i] if i in ages else US[i] for i in range(4)) for ages in combinations(range(4), 2)
)
"""Six halves of the groups that can teach; the last is not used with five folds."""


@dataclass(frozen=True, eq=False)
class Design:
    """Songs, folds, and for each fold the ratings that teach; who judges.

    ``taught`` holds (mean, sd) for each fold, ``judges`` maps a name to (mean, sd): (n, D) each, in
    model space, SDs with ddof=1. ``cluster`` (n,) says which songs a bootstrap draws together.
    """

    name: str
    songs: object
    splits: tuple
    taught: tuple
    judges: dict
    cluster: np.ndarray

    @property
    def fold(self) -> np.ndarray:
        """The fold that tests each song, (n,)."""
        return fold_of(self.splits)


def fold_of(splits) -> np.ndarray:
    """The fold that tests each song, (n,)."""
    out = np.empty(sum(len(split.test) for split in splits), int)
    for k, split in enumerate(splits):
        out[split.test] = k
    return out


def musifeast(name: str) -> Design:
    """The design "all" or "halves"."""
    songs = load_musifeast()
    splits = tuple(folds(len(songs), 0, groups=artist_groups(songs.artist)))
    if name == "all":
        both = songs.mean, songs.sd
        return Design(name, songs, splits, (both,) * 5, {"own": both}, listening_sets())
    if name != "halves":
        raise ValueError(f"unknown design {name!r}: choose all or halves")
    taught, judges = [], {who: (songs.mean.copy(), songs.sd.copy()) for who in ("own", "other")}
    for split, half in zip(splits, DIVISIONS, strict=False):
        rest = tuple(group for group in GROUPS if group not in half)
        for who, groups in (("own", half), ("other", rest)):
            panel = load_musifeast(groups)
            for kept, now in zip(judges[who], (panel.mean, panel.sd), strict=True):
                kept[split.test] = now[split.test]
            if who == "own":
                taught.append((panel.mean, panel.sd))
    return Design(name, songs, splits, tuple(taught), judges, listening_sets())


def any_data(dataset: str, data: str, labels: str, clips=None, n_folds=5) -> Design:
    """Another data set, as :func:`mer_utils.data.load.load` takes it; its own raters judge.

    ``clips``: ids of the songs that have sound, if not all do.
    """
    songs = load(dataset, data, labels)
    if clips is not None:
        songs = those(songs, np.isin(songs.song_id.astype(str), list(clips)))
    groups = None if songs.artist is None else artist_groups(songs.artist)
    splits = tuple(folds(len(songs), 0, n_folds=n_folds, groups=groups))
    cluster = np.arange(len(songs)) if groups is None else groups
    both = songs.mean, songs.sd
    return Design(dataset, songs, splits, (both,) * n_folds, {"own": both}, cluster)


def those(songs, kept):
    """The data set with the songs of ``kept``, (n,) bool, alone."""
    per_song = {
        field.name: getattr(songs, field.name)[kept]
        for field in fields(songs)
        if isinstance(getattr(songs, field.name), np.ndarray)
    }
    return replace(songs, ratings=None, **per_song)
