"""MUSIFEAST-17: real music and 30 to 38 listeners a clip; the data set that the project carries.

356 instrumental clips of 30 s from commercial recordings, 17 genres; 701 listeners in eight groups
(two countries, four ages), of whom three to six rated each clip, on 1-5. Listeners are known by
group only. A listener heard the 17 clips of one *set*, one of each genre: the clips whose names end
in the same number (:func:`listening_sets`). So clips of a set share their listeners, and their
accidents. There is no table of single raters, but every union of groups is a panel with an
exact mean and SD, and two unions without a common group share no listener: :func:`panel`.

The files are in ``data/musifeast17/``; its README.md says how they were made. The sound is not:
see :mod:`mer_utils.data.musifeast_clips`. Histograms: :mod:`mer_utils.data.musifeast_counts`.
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import DIMENSIONS, Dataset, checksums
from mer_utils.data.features import match_features, split_layer
from mer_utils.paths import repo_root

CITATION = (
    "van der Walle, H. A., Wu, W., Margulis, E. H., & Jakubowski, K. (2025). MUSIFEAST-17: MUsic "
    "Stimuli for Imagination, Familiarity, Emotion, and Aesthetic STudies across 17 genres. "
    "Behavior Research Methods, 57(7). doi:10.3758/s13428-025-02724-0"
)
LICENCE = "ratings and metadata: CC0 1.0; clips: for non-commercial research, not in this project"
NAME = "MUSIFEAST-17"
SCALE = (1, 5)
GROUPS = tuple(f"{country}{age}" for country in ("UK", "US")
               for age in ("18to30", "31to45", "46to60", "61to75"))  # fmt: skip
"""The eight groups of listeners: country and age."""
FEW = ("UK31to45", "US31to45")
"""Two groups, 7 to 10 listeners a clip: about as many as DEAM has."""


class Panel(NamedTuple):
    """What a union of groups says of every clip, clips in order of name."""

    n: np.ndarray  # listeners, int, (n_clips,)
    mean: np.ndarray  # (n_clips, n_dimensions), 1-5
    sd: np.ndarray  # the same, ddof=1; 0 to 2.1


def home() -> Path:
    """The folder of the files, in the repository."""
    return repo_root() / "data" / "musifeast17"


@lru_cache
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Sums of ratings by (clip, group), and what is known of each clip, by clip.

    Raises
    ------
    DataError
        A file is missing, or a clip has not every group.
    """
    paths = [home() / name for name in ("ratings.csv", "clips.csv")]
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: not found; it is part of the repository, check it out again")
    ratings = pd.read_csv(paths[0], index_col=["clip", "group"]).sort_index()
    clips = pd.read_csv(paths[1], index_col="clip", keep_default_na=False).sort_index()
    wanted = pd.MultiIndex.from_product([clips.index, sorted(GROUPS)])
    if not ratings.index.equals(wanted.set_names(["clip", "group"])):
        raise DataError(f"{paths[0]}: not one row for each clip and group; check it out again")
    return ratings, clips


def listening_sets() -> np.ndarray:
    """The set of each clip, 1 to 21, clips in order of name: (n_clips,).

    The same people heard all clips of a set. It is seen in the numbers of listeners: in each group
    they are the same for all clips of a set, but for one clip (Folk_MED_05).
    """
    return np.array([int(clip.rsplit("_", 1)[1]) for clip in tables()[1].index])


def panel(groups=GROUPS, dimensions=DIMENSIONS) -> Panel:
    """Means and SDs of the listeners of these groups.

    Parameters
    ----------
    groups : sequence of names in :data:`GROUPS`, no name twice
    dimensions : sequence of "valence", "arousal" and "enjoyment"

    Raises
    ------
    ValueError
        No group, an unknown one, or one twice.

    >>> panel(["UK18to30", "US18to30"]).n.mean().round(1)
    np.float64(8.3)
    """
    groups = list(groups)
    if not groups or len(set(groups)) < len(groups) or set(groups) - set(GROUPS):
        raise ValueError(f"groups={groups}: choose some of {', '.join(GROUPS)}, each once")
    ratings = tables()[0]
    pooled = ratings[ratings.index.get_level_values("group").isin(groups)].groupby("clip").sum()
    n = pooled["n"].to_numpy()
    total, square = (
        pooled[[f"{d}_{end}" for d in dimensions]].to_numpy() for end in ("sum", "sumsq")
    )
    # whole numbers up to here: nothing is lost before the root
    variance = (n[:, None] * square - total**2) / (n * (n - 1))[:, None]
    return Panel(n, total / n[:, None], np.sqrt(variance))


def load_musifeast(groups=GROUPS, features="auto") -> Dataset:
    """The clips as a data set, with the means and SDs of these groups of listeners.

    Parameters
    ----------
    groups : as in :func:`panel`
    features : "auto", text or None
        "auto": musicnn's embedding of the clips. A text: a table, a store that ``mer embed`` made
        of the clips, or "STORE:LAYER". None: features of shape (n_clips, 0).

    Raises
    ------
    DataError
        A file is missing or broken, or a store holds none of the clips.
    """
    clips, found, notes = tables()[1], panel(groups), []
    song_id = clips.index.to_numpy(dtype=str)
    values, source = np.empty((len(song_id), 0), np.float32), "none"
    kept = np.ones(len(song_id), bool)
    files = [home() / "ratings.csv", home() / "clips.csv"]
    if features == "auto":
        files.append(home() / "embeddings.parquet")
        table = pq.read_table(files[-1])
        values = np.stack(table.column(1).to_numpy()).astype(np.float32)
        source = table.schema.metadata[b"source"].decode()
    elif features is not None:
        files.append(split_layer(features)[0])
        kept, values, source = match_features(song_id, features, notes)
    labels = {GROUPS: "as_distributed", FEW: "few_listeners"}.get(tuple(groups), "some_listeners")
    some = "" if labels == "as_distributed" else f", {min(found.n)} to {max(found.n)} listeners"
    return Dataset(
        name=NAME + some, song_id=song_id[kept], n_raters=found.n[kept],
        rating_mean=found.mean[kept], rating_sd=found.sd[kept],
        features=values, feature_source=source,
        artist=clips["artist"].to_numpy(str)[kept], genre=clips["genre"].to_numpy(str)[kept],
        kind="musifeast", labels=labels, ddof=1, scale=SCALE,
        checksums=checksums(repo_root(), files), notes=tuple(notes),
    )  # fmt: skip
