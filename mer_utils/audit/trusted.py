"""What the labels in doubt are held against: sound, emoMusic's ratings, and models.

Each function returns something that follows valence or arousal and was not taken from DEAM's
averages up to id 1000, one value for each song of ``song_id``; or None where it is not at hand.
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

FLUX = re.compile(r"pcm_fftMag_spectralFlux_sma_?amean")


def spectral_flux(root: Path, song_id) -> np.ndarray | None:
    """Mean spectral flux (openSMILE) per song, (n_songs,), NaN where unknown; None without it."""
    tables = sorted((root / "features_song_mean").glob("*.csv"))
    for path in tables:
        names = pd.read_csv(path, nrows=0, skipinitialspace=True).columns.str.strip()
        flux = [name for name in names if FLUX.fullmatch(name)]
        if flux and "song_id" in names:
            frame = pd.read_csv(path, skipinitialspace=True)
            frame.columns = frame.columns.str.strip()
            return frame.set_index("song_id")[flux[0]].reindex(song_id).to_numpy(dtype=float)
    folder = official_features(root)
    if folder is None:
        return None
    out = np.full(len(song_id), np.nan)
    for i, song in enumerate(song_id):
        path = folder / f"{song}.csv"
        if path.is_file():
            frame = pd.read_csv(path, sep=";", usecols=lambda name: FLUX.fullmatch(name.strip()))
            if frame.shape[1] != 1:
                return None
            out[i] = frame.iloc[:, 0].mean()
    return out


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


def emomusic_continuous(root: Path, name: str, song_id) -> np.ndarray | None:
    """The slider of emoMusic for one dimension, averaged over time: (n_songs,), -1 to 1.

    NaN where unknown; None if the file is not there. Raises ``DataError`` if it is broken.
    """
    path = root / "cross_check" / f"emomusic_{name}_cont_average.csv"
    if not path.is_file():
        return None
    frame = read_table(path, ["song_id"])
    problems: list[str] = []
    ids = song_ids(frame, path, problems)
    samples = [c for c in frame if c.startswith("sample_")]
    values = [numbers(frame, c, path, problems, low=-1, high=1, blank="nan") for c in samples]
    if problems or not samples:
        raise DataError(problems or f"{path}, line 1: no column sample_...ms")
    means = pd.DataFrame(np.stack(values, 1), index=ids).mean(axis=1)
    return means.reindex(song_id).to_numpy()


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
