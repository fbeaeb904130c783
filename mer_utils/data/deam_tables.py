"""Reading DEAM's tables: averaged ratings, ratings per rater, metadata, official features.

Simulated folders have two more files: a marker and the truth. Each function takes a path, returns
plain arrays or a table, and raises a ``DataError`` that lists every bad line of the file.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mer_utils.data.csv_tables import DataError, numbers, read_table, read_text, song_ids
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.moments import read_moments
from mer_utils.data.ratings import SCALE

ALIASES = {"songid": "song_id", "workerid": "rater", "worker_id": "rater"}
ALIASES |= {f"{name}_sd": f"{name}_std" for name in DIMENSIONS}
MARKER = "simulated.json"
GENRES = frozenset(
    ["Blues", "Classical", "Country", "Electronic", "Experimental", "Folk", "Hip-Hop"]
    + ["Instrumental", "International", "Jazz", "Pop", "Rock", "SoulRB", "Spoken"]
)


def read_averaged(path):
    """Read an averaged song-level file.

    Returns
    -------
    song_id : int array, (n_songs,), increasing
    rating_mean, rating_sd : float arrays, (n_songs, 2), rating scale 1-9

    Raises
    ------
    DataError
        Every bad line of the file, in its ``problems``.
    """
    columns = [f"{name}_{what}" for what in ("mean", "std") for name in DIMENSIONS]
    frame = read_table(path, ["song_id", *columns], aliases=ALIASES)
    if frame.empty:
        raise DataError(f"{path}: a header and no song; download the file again")
    problems: list[str] = []
    ids = song_ids(frame, path, problems)
    mean, sd = read_moments(frame, path, DIMENSIONS, SCALE, problems, sd="std")
    if problems:
        raise DataError(problems)
    order = np.argsort(ids)
    return ids[order], mean[order], sd[order]


def read_raters(path):
    """Read a per-rater song-level file.

    Returns
    -------
    ratings : pandas.DataFrame ``song_id, rater, valence, arousal`` (1-9), sorted by song
    notes : list of str
    """
    frame = read_table(path, ["rater", "song_id", *DIMENSIONS], aliases=ALIASES, surplus="ignore")
    problems: list[str] = []
    ids = song_ids(frame, path, problems, unique=False)
    values = [numbers(frame, c, path, problems, low=1, high=9, blank="nan") for c in DIMENSIONS]
    if problems:
        raise DataError(problems)
    table = pd.DataFrame(
        {"song_id": ids, "rater": frame["rater"].to_numpy(), **dict(zip(DIMENSIONS, values,
         strict=True))}
    )  # fmt: skip
    empty = table[list(DIMENSIONS)].isna().any(axis=1)
    table = table[~empty].sort_values("song_id", kind="stable").reset_index(drop=True)
    twice = int(table.duplicated(["song_id", "rater"]).sum())
    odd = int((table[list(DIMENSIONS)] % 1 != 0).any(axis=1).sum())
    notes = [
        (int(empty.sum()), "per-rater lines left out because a rating is empty"),
        (twice, "per-rater lines repeat a rater and song that were there before (kept)"),
        (odd, "per-rater lines hold ratings that are not whole numbers (kept)"),
    ]
    return table, [f"{count} {text}." for count, text in notes if count]


def read_metadata(files, official=True) -> tuple[dict, list]:
    """Read the metadata of all years; columns are found by name, not by place.

    With ``official=True`` two flaws of the release are mended and counted: rows whose
    columns are shifted, and artists with part of a title glued to them.

    Returns
    -------
    songs : dict of song id -> (artist, genre). ``genre`` is the first genre that the file
        names: the 2014 songs were sampled by it, 100 for each.
    notes : list of str
    """
    songs, notes, shifted, artists_2013 = {}, [], [], {}
    for path in files:
        frame = read_table(path, ["song_id", "artist", "genre"], surplus="ignore")
        problems: list[str] = []
        ids = song_ids(frame, path, problems)
        if problems:
            raise DataError(problems)
        frame = frame.replace({"n/a": "", "N/A": ""})
        for song, artist, genre in zip(ids.tolist(), frame["artist"], frame["genre"], strict=True):
            genre = re.split(r"(?<!Hip)-", genre)[0]
            genre = genre[:1].upper() + genre[1:]
            if official and path.stem == "metadata_2014" and genre not in GENRES:
                shifted.append(song)
                artist = genre = ""
            songs[song] = (artist, genre)
            if path.stem == "metadata_2013":
                artists_2013[song] = artist
    # The 2013 file was split at the last hyphen ("Kevin MacLeod-Night on the Docks", "Sax").
    # Cut the title off where the first part is an artist of another song.
    glued, known = 0, set(artists_2013.values())
    for song, artist in artists_2013.items() if official else ():
        first = artist.split("-")[0].strip()
        if first != artist and first in known:
            songs[song], glued = (first, songs[song][1]), glued + 1
    if shifted:
        notes.append(
            f"{len(shifted)} metadata row(s) have shifted columns (song "
            f"{', '.join(map(str, shifted[:5]))}): artist and genre left empty."
        )
    if glued:
        notes.append(f"{glued} artist names carried part of a title, which was cut off.")
    return songs, notes


def read_truth(path, song_id):
    """Read the true population moments of simulated songs.

    Parameters
    ----------
    path : ``truth.csv`` with ``song_id, valence_mean, valence_sd, arousal_mean, arousal_sd``.
    song_id : int array, (n_songs,), the songs wanted.

    Returns
    -------
    true_mean, true_sd : float arrays, (n_songs, 2), rating scale 1-9
    """
    ids, mean, sd = read_averaged(path)
    place = np.searchsorted(ids, song_id).clip(max=len(ids) - 1)
    missing = np.asarray(song_id)[ids[place] != song_id]
    if len(missing):
        raise DataError(f"{path}: song {missing[0]} is missing; simulate the folder again")
    return mean[place], sd[place]


def read_marker(root: Path) -> dict:
    """What ``simulated.json`` says, or {} for a folder of real data."""
    path = root / MARKER
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text())
    except ValueError as error:
        raise DataError(f"{path}: not JSON ({error}); simulate the folder again") from None
    return found if isinstance(found, dict) and found else {"name": "simulated"}


def read_folder(folder: Path):
    """Read the official features of all songs: files ``SONG_ID.csv`` with a line per half second.

    Returns
    -------
    song_id : int array, (n_songs,), increasing
    values : float array, (n_songs, 2 * n_descriptors)
        Means over time, then SDs; NaN for a song without a line.
    """
    files = sorted((int(p.stem), p) for p in folder.glob("*.csv") if p.stem.isdigit())
    if not files:
        raise DataError(f"{folder}: no file named SONG_ID.csv; unpack features.zip there")
    rows, first = [], None
    for _, path in tqdm(files, desc="features", unit="song", leave=False, disable=len(files) < 300):
        header, frames = _read_frames(path)
        first = first or (path, header)
        if header != first[1]:
            raise DataError(
                f"{path}, line 1: columns differ from those of {first[0].name}; "
                "unpack features.zip again"
            )
        frames = frames[:, 1:]
        if len(frames):
            rows.append(np.concatenate([frames.mean(axis=0), frames.std(axis=0)]))
        else:
            rows.append(np.full(2 * (len(header) - 1), np.nan))
    return np.array([song for song, _ in files]), np.array(rows)


def _read_frames(path: Path):
    """Header and (n_frames, 1 + n_descriptors) values of one official features file."""
    header, *lines = read_text(path).splitlines() or [""]
    header = [name.strip() for name in header.split(";")]
    if header[0] != "frameTime":
        raise DataError(
            f"{path}, line 1: the first column is '{header[0]}', expected 'frameTime' and ';' "
            "between columns; unpack features.zip again"
        )
    lines = [(i, line.split(";")) for i, line in enumerate(lines, start=2) if line.strip()]
    for i, fields in lines:
        if len(fields) != len(header):
            raise DataError(
                f"{path}, line {i}: {len(fields)} fields, expected {len(header)}; "
                "unpack features.zip again"
            )
    try:
        values = np.array([fields for _, fields in lines], dtype=float)
    except ValueError:
        for i, fields in lines:
            for name, field in zip(header, fields, strict=True):
                try:
                    float(field)
                except ValueError:
                    raise DataError(
                        f"{path}, line {i}: '{name}' is '{field}', not a number; "
                        "unpack features.zip again"
                    ) from None
        raise
    return header, values.reshape(len(lines), len(header))
