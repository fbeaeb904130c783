"""Properties of sound that a listener could hear, one number a clip, as they are estimated.

They come from the samples that musicnn hears (mono, 16 kHz, its whole windows and no more), so that
a property and the features that are asked for it know the same sound.

==============  ==============================================================================
tempo           log2 of beats per minute, as ``librosa.feature.tempo`` estimates it: often twice
                or half of what a person taps
loudness range  dB between the 10th and 95th percentile of levels over 3 s, one each 0.1 s; as in
                EBU Tech 3342 without its filter and its relative gate
onset density   onsets a second, ``librosa.onset.onset_detect``
spectral flux   mean rise of a mel band from frame to frame, dB; ``librosa.onset.onset_strength``
order           correlation of the level over 0.4 s with time: above 0 the clip grows louder. Its
                windows in any other order have the same averages, and another order
genre           its name; a world draws a number for each (:func:`codes_of`)
vocal           1 if somebody sings (without words), else 0
==============  ==============================================================================

Genre and vocal come from tables; other data may have none.
"""

import csv
import hashlib
import inspect
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sound import paths_of
from tqdm import tqdm

from mer_utils.code_digest import logic
from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import sha256
from mer_utils.embed.decode import read_clip
from mer_utils.embed.musicnn import HOP, RATE, RESAMPLING, WINDOW
from mer_utils.paths import cache_dir, write_atomically

WINDOWS = 9
"""Windows of 2.992 s that each clip of MUSIFEAST-17 has."""
SILENCE = -70.0
"""dB of full scale: the gate of EBU Tech 3342, and here the lowest level."""
METADATA = "_MUSIFEAST17_metadata.csv"


def levels_of(samples, seconds, every=0.1) -> np.ndarray:
    """RMS level of each stretch of ``seconds``, dB of full scale, a stretch each ``every`` s."""
    total = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=float))])
    length, step = round(seconds * RATE), round(every * RATE)
    starts = np.arange(0, len(samples) - length + 1, step)
    power = (total[starts + length] - total[starts]) / length
    return 10 * np.log10(np.maximum(power, 10 ** (SILENCE / 10)))


def heard(samples) -> dict:
    """Property -> number, of mono samples at 16 kHz."""
    import librosa  # takes a second; only needed where clips are measured

    rises = librosa.onset.onset_strength(y=samples, sr=RATE, hop_length=HOP, n_fft=2048)
    at = {"onset_envelope": rises, "sr": RATE, "hop_length": HOP}
    long, short = levels_of(samples, 3.0), levels_of(samples, 0.4)
    moves = short.std() > 1e-9
    order = np.corrcoef(short, np.arange(len(short)))[0, 1] if moves else 0.0
    return {
        "tempo": float(np.log2(librosa.feature.tempo(**at)[0])),
        "loudness range": float(np.subtract(*np.percentile(long, [95, 10]))),
        "onset density": len(librosa.onset.onset_detect(**at)) / (len(samples) / RATE),
        "spectral flux": float(rises.mean()),
        "order": float(order),
    }


def by_hand(log_mel) -> np.ndarray:
    """Tempo and order as a rule of a few lines finds them in (n, W, 187, 96) log-mel: (n, 2).

    Nothing is learned. Tempo: the lag at which the rises of the mel bands repeat themselves best,
    with librosa's preference for 120 beats a minute. Order: correlation of the mean log-mel with
    time. It shows that a log-mel holds both.
    """
    found, per_minute = np.empty((len(log_mel), 2)), 60 * RATE / HOP / np.arange(10, 250)
    prior = np.exp(-0.5 * np.log2(per_minute / 120) ** 2)
    for i, windows in enumerate(log_mel):
        frames = np.asarray(windows, float).reshape(-1, windows.shape[-1])
        rises = np.maximum(np.diff(frames, axis=0), 0).mean(1)
        power = np.abs(np.fft.rfft(rises - rises.mean(), 2 * len(rises))) ** 2
        again = np.fft.irfft(power)[:250] / max(power.mean(), 1e-12)
        best = (np.log1p(1e6 * again[10:].clip(0)) * prior).argmax()
        level = frames.mean(1)
        order = np.corrcoef(level, np.arange(len(level)))[0, 1] if level.std() > 1e-9 else 0.0
        found[i] = np.log2(per_minute[best]), order
    return found


def properties_of(
    folder, clips, genre=None, vocal=None, windows=WINDOWS, progress=True
) -> pd.DataFrame:
    """The table, one row for each clip.

    Parameters
    ----------
    folder, clips : as in :func:`sound.sound_of`
    genre : texts, (n_clips,), or None
    vocal : booleans, (n_clips,), or None
    windows : int
        How many of musicnn's windows of a clip count, from its start.

    Raises
    ------
    DataError
        A clip is missing, or shorter than this.
    """
    import librosa

    paths = paths_of(folder, clips)
    described = {"clips": [sha256(path) for path in paths], "windows": windows,
                 "librosa": librosa.__version__}  # fmt: skip

    def compute():
        rows = []
        for path in tqdm(paths, unit="clip", desc="properties", disable=not progress):
            samples = read_clip(path, RATE, **RESAMPLING).samples
            if len(samples) < windows * WINDOW:
                raise DataError(f"{path}: shorter than {windows} windows of musicnn")
            rows.append(heard(samples[: windows * WINDOW]))
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    functions = (properties_of, heard, levels_of)
    table = pd.DataFrame(kept("properties", described, functions, compute), index=list(clips))
    if genre is not None:
        table["genre"] = np.asarray(genre, str)
    if vocal is not None:
        table["vocal"] = np.asarray(vocal, float)
    return table


def codes_of(names, seed=17) -> np.ndarray:
    """A random number for each name, standard normal: (n,)."""
    known, place = np.unique(names, return_inverse=True)
    return np.random.default_rng(seed).normal(size=len(known))[place]


def vocal_of(folder, clips) -> np.ndarray:
    """Whether somebody sings, from the metadata beside MUSIFEAST-17's clips: booleans."""
    path = Path(folder).expanduser() / METADATA
    if not path.is_file():
        raise DataError(f"{path}: not found; it lies in the repository beside the clips")
    with open(path, encoding="utf-8-sig") as file:
        said = {row["CLIP_NAME"]: row["VOCALISATION"] for row in csv.DictReader(file)}
    lost = [clip for clip in clips if said.get(clip) not in ("yes", "no")]
    if lost:
        raise DataError(f"{path}: VOCALISATION of {lost[0]} is neither yes nor no")
    return np.array([said[clip] == "yes" for clip in clips])


def kept(name: str, described: dict, functions, compute) -> dict:
    """The arrays that ``compute()`` returns, from the cache where they were made before.

    The key holds ``described`` (arrays by their bytes) and the code of ``functions``.
    """
    digest = hashlib.sha256()
    for key, value in sorted(described.items()):
        array = isinstance(value, np.ndarray)
        digest.update(f"{key} {value.shape if array else json.dumps(value)}".encode())
        digest.update(np.ascontiguousarray(value).tobytes() if array else b"")
    for part in functions:
        digest.update(logic(inspect.getsource(part)).encode())
    path = cache_dir() / "encoders" / f"{name}-{digest.hexdigest()[:16]}.npz"
    if not path.is_file():
        with write_atomically(path) as temporary:
            np.savez(temporary, **compute())
    with np.load(path) as file:
        return {key: file[key] for key in file.files}
