"""Sound for the study of encoders: clips as musicnn's log-mel, and what frozen musicnn makes of it.

A clip is cut into the windows of musicnn, 187 frames or 2.992 s each; all clips get as many windows
as the shortest has, so nothing is padded. Arrays are kept in the cache, one folder for each list of
clips: whoever has them once need not decode again.
"""

import hashlib
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.lib.format import open_memmap
from tqdm import tqdm
from trainable import after_front, front

from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import sha256
from mer_utils.embed.decode import SUFFIXES, read_clip
from mer_utils.embed.musicnn import FRAMES, N_MELS, RATE, RESAMPLING, load_musicnn
from mer_utils.paths import cache_dir

STEP = 11
"""Frames that a token averages: 0.176 s, 17 tokens a window."""


class Sound(NamedTuple):
    """n clips of W windows; arrays lie in files and are read where they are asked for.

    ``front`` are the features of musicnn's front end, before its three middle layers. ``tokens``
    are the 753 features that it pools (561 of the front end, then 64 of each middle layer),
    averaged over :data:`STEP` frames; ``largest`` their maxima over a window.
    """

    clip: tuple
    digest: str  # of the clips and of all that made the arrays
    log_mel: np.ndarray  # (n, W, 187, 96) float32
    front: np.ndarray  # (n, W, 561, 187) float16
    tokens: np.ndarray  # (n, W, 17, 753) float16
    largest: np.ndarray  # (n, W, 753) float32
    penultimate: np.ndarray  # (n, W, 200) float32


def paths_of(folder, clips) -> list[Path]:
    """The file of each clip; a ``DataError`` that names the first one missing."""
    folder = Path(folder).expanduser()
    found = []
    for clip in clips:
        paths = [folder / f"{clip}{suffix}" for suffix in SUFFIXES]
        path = next((path for path in paths if path.is_file()), None)
        if path is None:
            raise DataError(
                f"{paths[0]}: no such clip; `mer fetch musifeast {folder}` downloads MUSIFEAST-17's"
            )
        found.append(path)
    return found


def sound_of(folder, clips, progress=True) -> Sound:
    """The arrays of these clips, from the cache where they are there.

    Raises
    ------
    DataError
        A clip is missing. ``ValueError``: it is damaged, or musicnn's weights are missing.
    """
    return _sound(str(folder), tuple(map(str, clips)), progress)


@lru_cache
def _sound(folder, clips, progress):
    paths = paths_of(folder, clips)
    model = load_musicnn(layers="all")
    facts = [model.checkpoint_sha256, torch.__version__, *clips, *map(sha256, paths)]
    digest = hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
    arrays = arrays_of(digest, lambda new: _make(paths, model, new, progress))
    return Sound(clips, digest, **arrays)


def arrays_of(digest, make) -> dict:
    """Arrays by name, read where they are asked for, from the cache where they are there.

    ``make`` takes a function of name, shape and type, which gives a new array that lies in a file.
    """
    home = cache_dir() / "encoders" / f"sound-{digest}"
    if not home.is_dir():
        home.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".sound-", dir=home.parent) as temporary:
            made = Path(temporary) / "made"
            made.mkdir()
            make(lambda name, shape, kind: open_memmap(made / f"{name}.npy", "w+", kind, shape))
            os.replace(made, home)  # all of them, or none
    return {path.stem: np.load(path, mmap_mode="r") for path in sorted(home.glob("*.npy"))}


def _make(paths, model, new, progress):
    log_mels = []
    for path in tqdm(paths, unit="clip", desc="log-mel", disable=not progress):
        samples = read_clip(path, RATE, **RESAMPLING).samples
        if len(samples) < model.min_samples:
            raise DataError(f"{path}: shorter than a window of {model.min_samples / RATE:.3f} s")
        log_mels.append(model.log_mel(torch.from_numpy(samples)).numpy())
    n, windows, tokens = len(paths), min(map(len, log_mels)), FRAMES // STEP
    made = {
        "log_mel": new("log_mel", (n, windows, FRAMES, N_MELS), np.float32),
        "front": new("front", (n, windows, 561, FRAMES), np.float16),
        "tokens": new("tokens", (n, windows, tokens, 753), np.float16),
        "largest": new("largest", (n, windows, 753), np.float32),
        "penultimate": new("penultimate", (n, windows, 200), np.float32),
    }
    with torch.no_grad():
        for i in tqdm(range(n), unit="clip", desc="musicnn", disable=not progress):
            made["log_mel"][i] = log_mels[i][:windows]
            at_front = front(model.network, torch.from_numpy(log_mels[i][:windows]))
            penultimate, frames = after_front(model.network, at_front)
            made["front"][i] = at_front.numpy()
            made["tokens"][i] = frames.unflatten(2, (tokens, STEP)).mean(3).mT.numpy()
            made["largest"][i] = frames.amax(2).numpy()
            made["penultimate"][i] = penultimate.numpy()
