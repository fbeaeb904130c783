"""One frozen description of a run, and its result, kept on disk.

``run(Experiment(loss="nll"))`` trains what is missing and reads what is there. The key of
a result is a hash of the description, of the data it was trained on, of the modules that
decide the numbers and of the version of torch: whatever could change the result changes
the key. Results are written to a temporary name and moved, under a lock, so that two
processes may ask for the same experiment at once.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import inspect
import json
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from filelock import FileLock

from mer_utils import heads, losses, splits, training
from mer_utils.dataset import Dataset
from mer_utils.deam import load_deam
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.sampling import mc_dropout
from mer_utils.simulate import simulated_root
from mer_utils.training import Protocol

STORED = {"mu", "sigma", "train_loss", "validation_loss", "learning_rate", "best_epoch"} | {
    f"w:{kind}{layer}" for kind in "wb" for layer in "123"
}
"""Names of the arrays of a stored result; the weights carry ``w:`` before theirs."""

PROFILES = {
    "paper": {"n_seeds": 15, "epochs": 100, "n_resamples": 500, "mc_curve": 200},
    "quick": {"n_seeds": 3, "epochs": 10, "n_resamples": 50, "mc_curve": 30},
}
"""What a profile sets: ``paper`` is the paper's size, ``quick`` is for teaching and tests."""


@dataclass(frozen=True)
class Experiment:
    """Everything that determines the predictions of one stack of heads.

    Attributes
    ----------
    dataset : {"simulated", "deam"}
    data : str
        Folder of the data; ``$DEAM_ROOT`` if empty. Not part of the key: the content is.
    labels : {"as_distributed", "corrected"}
    features : str
        For DEAM: a table or store of features, or ``STORE:LAYER``; ``"auto"`` finds what the
        data folder has. Not part of the key: the content is.
    disagreement : {"none", "deam_like", "planted"}
        Simulated data only.
    loss : str
        A name in :data:`mer_utils.losses.LOSSES`.
    seed, n_seeds : int
        Training seeds ``seed, seed + 1, ..., seed + n_seeds - 1``.
    split_seed : int
    fold : int or None
        None for one 70/15/15 split; else this fold of ``n_folds``.
    keep_artists_together : bool
        All songs of an artist on one side of the split.
    protocol : Protocol
    """

    dataset: str = "simulated"
    data: str = ""
    labels: str = "as_distributed"
    features: str = "auto"
    disagreement: str = "deam_like"
    loss: str = "nll"
    seed: int = 0
    n_seeds: int = 15
    split_seed: int = 0
    fold: int | None = None
    n_folds: int = 5
    keep_artists_together: bool = False
    protocol: Protocol = field(default_factory=Protocol)

    def __post_init__(self):
        losses.get_loss(self.loss)
        if self.n_seeds < 1:
            raise ValueError(f"n_seeds={self.n_seeds} must be at least 1")
        if self.fold is not None and not 0 <= self.fold < self.n_folds:
            raise ValueError(f"fold={self.fold} must lie in 0..{self.n_folds - 1}")

    @classmethod
    def of(cls, profile: str, **changes) -> Experiment:
        """An experiment of the size of a profile, with some attributes changed."""
        size = get_profile(profile)
        protocol = changes.pop("protocol", Protocol(epochs=size["epochs"]))
        return cls(**{"n_seeds": size["n_seeds"], "protocol": protocol} | changes)

    @property
    def seeds(self) -> range:
        """The training seeds, one per member."""
        return range(self.seed, self.seed + self.n_seeds)

    def songs(self) -> Dataset:
        """The data set that this experiment is about."""
        return load_data(self.dataset, self.data, self.labels, self.disagreement, self.features)


