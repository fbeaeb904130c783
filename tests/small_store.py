"""A small embedding store with made-up numbers, for tests of its reader and its writer."""

import numpy as np

from mer_utils.embed.store_writer import COLUMNS, TEXT, WHOLE, Store

SETTINGS = {
    "encoder": "fake", "checkpoint_sha256": "ab", "dtype": "float32", "layers": ["a", "b"],
    "n_features": {"a": 3, "b": 2}, "rate": 24000, "default_layer": "b",
    "start": 0.0, "seconds": 45.0, "min_seconds": 0.0,
}  # fmt: skip


def row(song, value=1.0):
    blank = {k: "" if kind == TEXT else 7 if kind == WHOLE else 1.5 for k, kind in COLUMNS.items()}
    layers = {"layer_a": np.full(3, value), "layer_b": np.array([value, -value])}
    return blank | {"song_id": song} | layers


def fill(folder, songs=("x", "y", "z"), failed=()):
    with Store(folder, SETTINGS) as store:
        for i, song in enumerate(songs):
            if song not in failed:
                store.add(row(song, i))
        store.complete(songs, failed)
    return folder
