"""Small folders in DEAM's layout, written by hand, for tests of the loader."""

import numpy as np
import pandas as pd

from mer_utils.data.deam import AVERAGED, DYNAMIC, FILES, METADATA, PER_RATER

HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
SOUND_SIGNS = {"pcm_fftMag_spectralFlux_sma_amean": 1, "pcm_zcr_sma_amean": 1}
SOUND_SIGNS |= {"logHNR_sma_amean": -1}
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


def averaged(root, rows=SONGS, header=HEADER, songs="1-2000"):
    lines = [",".join(map(str, row)) for row in rows]
    return write(root / (AVERAGED + FILES[songs]), "\n".join([header, *lines]) + "\n")


def over_time(root, name, rows):
    """A file of ratings over time; a row is a song id and its values, as many as it has."""
    width = max(map(len, rows)) - 1
    header = ["song_id", *(f"sample_{15000 + 500 * i}ms" for i in range(width))]
    lines = [",".join(map(str, [*row, *[""] * (width + 1 - len(row))])) for row in rows]
    return write(root / DYNAMIC.format(name), "\n".join([",".join(header), *lines]) + "\n")


def collections(root, exchanged=None, n=60):
    """Three collections of ``n`` songs with known valence and arousal, and all that follows them.

    The columns of the part "low" or "high" are ``exchanged`` in the averaged file alone. Sliders,
    three sounds and loud or quiet genres follow the truth.
    """
    rng = np.random.default_rng(0)
    truth = rng.uniform(2, 8, (3 * n, 2)).round(2)  # valence, arousal
    ids = np.concatenate([np.arange(1, n + 1) + start for start in (0, 1000, 2000)])
    file, part = truth.copy(), {"low": ids <= 1000, "high": (ids > 1000) & (ids <= 2000)}
    if exchanged:
        file[part[exchanged]] = file[part[exchanged], ::-1]
    rows = [(song, v, 1, a, 1) for song, (v, a) in zip(ids, file, strict=True)]
    averaged(root, rows[: 2 * n])
    averaged(root, rows[2 * n :], songs="2001-2058")
    for name, values in zip(("valence", "arousal"), truth.T, strict=True):
        steps = [(y - 5) / 5 + rng.normal(0, 0.02, rng.integers(3, 9)) for y in values]
        over_time(root, name, [(song, *y.round(3)) for song, y in zip(ids, steps, strict=True)])
    gap = truth[:, 1] - truth[:, 0]
    heard = {c: sign * gap + rng.normal(0, 1, 3 * n) for c, sign in SOUND_SIGNS.items()}
    path = write(root / "features_song_mean" / "opensmile.csv", "")
    pd.DataFrame({"song_id": ids, **heard}).to_csv(path, index=False)
    genre = np.where(gap > 0, "Rock", "Folk")
    for i, year in enumerate((2013, 2014, 2015)):
        part = slice(i * n, (i + 1) * n)
        lines = [f"{song},artist,{g}" for song, g in zip(ids[part], genre[part], strict=True)]
        write(root / METADATA.format(year), "\n".join(["song_id,artist,Genre", *lines]) + "\n")
    return root


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
