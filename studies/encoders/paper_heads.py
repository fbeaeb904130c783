"""The paper's way: a clip is one vector, the mean over its windows, which a stack of heads reads.

Representations that nobody trains: musicnn's three layers, statistics of the log-mel, and the 33
features of MIRtoolbox that are published for MUSIFEAST-17.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from mer_utils.data.csv_tables import DataError
from mer_utils.model.heads import forward
from mer_utils.model.splits import standardise
from mer_utils.model.training import Protocol, train_stack

MIR_URL = "https://github.com/tuomaseerola/MUSIFEAST17-audio"


def clip_features(sound, mir=None) -> dict:
    """Name -> (n_clips, width): what a clip is, in the paper's way.

    ``mir``: the file of MIRtoolbox's features, or None to leave them out.
    """
    mel = sound.log_mel
    found = {
        "penultimate": sound.penultimate.mean(1),
        "mean_pool": np.asarray(sound.tokens, np.float32).mean((1, 2)),
        "max_pool": sound.largest.mean(1),
        "log_mel": np.hstack([mel.mean((1, 2)), mel.std((1, 2))]),
    }
    return found if mir is None else found | {"mirtoolbox": mir_features(mir, sound.clip)}


def mir_features(path, clips) -> np.ndarray:
    """The 33 features of these clips from the published file, (n_clips, 33).

    Raises ``DataError`` if the file is missing or a clip is not in it. A feature that is missing in
    some clips counts there as its mean.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: not found; it is in the repository {MIR_URL}")
    table = pd.read_csv(path)
    table.index = table.pop("filename").str.removesuffix(".mp3").str.removesuffix(".wav")
    lost = [clip for clip in clips if clip not in table.index]
    if lost:
        raise DataError(f"{path}: has no clip {lost[0]}; give the published file")
    table = table.loc[list(clips)].select_dtypes("number")
    return table.fillna(table.mean()).to_numpy(np.float32)


def heads(features, design, loss, seeds, epochs=100):
    """Out-of-fold mu and sigma, (n_seeds, n, D) each."""
    out = np.empty((2, len(seeds), *design.songs.mean.shape))
    for split, (mean, sd) in zip(design.splits, design.taught, strict=True):
        x = standardise(features, split.train)
        sides = [(x[rows], mean[rows], sd[rows]) for rows in (split.train, split.validation)]
        stack = train_stack(*sides, loss=loss, seeds=seeds, protocol=Protocol(epochs=epochs))
        with torch.no_grad():
            said = forward(stack.weights, torch.from_numpy(x[split.test]))
        out[:, :, split.test] = np.stack([part.numpy() for part in said])
    return tuple(out)
