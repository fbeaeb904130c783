"""The embedding store: a folder of Parquet files, one row per song, that survives a kill.

``part-*.parquet`` is all that a reader needs (``pandas.read_parquet(folder)`` works; names
with "_" in front are skipped by convention). The rest is for the run that writes:

    _settings.json   what the rows were computed with; another setting is refused
    _pending/        finished songs whose group is not complete, one small Arrow file each
    _failures.csv    songs that could not be embedded in the last run, with the reason
    _lock            held by the one run that writes

A group of up to 256 songs becomes one part file, written whole or not at all. Its bytes
depend on the songs and settings only, not on when and where they were computed: the footer
lists the songs of the group that failed, so that a later run forms the same groups.
"""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mer_utils.data.csv_tables import DataError

SETTINGS, FAILURES, LOCK, PENDING = "_settings.json", "_failures.csv", "_lock", "_pending"


def is_store(folder) -> bool:
    """Whether ``folder`` is an embedding store."""
    return (Path(folder) / SETTINGS).is_file()


def read_settings(folder) -> dict:
    """What the rows of the store ``folder`` were computed with."""
    path = Path(folder) / SETTINGS
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); choose a store") from None


def read_store(folder, layer=None):
    """One layer of all songs of a store.

    Only this layer's column is read, part by part, so that memory is little more than the result.

    Parameters
    ----------
    folder : path of the store.
    layer : name of the layer; default: the store's own default, the last layer for MusicFM.

    Returns
    -------
    song_id : array of str, (n_songs,), sorted
    features : float32 array, (n_songs, n_features)
    source : str, what the features are

    Raises
    ------
    DataError
        Not a store, no such layer (the message lists the layers), no song, a broken part.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    layer = settings["default_layer"] if layer is None else str(layer)
    if layer not in settings["layers"]:
        raise DataError(f"{folder}: no layer {layer!r}; it has {', '.join(settings['layers'])}")
    files = parts(folder)
    try:
        ids = [pq.read_table(p, columns=["song_id"], partitioning=None)["song_id"] for p in files]
        song_id = np.array([song for part in ids for song in part.to_pylist()], dtype=str)
        if not len(song_id):
            raise DataError(f"{folder}: no song in it yet; run mer embed to its end")
        order = np.argsort(song_id, kind="stable")
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        features = np.empty((len(order), settings["n_features"][layer]), np.float32)
        at = 0
        for part in files:
            column = pq.read_table(part, columns=[f"layer_{layer}"], partitioning=None)[0]
            values = column.combine_chunks().flatten().to_numpy().reshape(-1, features.shape[1])
            features[place[at : at + len(values)]] = values
            at += len(values)
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{folder}: a part cannot be read ({error}); copy the store again"
        ) from None
    source = f"{settings['encoder']}, layer {layer}, mean over time"
    return song_id[order], features, source


def parts(folder) -> list[Path]:
    """The files of a store that hold its songs, by name."""
    return sorted(Path(folder).glob("part-*.parquet"))
