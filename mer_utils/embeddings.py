"""From sound to one vector per clip: an encoder, then averaging over time.

An *encoder* is a function ``encoder(samples, rate) -> (n_features, n_frames)`` array. The
one here is the log-mel spectrogram; a pretrained network such as MusicFM is another function of the
same kind, handed to :func:`embed_clip` or entered in ``ENCODERS``. *Pooling* then throws time away.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torchaudio

from .audio import RATE

# The mel settings of MusicFM's own first layer (Won, Hung & Le 2024), so that what
# the notebook shows is what that encoder sees.
N_FFT, HOP, N_MELS = 2048, 240, 128
FLOOR_DB = -100.0
POOLS = {"mean": np.mean, "sd": np.std}  # SD over time, ddof=0


@lru_cache(maxsize=4)
def _mel(rate: int):
    return torchaudio.transforms.MelSpectrogram(
        rate, n_fft=N_FFT, hop_length=HOP, n_mels=N_MELS, f_max=rate / 2, power=2.0
    )


def log_mel(samples, rate: int = RATE) -> np.ndarray:
    """Log-mel spectrogram in dB, float32, (128 bands, n_samples // 240 + 1 frames).

    10 log10 of the mel power, not below -100 dB; 0 dB is a power of 1. HTK mel bands
    from 0 Hz to half the rate; one frame each 10 ms at 24 kHz.

    Raises
    ------
    ValueError
        If ``samples`` is not one channel, not finite, or has 1,024 samples or fewer.
    """
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise ValueError(f"samples have shape {samples.shape}: give one channel, (n_samples,)")
    if len(samples) <= N_FFT // 2:
        raise ValueError(f"{len(samples)} samples are too few: at least {N_FFT // 2 + 1}")
    if not np.isfinite(samples).all():
        raise ValueError("samples hold values that are not finite numbers")
    power = _mel(rate)(torch.from_numpy(samples.copy()))
    return (10 * torch.log10(power.clamp(min=10 ** (FLOOR_DB / 10)))).numpy()


ENCODERS = {"log-mel": log_mel}


def pool(frames, statistics=("mean", "sd")) -> np.ndarray:
    """One vector from ``frames`` (n_features, n_frames): each statistic over time, in turn.

    ("mean", "sd") gives 2 n_features numbers, all means first. The paper uses ("mean",).
    The result is the same for any order of the frames.
    """
    unknown = [s for s in statistics if s not in POOLS]
    if unknown or not statistics:
        raise ValueError(f"statistics must be some of {sorted(POOLS)}, got {statistics!r}")
    frames = np.asarray(frames, dtype=np.float64)
    if frames.ndim != 2 or not frames.shape[1]:
        raise ValueError(f"frames have shape {frames.shape}, expected (n_features, n_frames)")
    return np.concatenate([POOLS[s](frames, axis=1) for s in statistics]).astype(np.float32)


def embed_clip(samples, rate: int = RATE, encoder="log-mel", statistics=("mean", "sd")):
    """Embedding of one clip, float32 vector.

    ``encoder`` is a name in ``ENCODERS`` or a function ``(samples, rate) -> (n_features,
    n_frames)``. For ``statistics`` see :func:`pool`.
    """
    if not callable(encoder):
        if encoder not in ENCODERS:
            known = ", ".join(ENCODERS)
            raise ValueError(f"unknown encoder {encoder!r}: give a function, or one of {known}")
        encoder = ENCODERS[encoder]
    return pool(encoder(samples, rate), statistics)


def embed_clips(clips, rate: int = RATE, encoder="log-mel", statistics=("mean", "sd")):
    """Embeddings of several clips, float32 (n_clips, n_features): a row each, in order.

    Raises
    ------
    ValueError
        No clip, or a clip that :func:`embed_clip` refuses; the message names its place.
    """
    rows = []
    for i, samples in enumerate(clips):
        try:
            rows.append(embed_clip(samples, rate, encoder, statistics))
        except ValueError as error:
            raise ValueError(f"clip {i}: {error}") from error
    if not rows:
        raise ValueError("no clips to embed")
    return np.stack(rows)
