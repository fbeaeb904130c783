"""What the labels in doubt are held against: sliders, sound, genres, emoMusic, and models.

Each function returns something that follows valence or arousal and was not taken from DEAM's
song-level averages up to id 1000, one value for each song of ``song_id``; or None where it is not
at hand.
:mod:`mer_utils.audit.evidence` compares it with the labels as they are and exchanged.
"""

import re
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mer_utils.data.csv_tables import DataError, numbers, read_table, song_ids
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.features import official_features

SOUND = {"spectral flux": "pcm_fftMag_spectralFlux", "zero crossings": "pcm_zcr"}
SOUND |= {"harmonics to noise": "logHNR"}
LOUD, QUIET = ("Rock", "Electronic"), ("Classical", "Folk")
"""Genres by common knowledge, chosen before their labels were looked at."""


def sound(root: Path, song_id) -> dict | None:
    """Three openSMILE descriptors, averaged over time: name in ``SOUND`` -> (n_songs,).

    NaN where a song is unknown. A descriptor that is not in the table is left out; None without
    a table in ``features_song_mean/`` and without the official ``features/``.
    """
    patterns = {name: re.compile(rf"{code}_sma_?amean") for name, code in SOUND.items()}

    def wanted(column):
        column = column.strip()
        return column == "song_id" or any(p.fullmatch(column) for p in patterns.values())

    found, folder = None, official_features(root)
    for path in sorted((root / "features_song_mean").glob("*.csv")):
        frame = pd.read_csv(path, skipinitialspace=True, usecols=wanted)
        frame.columns = frame.columns.str.strip()
        if "song_id" in frame and frame.shape[1] > 1:
            found = frame.set_index("song_id")
            break
    if found is None and folder is not None:
        paths = {song: folder / f"{song}.csv" for song in np.asarray(song_id).tolist()}
        read = {s: pd.read_csv(p, sep=";", usecols=wanted) for s, p in paths.items() if p.is_file()}
        found = pd.DataFrame({song: frame.mean() for song, frame in read.items()}).T
        found.columns = found.columns.str.strip()
    if found is None:
        return None
    found = found.reindex(song_id)
    return {name: found[column].to_numpy(float) for name, pattern in patterns.items()
            for column in found if pattern.fullmatch(column)}  # fmt: skip


def loud_genre(genre) -> np.ndarray | None:
    """1 for the genres ``LOUD``, 0 for ``QUIET``, NaN for others, (n_songs,); None without any."""
    out = np.where(np.isin(genre, LOUD), 1.0, np.where(np.isin(genre, QUIET), 0.0, np.nan))
    return out if np.isfinite(out).any() else None


def emomusic_ratings(root: Path, song_id) -> np.ndarray | None:
    """Song-level ratings of emoMusic, (n_songs, 2), 1-9, NaN where unknown; or None.

    Raises ``DataError`` if the file is broken.
    """
    path = root / "cross_check" / "emomusic_static_annotations.csv"
    if not path.is_file():
        return None
    columns = [f"mean_{name}" for name in DIMENSIONS]
    frame = read_table(path, ["song_id", *columns])
    problems: list[str] = []
    ids = song_ids(frame, path, problems)
    values = [numbers(frame, name, path, problems, low=1, high=9) for name in columns]
    if problems:
        raise DataError(problems)
    return pd.DataFrame(np.stack(values, 1), index=ids).reindex(song_id).to_numpy()


def continuous_mean(path: Path | None, song_id) -> np.ndarray | None:
    """A slider that raters moved while they listened, averaged over time: (n_songs,), -1 to 1.

    ``path`` has the columns ``song_id, sample_15000ms, sample_15500ms, ...``; a song that ends
    early leaves the rest of its line empty. NaN where a song is unknown; None without a file.
    Raises ``DataError`` if the file is broken, or a line holds no value at all.
    """
    if path is None or not path.is_file():
        return None
    frame = read_table(path, ["song_id"])
    problems: list[str] = []
    ids = song_ids(frame, path, problems)
    samples = [c for c in frame if c.startswith("sample_")]
    if not samples:
        raise DataError(f"{path}, line 1: no column sample_...ms; download the file again")
    values = [numbers(frame, c, path, problems, low=-1, high=1, blank="nan") for c in samples]
    problems += [
        f"{path}, line {line}: no value over time; download the file again or remove the line"
        for line in frame.index[(frame[samples] == "").all(axis=1)]
    ]
    if problems:
        raise DataError(problems)
    return pd.Series(np.nanmean(np.stack(values, 1), axis=1), ids).reindex(song_id).to_numpy()


def transfer(features, label, low) -> np.ndarray | None:
    """Ridge predictions of ``label``: each song by a model that saw only other ids above 1000.

    ``label`` and the result are (n_songs,) or (n_songs, 2); dimensions do not share anything.
    Songs up to 1000 (``low``) get the model of all ids above 1000; those above get 5-fold
    predictions. None if there are no features or too few songs.
    """
    high = np.flatnonzero(~low)
    if not features.shape[1] or low.sum() < 20 or len(high) < 50:
        return None
    # Features as ranks among the ids above 1000: openSMILE descriptors have long tails.
    columns = zip(np.sort(features[high], axis=0).T, features.T, strict=True)
    ranks = np.stack([np.searchsorted(known, new) for known, new in columns], 1) / len(high)
    parts = [(high, np.flatnonzero(low))]
    parts += [(np.setdiff1d(high, high[fold::5]), high[fold::5]) for fold in range(5)]
    out = np.full(label.shape, np.nan)
    for train, test in parts:
        model = make_pipeline(
            StandardScaler(), RidgeCV(10.0 ** np.arange(5), alpha_per_target=label.ndim > 1)
        )
        out[test] = model.fit(ranks[train], label[train]).predict(ranks[test])
    return out
