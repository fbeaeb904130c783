"""Clips to look at, what an encoder makes of them over time, and what an average keeps.

*Steps* are what ``Encoder.sequence`` gives for one clip: layer -> (n_steps, n_features).
Vectors are compared with the Euclidean distance. Used by notebook 01.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
import torchaudio.functional
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from mer_utils import audio
from mer_utils.deam import deam_root
from mer_utils.embeddings import POOLS, pool
from mer_utils.musicnn import TAGS

SHORTEST = 6.0  # seconds of a clip: two windows of 3 s


def example_clips(audio_dir="", dataset="simulated", data="", n_clips=3, seconds=15.0):
    """Clips to look at: {name: samples at ``audio.RATE``}, and where they come from, in words.

    ``audio_dir`` holds SONG_ID.mp3 files. If it is empty, the folder MEMD_audio of your DEAM is
    read, and if there is none, the three clips of ``audio.CLIPS`` are synthesised.

    Raises
    ------
    ValueError
        If a file cannot be read or is shorter than 6 s, or the folder has fewer than 2 files.
    """
    folder = audio_dir
    if not folder and dataset == "deam" and (deam_root(data or None) / "MEMD_audio").is_dir():
        folder = deam_root(data or None) / "MEMD_audio"
    if not folder:
        return {name: make(seconds) for name, make in audio.CLIPS.items()}, "synthesised"
    clips = {}
    for song, path in list(audio.audio_files(folder).items())[:n_clips]:
        clips[f"song {song}"] = audio.read_audio(path, seconds=seconds)
        length = len(clips[f"song {song}"]) / audio.RATE
        if length < SHORTEST:
            raise ValueError(
                f"{path}: {length:.1f} s long; move it away, {SHORTEST:g} s are needed"
            )
    if len(clips) < 2:
        raise ValueError(f"{folder}: one audio file only; at least two clips are compared")
    return clips, "your audio" if audio_dir else "DEAM"


def at_rate(samples, encoder) -> torch.Tensor:
    """``samples`` at ``audio.RATE`` as the encoder wants them: resampled to its own rate."""
    waveform = torch.from_numpy(np.array(samples, dtype=np.float32))
    options = getattr(encoder, "resampling", {})
    return torchaudio.functional.resample(waveform, audio.RATE, encoder.rate, **options)


def steps_of(encoder, samples) -> dict[str, np.ndarray]:
    """``encoder.sequence`` of a clip at ``audio.RATE``."""
    return encoder.sequence(at_rate(samples, encoder))


def usual_layer(encoder) -> str:
    """The layer that is read if no other is asked for."""
    return getattr(encoder, "default_layer", encoder.layers[-1])


def finest_layer(encoder, steps) -> str:
    """The layer with the most steps; of several the usual one."""
    usual = usual_layer(encoder)
    return max(steps, key=lambda layer: (len(steps[layer]), layer == usual))


def averages(steps) -> dict[str, np.ndarray]:
    """What ``embed`` gives for the clip: layer -> (n_features,).

    The mean over the steps; for a layer named "sd", the SD.
    """
    return {n: pool(x.T, (n if n in POOLS else "mean",)) for n, x in steps.items()}


def window_averages(steps, count) -> dict[str, np.ndarray]:
    """:func:`averages` of ``count`` equal stretches of a clip: layer -> (count, n_features)."""
    parts = {n: np.array_split(x, count) for n, x in steps.items()}
    rows = [averages({n: part[i] for n, part in parts.items()}) for i in range(count)]
    return {n: np.stack([row[n] for row in rows]) for n in steps}


def flip_pieces(samples, piece_seconds=0.5, rate=audio.RATE) -> np.ndarray:
    """The clip with every second piece upside down: cut as in shuffling, but in order.

    Turning the sign round cannot be heard and changes no power; the jumps between pieces can.
    """
    piece = np.arange(len(samples)) // int(piece_seconds * rate)
    return (np.asarray(samples) * (1 - 2 * (piece % 2))).astype(np.float32)


def order_table(vectors, changed, name) -> pd.DataFrame:
    """How far a clip moves when it is changed, layer by layer.

    Parameters
    ----------
    vectors : dict of clip -> :func:`averages` of that clip.
    changed : dict of change -> :func:`averages` of clip ``name`` after it, e.g. "shuffled".

    Returns
    -------
    pandas.DataFrame
        ``layer``, and for each change the distance of the clip from its changed copy, divided
        by its distance from the nearest other clip. 0: the change leaves no trace in the
        average. 1: the changed clip is as far away as another clip.
    """
    rows = []
    for layer, vector in vectors[name].items():
        nearest = min(np.linalg.norm(vector - v[layer]) for n, v in vectors.items() if n != name)
        moved = {how: np.linalg.norm(vector - v[layer]) for how, v in changed.items()}
        rows.append({"layer": layer} | {how: d / nearest for how, d in moved.items()})
    return pd.DataFrame(rows)


def agreement(vectors) -> pd.DataFrame:
    """Do two layers find the same windows alike? Rank correlation of their distances, -1 to 1.

    ``vectors`` is layer -> (n_windows, n_features), at least 3 windows, the same ones in every
    layer. Entry (a, b) is Spearman's correlation, over all pairs of windows, of the pair's
    distance in layer a with that in layer b.
    """
    distances = [pdist(x) for x in vectors.values()]
    if len(distances[0]) < 3:
        raise ValueError("agreement needs at least 3 windows: use longer clips")
    table = [[spearmanr(a, b).statistic for b in distances] for a in distances]
    return pd.DataFrame(table, index=list(vectors), columns=list(vectors))


def restless_units(steps, count=64) -> np.ndarray:
    """Which ``count`` features (of several clips' steps) change most, alike ones side by side.

    ``steps`` is a list of (n_steps, n_features). Ordered by their weight in the first principal
    component of the standardised features.
    """
    together = np.concatenate(steps)
    most = np.sort(np.argsort(-together.std(0), kind="stable")[:count])
    z = standardised([together[:, most]])[0]
    weights = np.linalg.eigh(z.T @ z)[1][:, -1]
    return most[np.argsort(weights * np.sign(weights[np.abs(weights).argmax()]), kind="stable")]


def standardised(steps) -> list[np.ndarray]:
    """The steps of several clips, each feature with mean 0 and SD 1 over all of them."""
    together = np.concatenate(steps)
    sd = together.std(0)
    return [(x - together.mean(0)) / np.where(sd > 0, sd, 1) for x in steps]


def top_tags(encoder, clips, count=5) -> pd.DataFrame:
    """The ``count`` likeliest tags per clip in words, where the encoder is a tagger.

    Probabilities are means over the clip's windows. Other encoders give a table without rows.
    """
    rows = []
    for name, samples in clips.items() if hasattr(encoder, "tags") else ():
        mean = encoder.tags(at_rate(samples, encoder)).mean(axis=0)
        best = np.argsort(-mean, kind="stable")[:count]
        rows.append((name, ", ".join(f"{TAGS[i]} {mean[i]:.2f}" for i in best)))
    return pd.DataFrame(rows, columns=["clip", "likeliest tags"])


def same_clip_neighbours(windows) -> tuple[int, int]:
    """For how many windows the nearest other one is of the same clip, and of how many.

    ``windows`` is clip -> (n_windows, n_features), two windows or more in all.
    """
    clip = np.repeat(range(len(windows)), [len(x) for x in windows.values()])
    distances = squareform(pdist(np.concatenate(list(windows.values()))))
    np.fill_diagonal(distances, np.inf)
    return int((clip[distances.argmin(axis=1)] == clip).sum()), len(clip)
