"""DEAM: read and check a folder in the official layout.

Aljanaki, Yang and Soleymani (2017), "Developing a benchmark for emotional analysis of
music", PLoS ONE 12(3): e0173392. 1,744 excerpts with song-level ratings on a 1-9 scale,
and 58 full songs in a file of their own.

What is an error and what is left out:

* An *error* is a file that says something impossible: text in a number column, a rating
  outside 1-9, an SD larger than its mean allows, a song twice, no song with features.
* *Left out and counted* (see ``Dataset.notes``): songs without features or with features
  that are not finite, features of other songs, empty fields in the per-rater file.
* *Kept and counted*: constant feature columns, songs without metadata, a rater who rated
  a song twice.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data import deam_tables as tables
from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import DIMENSIONS, Dataset, checksums
from mer_utils.data.features import find_features, match_features, split_layer
from mer_utils.data.sd_formula import infer_ddof

AVERAGED = "annotations/annotations averaged per song/song_level/static_annotations_averaged_songs_"
PER_RATER = "annotations/annotations per each rater/song_level/static_annotations_songs_"
FILES = {"1-2000": "1_2000.csv", "2001-2058": "2000_2058.csv"}
DYNAMIC = "annotations/annotations averaged per song/dynamic (per second annotations)/{}.csv"
METADATA = "metadata/metadata_{}.csv"
LABELS = ("as_distributed", "corrected")
EXCHANGED_UP_TO = 1000


def deam_root(root=None) -> Path:
    """The data folder: ``root``, or ``$DEAM_ROOT`` where that is None.

    Raises
    ------
    DataError
        If neither names a folder.
    """
    given = root or os.environ.get("DEAM_ROOT")
    if not given:
        raise DataError(
            "no DEAM folder given: pass its path (-p data PATH, or --data PATH) or set DEAM_ROOT"
        )
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; check the path")
    return folder


def swap_dimensions(song_id, values) -> np.ndarray:
    """Exchange valence and arousal of the songs with ids up to 1000.

    ``values`` is (n_songs, 2); the result is a copy. Applying it twice changes nothing.
    """
    out = np.array(values)
    low = np.asarray(song_id) <= EXCHANGED_UP_TO
    out[low] = out[low][:, ::-1]
    return out


def find_file(root: Path, place: str) -> Path | None:
    """A file at its official place, or the only one of that name below ``root``, or None.

    The second case covers archives unpacked into folders of their own.
    """
    if (root / place).is_file():
        return root / place
    found = sorted(root.rglob(Path(place).name))
    if len(found) > 1:
        names = ", ".join(str(p.relative_to(root)) for p in found)
        raise DataError(f"{root}: more than one {Path(place).name} ({names}); keep one")
    return found[0] if found else None


def rater_means(ratings: pd.DataFrame, song_id) -> np.ndarray:
    """Mean rating per song from a table of ratings, (n_songs, 2); NaN without ratings."""
    return ratings.groupby("song_id")[list(DIMENSIONS)].mean().reindex(song_id).to_numpy()


def raters_look_exchanged(ratings, song_id, rating_mean) -> tuple[bool, float, float]:
    """Do the raters agree with the averaged file as it is, or with it exchanged?

    Returns
    -------
    exchanged : bool, True if the exchanged averages are the closer ones
    as_is, swapped : float
        Mean absolute difference over songs with ids up to 1000, rating scale; NaN if no
        such song has ratings.
    """
    low = np.asarray(song_id) <= EXCHANGED_UP_TO
    own = rater_means(ratings, np.asarray(song_id)[low])
    known = np.isfinite(own).all(axis=1)
    if not known.any():
        return False, np.nan, np.nan
    own, given = own[known], np.asarray(rating_mean)[low][known]
    as_is = float(np.abs(own - given).mean())
    swapped = float(np.abs(own - given[:, ::-1]).mean())
    return swapped < as_is, as_is, swapped


def load_deam(root=None, *, features="auto", labels="as_distributed", songs="1-2000") -> Dataset:
    """Read and check a DEAM folder, or a simulated folder of the same layout.

    Parameters
    ----------
    root : path, optional
        Folder that holds ``annotations/``; default ``$DEAM_ROOT``.
    features : "auto", path or None
        "auto" takes the table in ``embeddings/``, else that in ``features_song_mean/``, else
        the official ``features/SONG_ID.csv`` (mean and SD over time). A path names a table
        (CSV, Parquet, NPZ; column ``song_id``), such a folder, or a store of ``mer embed``
        ("PATH:LAYER" for a layer that is not its default). None reads ratings only:
        features of shape (n_songs, 0).
    labels : {"as_distributed", "corrected"}
        "corrected" exchanges valence and arousal (means and SDs) of ids up to 1000, where
        they look exchanged in the averaged file. Ratings of single raters are exchanged
        with them only if they agree with the averaged file as it is distributed.
    songs : {"1-2000", "2001-2058"}
        The 1,744 excerpts, or the 58 full songs of 2015 (5 raters each).

    Returns
    -------
    Dataset
        Songs that have ratings and finite features, by increasing id. ``notes`` counts what
        was left out. ``checksums`` has each file read by its path below ``root``; the many
        files of ``features/`` count as one.

    Raises
    ------
    DataError (a ValueError)
        Names file, line and mend; see the top of this module for what counts as an error.
    """
    if labels not in LABELS:
        raise DataError(f"labels is {labels!r}: choose one of {', '.join(LABELS)}")
    if songs not in FILES:
        raise ValueError(f"songs is {songs!r}: choose one of {', '.join(FILES)}")
    root = deam_root(root)
    marker = tables.read_marker(root)
    if marker and labels == "corrected":
        raise DataError(
            f"{root}: simulated data have no exchanged labels; use labels='as_distributed'"
        )
    path = find_file(root, AVERAGED + FILES[songs])
    if path is None:
        raise DataError(
            f"{root / (AVERAGED + FILES[songs])}: not found; unpack DEAM_Annotations.zip in {root}"
        )
    read, notes = [path], []
    song_id, rating_mean, rating_sd = tables.read_averaged(path)

    values, source = np.empty((len(song_id), 0), np.float32), "none"
    if features is not None:
        place = features if features != "auto" else find_features(root)
        read.append(split_layer(place)[0])
        kept, values, source = match_features(song_id, place, notes)
        song_id, rating_mean, rating_sd = song_id[kept], rating_mean[kept], rating_sd[kept]
        source = "simulated embedding" if marker and features == "auto" else source

    ratings = n_raters = None
    path = find_file(root, PER_RATER + FILES[songs])
    if path:
        read.append(path)
        ratings, more = tables.read_raters(path)
        notes += more
        ratings = ratings[ratings["song_id"].isin(song_id)].reset_index(drop=True)
        n_raters = ratings["song_id"].value_counts().reindex(song_id, fill_value=0).to_numpy()
        if (n_raters == 0).any():
            notes.append(f"{(n_raters == 0).sum()} songs have no line in the per-rater file.")
    enough = n_raters is not None and n_raters.min() > 1
    guess = infer_ddof(
        rating_mean, rating_sd, n_raters if enough else (10 if songs == "1-2000" else 5)
    )
    notes.append(f"{guess}." if guess.ddof is not None else f"{guess}; taken as ddof=0.")

    if labels == "corrected":
        rating_mean, rating_sd, ratings = _correct(song_id, rating_mean, rating_sd, ratings, notes)
    elif ratings is not None and raters_look_exchanged(ratings, song_id, rating_mean)[0]:
        notes.append(
            "The per-rater file has valence and arousal of ids up to 1000 the other way round "
            "than the averaged file; both are as distributed."
        )
    files = [p for year in (2013, 2014, 2015) if (p := find_file(root, METADATA.format(year)))]
    read += files
    metadata, more = tables.read_metadata(files, official=not marker)
    notes += more if songs == "1-2000" else []
    unknown = sum(song not in metadata for song in song_id.tolist())
    if unknown:
        notes.append(f"{unknown} songs have no metadata: artist and genre left empty.")
    artist, genre = (
        np.array([metadata.get(song, ("", ""))[k] for song in song_id.tolist()]) for k in (0, 1)
    )
    truth = (None, None)
    if marker:
        read += [root / tables.MARKER]
        if (root / "truth.csv").is_file():
            read += [root / "truth.csv"]
            truth = tables.read_truth(root / "truth.csv", song_id)
    return Dataset(
        name=("simulated DEAM-like data" if marker else "DEAM")
        + ("" if songs == "1-2000" else f", songs {songs}"),
        song_id=song_id, rating_mean=rating_mean, rating_sd=rating_sd,
        features=values, feature_source=source, n_raters=n_raters, artist=artist, genre=genre,
        ratings=ratings, true_mean=truth[0], true_sd=truth[1], simulated=bool(marker),
        kind="simulated" if marker else "deam",
        labels=labels, ddof=guess.ddof or 0, checksums=checksums(root, read), notes=tuple(notes),
    )  # fmt: skip


def _correct(song_id, rating_mean, rating_sd, ratings, notes):
    low = int((song_id <= EXCHANGED_UP_TO).sum())
    notes.append(f"Valence and arousal exchanged for {low} songs with ids up to {EXCHANGED_UP_TO}.")
    if ratings is not None:
        already, as_is, swapped = raters_look_exchanged(ratings, song_id, rating_mean)
        verb = "left as they are" if already else "exchanged too"
        notes.append(
            f"Ratings of single raters {verb}: they differ from the averaged file as distributed "
            f"by {as_is:.2f} and from it exchanged by {swapped:.2f} on average (ids up to 1000)."
        )
        if not already:
            both = swap_dimensions(ratings["song_id"], ratings[list(DIMENSIONS)].to_numpy())
            ratings = ratings.assign(valence=both[:, 0], arousal=both[:, 1])
    return swap_dimensions(song_id, rating_mean), swap_dimensions(song_id, rating_sd), ratings
