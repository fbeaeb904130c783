"""Film soundtracks: real ratings of single raters, on DEAM's scale.

Eerola and Vuoskoski (2011), "A comparison of the discrete and dimensional models of emotion in
music", Psychology of Music 39(1): 18-49. 110 excerpts of film music; 116 listeners, of whom one
group rated tracks 1-50 and another tracks 51-110, so 49 to 67 on each; valence, energy and
tension on 1-9. Here they show what DEAM's averages hide: the shape of a song's ratings, and
how far two panels agree. The data are research material and not part of this project.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.csv_tables import DataError, numbers, read_table

FILE = "raw_ratings.csv"
SOUNDTRACK_DIMENSIONS = ("valence", "energy", "tension")
OFFICIAL = (110, 116, 6470)  # tracks, raters, ratings
DOWNLOAD = "get raw_ratings.csv of Eerola & Vuoskoski (2011) and set SOUNDTRACKS_ROOT to its folder"


def soundtracks_root(root=None) -> Path | None:
    """The folder with ``raw_ratings.csv``: ``root``, else ``$SOUNDTRACKS_ROOT``, else None.

    Raises
    ------
    DataError
        If a folder is named but has no such file.
    """
    given = root or os.environ.get("SOUNDTRACKS_ROOT")
    if not given:
        return None
    folder = Path(given).expanduser()
    if not (folder / FILE).is_file():
        raise DataError(f"{folder}: no file {FILE} there; {DOWNLOAD}")
    return folder


def load_soundtracks(root=None) -> pd.DataFrame:
    """Ratings of single raters: columns ``song_id, rater, valence, energy, tension``.

    Only the rows with ``Emotion`` "Dimensional"; the rows with discrete emotions hold other
    scales. Sorted by song and rater. ``table.attrs["notes"]`` says in sentences how many rows
    were left out and whether the counts differ from the published ones.

    Raises
    ------
    DataError
        No folder given, no file, no such column, a rating that is not a whole number from 1
        to 9, or a rater who rated a track twice. Each problem names the file and its line.
    """
    folder = soundtracks_root(root)
    if folder is None:
        raise DataError(f"no folder of soundtrack ratings given; {DOWNLOAD}")
    path = folder / FILE
    table = read_table(path, ("track", "id", "emotion", *SOUNDTRACK_DIMENSIONS))
    kept = table[table["emotion"].str.lower() == "dimensional"]
    problems: list[str] = []
    if kept.empty:
        problems.append(f"{path}: no row has Emotion 'Dimensional'; use the published file")
    out = {
        "song_id": numbers(kept, "track", path, problems, low=1),
        "rater": numbers(kept, "id", path, problems, low=1),
    }
    for name in SOUNDTRACK_DIMENSIONS:
        out[name] = numbers(kept, name, path, problems, low=1, high=9)
    for name, values in out.items():
        broken = np.isfinite(values) & (values % 1 != 0)
        problems += [
            f"{path}, line {kept.index[i]}: {name} is {values[i]:g}, not a whole number; correct it"
            for i in np.flatnonzero(broken)
        ]
    if problems:
        raise DataError(problems)
    ratings = pd.DataFrame(out, index=kept.index).astype(int)
    twice = ratings.duplicated(["song_id", "rater"])
    if twice.any():
        lost = [f"{path}, line {line}: rater {row.rater} rated track {row.song_id} before; "
                "keep one of the two lines" for line, row in ratings[twice].iterrows()]  # fmt: skip
        raise DataError(lost)
    notes = [f"{len(table) - len(kept):,} rows with other scales left out"]
    found = (ratings["song_id"].nunique(), ratings["rater"].nunique(), len(ratings))
    if found != OFFICIAL:
        notes.append(
            "{:,} tracks, {:,} raters, {:,} ratings".format(*found)
            + " where the publication has {:,}, {:,} and {:,}".format(*OFFICIAL)
        )
    ratings = ratings.sort_values(["song_id", "rater"], ignore_index=True)
    ratings.attrs["notes"] = tuple(notes)
    return ratings
