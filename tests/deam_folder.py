"""Small folders in DEAM's layout, written by hand, for tests of the loader."""

import numpy as np
import pandas as pd

from mer_utils.data.deam import AVERAGED, FILES, PER_RATER

HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"


SONGS = [
    (2, 3.1, 0.94, 3.0, 0.63),
    (3, 3.5, 1.75, 3.3, 1.62),
    (999, 5.0, 1.0, 6.0, 1.2),
    (1001, 7.0, 1.1, 6.4, 1.5),
]


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def averaged(root, rows=SONGS, header=HEADER):
    lines = [",".join(map(str, row)) for row in rows]
    return write(root / (AVERAGED + FILES["1-2000"]), "\n".join([header, *lines]) + "\n")


def features(root, ids=(2, 3, 999, 1001), values=None):
    values = np.random.default_rng(0).normal(size=(len(ids), 3)) if values is None else values
    path = root / "features_song_mean" / "table.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    frame.insert(0, "song_id", ids)
    frame.to_csv(path, index=False)
    return path


def raters(root, rows, header="workerID, SongId, Valence, Arousal"):
    lines = [", ".join(map(str, row)) for row in rows]
    return write(root / (PER_RATER + FILES["1-2000"]), "\n".join([header, *lines]) + "\n")


def official(root, song, rows):
    lines = ["frameTime;x;y", *(";".join(map(str, row)) for row in rows)]
    return write(root / "features" / f"{song}.csv", "\n".join(lines) + "\n")
