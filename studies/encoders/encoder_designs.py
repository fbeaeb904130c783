"""Who teaches and who judges: the designs of the study.

"all": all listeners of MUSIFEAST-17 teach, and the same ones judge test clips ("own"). "halves":
four of the eight groups teach, both countries and all ages among them; they judge ("own"), and so
do the four others, who share nobody with them ("other"). In a second turn the halves change places.
"""

from dataclasses import dataclass, fields, replace

import numpy as np

from mer_utils.data.load import load
from mer_utils.data.musifeast import GROUPS, listening_sets, load_musifeast
from mer_utils.model.splits import artist_groups, folds

HALF = ("UK18to30", "UK46to60", "US31to45", "US61to75")


@dataclass(frozen=True, eq=False)
class Turn:
    """Songs with the teachers' ratings, folds, and judges: name -> (mean, sd), model space.

    ``cluster`` (n,) says which songs are drawn together in a bootstrap.
    """

    design: str
    turn: int
    songs: object
    judges: dict
    cluster: np.ndarray
    splits: tuple

    @property
    def fold(self) -> np.ndarray:
        """The fold that tests each song, (n,)."""
        out = np.empty(len(self.songs), int)
        for k, split in enumerate(self.splits):
            out[split.test] = k
        return out


def musifeast(design: str) -> list[Turn]:
    """The turns of "all" or "halves"."""
    other = tuple(group for group in GROUPS if group not in HALF)
    sides = {"all": [(GROUPS, None)], "halves": [(HALF, other), (other, HALF)]}[design]
    made = []
    for turn, (taught, judged) in enumerate(sides):
        songs = load_musifeast(taught)
        judges = {"own": (songs.mean, songs.sd)}
        if judged:
            others = load_musifeast(judged)
            judges["other"] = others.mean, others.sd
        splits = tuple(folds(len(songs), 0, groups=artist_groups(songs.artist)))
        made.append(Turn(design, turn, songs, judges, listening_sets(), splits))
    return made


def any_data(dataset: str, data: str, labels: str, clips=None, n_folds=5) -> list[Turn]:
    """Another data set, as :func:`mer_utils.data.load.load` takes it; its own raters judge.

    ``clips``: ids of the songs that have sound, if not all do.
    """
    songs = load(dataset, data, labels)
    if clips is not None:
        songs = those(songs, np.isin(songs.song_id.astype(str), list(clips)))
    groups = None if songs.artist is None else artist_groups(songs.artist)
    splits = tuple(folds(len(songs), 0, n_folds=n_folds, groups=groups))
    cluster = np.arange(len(songs)) if groups is None else groups
    return [Turn(dataset, 0, songs, {"own": (songs.mean, songs.sd)}, cluster, splits)]


def those(songs, kept):
    """The data set with the songs of ``kept``, (n,) bool, alone."""
    per_song = {
        field.name: getattr(songs, field.name)[kept]
        for field in fields(songs)
        if isinstance(getattr(songs, field.name), np.ndarray)
    }
    return replace(songs, ratings=None, **per_song)
