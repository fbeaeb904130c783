"""Do what an experiment describes, and keep the result on disk.

``run(Experiment(loss="nll"))`` trains what is missing and reads what is there. The key of
a result is a hash of the description, of the data it was trained on, of the code that
decides the numbers and of the version of torch: whatever could change the result changes
the key, and nothing else does: not a comment, and not in which folder a file lies.
Results are written to a temporary name and moved, under a lock, so that two processes may ask
for the same experiment at once.
"""

import errno
import hashlib
import inspect
import json
from dataclasses import asdict, replace
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from filelock import FileLock

from mer_utils.code_digest import logic
from mer_utils.data.dataset import Dataset
from mer_utils.model import fused_adam, heads, losses, splits, training
from mer_utils.model.experiment import Experiment
from mer_utils.model.result import CrossValidated, Result
from mer_utils.model.splits import standardise
from mer_utils.paths import cache_dir, write_atomically

STORED = {"mu", "sigma", *training.CURVES} | {f"w:{kind}{n}" for kind in "wb" for n in "123"}
"""Names of the arrays of a stored result; the weights carry ``w:`` before theirs."""
DECIDE = (fused_adam, heads, losses, splits, training)
"""Modules whose code decides the numbers of a result."""


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
    decide = [Path(m.__file__).read_text("utf-8") for m in DECIDE]
    decide += [inspect.getsource(step) for step in (make_split, _train)]
    code = sorted(logic(text) for text in decide)
    described = asdict(replace(experiment, data=""))
    del described["split"]  # the fold says it
    del described["features"]  # like the folder: what was read counts, not from where
    described["dataset"] = "own" if experiment.own else experiment.dataset
    parts = [json.dumps(described, sort_keys=True), songs.fingerprint, torch.__version__, *code]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:24]


def run(
    experiment: Experiment, *, songs: Dataset | None = None, keep=True, progress=True
) -> Result | CrossValidated:
    """Train the stack that ``experiment`` describes, or read it from the cache.

    Parameters
    ----------
    experiment : Experiment
    songs : Dataset, optional
        Train on these songs instead of those that the experiment names, e.g. on the controls
        of :mod:`mer_utils.controls.methods`. Their numbers are part of the key like any others.
    keep : bool
        False: train, and neither read nor write the cache. For hundreds of small runs.
    progress : bool

    Returns
    -------
    Result, or CrossValidated where the experiment asks for all folds

    Raises
    ------
    ValueError
        Bad data or parameters, or a cache folder that cannot be written.
    """
    songs = experiment.songs() if songs is None else songs
    experiment = experiment.settled(songs)
    if experiment.split == "folds" and experiment.fold is None:
        each = [replace(experiment, fold=k) for k in range(experiment.n_folds)]
        how = {"songs": songs, "keep": keep, "progress": progress}
        return CrossValidated(experiment, tuple(run(one, **how) for one in each))
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
        curves={name: stored[name] for name in training.CURVES[:3]},
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
    weights = {"w:" + name: value.numpy() for name, value in stack.weights.items()}
    curves = {name: getattr(stack, name) for name in training.CURVES}
    return {"mu": mu.numpy(), "sigma": sigma.numpy()} | curves | weights
