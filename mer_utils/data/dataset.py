"""The one data object that everything downstream reads.

A :class:`Dataset` is what a loader returns: targets per song, features per song, and
what is known about where they came from. It never changes after it is made.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.feature_store import is_store

DIMENSIONS = ("valence", "arousal")


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, as 64 hexadecimal characters."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, eq=False)
class Dataset:
    """Songs with their empirical rating statistics and features.

    Attributes
    ----------
    name : str
        How figures and tables name the data. Simulated data say "simulated" here.
    song_id : array of int or str, (n_songs,), strictly increasing
    rating_mean, rating_sd : float arrays, (n_songs, n_dimensions), on the rating scale
        Mean and SD (``ddof`` as stated) over the raters of each song.
    features : float32 array, (n_songs, n_features)
    feature_source : str
        What the features are, e.g. ``"openSMILE song means"``.
    n_raters : int array, (n_songs,), or None where the file does not say.
    artist, genre : str arrays, (n_songs,); ``""`` where unknown.
    ratings : pandas.DataFrame or None
        Long table ``song_id, rater`` and a column for each dimension, where raters are known.
    true_mean, true_sd : float arrays as ``rating_mean``, or None
        Population moments; known only for simulated data.
    simulated : bool
    kind : {"simulated", "deam", "musifeast", ""}
        Which data set it is, whatever its name; "" for any other.
    labels : {"as_distributed", "corrected", "few_listeners"}
    ddof : int
        Degrees-of-freedom correction of ``rating_sd``.
    scale : (low, high)
        The lowest and the highest possible rating; model space is [-1, 1] between them.
    dimensions : tuple of str
        Names along the last axis of every array with a value for each.
    checksums : dict of file name -> SHA-256
    notes : tuple of str
        What the loader left out or changed, one sentence each.
    """

    name: str
    song_id: np.ndarray
    rating_mean: np.ndarray
    rating_sd: np.ndarray
    features: np.ndarray
    feature_source: str
    n_raters: np.ndarray | None = None
    artist: np.ndarray | None = None
    genre: np.ndarray | None = None
    ratings: pd.DataFrame | None = None
    true_mean: np.ndarray | None = None
    true_sd: np.ndarray | None = None
    simulated: bool = False
    kind: str = ""
    labels: str = "as_distributed"
    ddof: int = 0
    scale: tuple = (1, 9)
    dimensions: tuple = DIMENSIONS
    checksums: dict = field(default_factory=dict)
    notes: tuple = ()

    def __post_init__(self):
        n = len(self.song_id)
        for name in ("rating_mean", "rating_sd"):
            shape = (n, len(self.dimensions))
            got = np.shape(getattr(self, name))
            if got != shape:
                raise ValueError(f"{name} has shape {got}, expected {shape} (songs, dimensions)")
        if len(self.features) != n:
            raise ValueError(f"features have {len(self.features)} rows for {n} songs")
        if not (self.song_id[1:] > self.song_id[:-1]).all():
            raise ValueError("song_id must be strictly increasing: sort the songs, drop duplicates")

    def __len__(self) -> int:
        return len(self.song_id)

    @property
    def mean(self) -> np.ndarray:
        """Empirical mean per song in model space, the shape of ``rating_mean``, in [-1, 1]."""
        return self.to_model(self.rating_mean)

    @property
    def sd(self) -> np.ndarray:
        """Empirical SD per song in model space, the shape of ``rating_sd``, at least 0."""
        return self.rating_sd / self.half_range

    def to_model(self, rating) -> np.ndarray:
        """Map ratings to model space: the lowest becomes -1, the highest 1."""
        return (np.asarray(rating, float) - sum(self.scale) / 2) / self.half_range

    @property
    def half_range(self) -> float:
        """What one unit of model space is on the rating scale: 4 for ratings of 1 to 9."""
        return (self.scale[1] - self.scale[0]) / 2

    @property
    def unit(self) -> str:
        """The scale in words, for an axis: "1-9 scale"."""
        return "{:g}-{:g} scale".format(*self.scale)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the numbers a model sees: ids, targets, features, artists."""
        digest = hashlib.sha256()
        for array in (self.song_id, self.rating_mean, self.rating_sd, self.features):
            digest.update(str((array.dtype, array.shape)).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(str((self.scale, self.dimensions)).encode())
        digest.update("\x1f".join(map(str, [] if self.artist is None else self.artist)).encode())
        return digest.hexdigest()


def checksums(root: Path, paths) -> dict:
    """SHA-256 by path below ``root`` (by bare name outside it); one digest for a folder."""
    out = {}
    for path in paths:
        path = Path(path)
        inside = path.resolve().is_relative_to(root.resolve())
        key = path.resolve().relative_to(root.resolve()).as_posix() if inside else path.name
        if path.is_dir():
            pattern = "part-*.parquet" if is_store(path) else "*.csv"
            files = sorted(path.glob(pattern))
            listing = "".join(f"{sha256(file)}  {file.name}\n" for file in files)
            out[f"{key}/{pattern}"] = hashlib.sha256(listing.encode()).hexdigest()
        else:
            out[key] = sha256(path)
    return out