def get_profile(name: str) -> dict:
    """The sizes of a profile; a ``ValueError`` that lists the names if there is none."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]


@lru_cache(maxsize=8)
def load_data(
    dataset="simulated",
    data="",
    labels="as_distributed",
    disagreement="deam_like",
    features="auto",
) -> Dataset:
    """Load a data set by name; the arguments are those of :class:`Experiment`.

    ``dataset="simulated"`` writes the default data into the cache once and reads them with
    the same loader as DEAM.
    """
    if dataset == "simulated":
        if data:
            raise ValueError(f"data={data!r} goes with dataset='deam'; simulated data are made")
        if features != "auto":
            raise ValueError(f"features={features!r} goes with dataset='deam'")
        return load_deam(simulated_root(disagreement), labels=labels)
    if dataset == "deam":
        return load_deam(data or None, labels=labels, features=features)
    raise ValueError(f"unknown dataset {dataset!r}: choose 'simulated' or 'deam'")


@dataclass(frozen=True, eq=False)
class Result:
    """Predictions of one experiment for *all* songs, and how they came about.

    ``mu`` and ``sigma`` are (n_members, n_songs, 2) in model space; score them on
    ``split.test`` (:meth:`test` does the indexing). ``curves`` holds ``train_loss``,
    ``validation_loss`` and ``learning_rate``, each (n_members, n_epochs).
    """

    experiment: Experiment
    songs: Dataset
    split: splits.Split
    mu: np.ndarray
    sigma: np.ndarray
    weights: dict
    curves: dict
    best_epoch: np.ndarray

    def test(self, values) -> np.ndarray:
        """The rows of ``values`` (..., n_songs, 2) that belong to test songs."""
        return np.asarray(values)[..., self.split.test, :]

    @cached_property
    def _x(self):
        return standardise(self.songs.features, self.split.train)

    def mc_dropout(self, passes=15, seed=0):
        """``(mu, sigma)`` of the test songs, (passes, n_members, n_test, 2)."""
        x = self._x[self.split.test]
        dropout = self.experiment.protocol.dropout
        return mc_dropout(
            self.weights,
            x,
            passes=passes,
            dropout=dropout,
            seed=seed,
            seeds=self.experiment.seeds,
        )


def standardise(features, train) -> np.ndarray:
    """Features with mean 0 and SD 1 over the training songs; constant ones become 0."""
    features = np.asarray(features, np.float64)
    mean, sd = features[train].mean(0), features[train].std(0)
    return ((features - mean) / np.where(sd > 0, sd, np.inf)).astype(np.float32)


def make_split(experiment: Experiment, songs: Dataset) -> splits.Split:
    """The split that an experiment asks for."""
    groups = None
    if experiment.keep_artists_together:
        if songs.artist is None or not any(songs.artist):
            raise ValueError("keep_artists_together needs metadata with artists; none was found")
        groups = splits.artist_groups(songs.artist)
    if experiment.fold is None:
        return splits.holdout(len(songs), experiment.split_seed, groups=groups)
    return splits.folds(
        len(songs), experiment.split_seed, n_folds=experiment.n_folds, groups=groups
    )[experiment.fold]


def key(experiment: Experiment, songs: Dataset) -> str:
    """Hash of everything that the result depends on."""
    code = [_logic(Path(m.__file__).read_text("utf-8")) for m in (heads, losses, splits, training)]
    code += [_logic(inspect.getsource(step)) for step in (standardise, make_split, _train)]
    described = asdict(replace(experiment, data=""))
    del described["features"]  # like the folder: what was read counts, not from where
    parts = [json.dumps(described, sort_keys=True), songs.fingerprint, torch.__version__, *code]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def _logic(code) -> str:
    """The syntax tree of code without comments and docstrings: what can change a number."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                line
                for line in body
                if not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return ast.dump(tree)


def run(
    experiment: Experiment, *, songs: Dataset | None = None, keep=True, progress=True
) -> Result:
    """Train the stack that ``experiment`` describes, or read it from the cache.

    Parameters
    ----------
    experiment : Experiment
    songs : Dataset, optional
        Train on these songs instead of those that the experiment names, e.g. on the controls
        of :mod:`mer_utils.controls`. Their numbers are part of the key like any others.
    keep : bool
        False: train, and neither read nor write the cache. For hundreds of small runs.
    progress : bool

    Returns
    -------
    Result

    Raises
    ------
    ValueError
        Bad data or parameters, or a cache folder that cannot be written.
    """
    songs = experiment.songs() if songs is None else songs
    split = make_split(experiment, songs)
    train = _kept if keep else _train
    stored = train(experiment, songs, split, progress)
    return Result(
        experiment=experiment,
        songs=songs,
        split=split,
        mu=stored["mu"],
        sigma=stored["sigma"],
        weights={
            name[2:]: torch.from_numpy(stored[name]) for name in stored if name.startswith("w:")
        },
        curves={name: stored[name] for name in ("train_loss", "validation_loss", "learning_rate")},
        best_epoch=stored["best_epoch"],
    )


def _kept(experiment, songs, split, progress):
    """What :func:`_train` returns, from the cache or trained and put there."""
    folder = cache_dir() / "experiments"
    path = folder / f"{experiment.loss}-{key(experiment, songs)}.npz"
    try:
        stored = _read(path)  # no lock: a file appears whole or not at all
        if stored is None:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(path.with_suffix(".lock")):
                stored = _read(path)  # another process may have been first
                if stored is None:
                    if path.exists():
                        print(f"{path} is damaged; training again")
                    stored = _train(experiment, songs, split, progress)
                    with write_atomically(path) as temporary:
                        np.savez(temporary, **stored)
    except OSError as error:
        raise ValueError(
            f"cannot keep results in {folder}: {error}. Make it writable or set MER_CACHE"
        ) from error
    return stored


def _read(path):
    """What is stored, or None if there is nothing or the file is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = dict(file)
    except (FileNotFoundError, BadZipFile, EOFError, ValueError, RuntimeError):
        return None
    except OSError as error:
        if error.errno == errno.EINVAL:  # a damaged offset: seek to before the file's start
            return None
        raise
    return stored if stored.keys() == STORED else None


def _train(experiment, songs, split, progress):
    x = standardise(songs.features, split.train)

    def part(rows):
        return x[rows], songs.mean[rows], songs.sd[rows]

    stack = training.train_stack(
        part(split.train),
        part(split.validation),
        loss=experiment.loss,
        seeds=experiment.seeds,
        protocol=experiment.protocol,
        progress=progress,
    )
    with torch.no_grad():
        mu, sigma = heads.forward(stack.weights, torch.from_numpy(x))
    return {
        "mu": mu.numpy(),
        "sigma": sigma.numpy(),
        "train_loss": stack.train_loss,
        "validation_loss": stack.validation_loss,
        "learning_rate": stack.learning_rate,
        "best_epoch": stack.best_epoch,
    } | {"w:" + name: value.numpy() for name, value in stack.weights.items()}
