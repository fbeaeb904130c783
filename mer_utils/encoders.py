"""Encoders for extraction: each turns a batch of clips into one vector per layer and clip.

``load_encoder`` is the one entry. ``ENCODERS`` names those of this project; an encoder of
your own is given as ``"module:function"``, where the function takes the same keywords as the
loaders below and returns an object with the attributes of :class:`Encoder`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from mer_utils.audio import RATE
from mer_utils.dataset import sha256
from mer_utils.embeddings import N_FFT, log_mel, pool
from mer_utils.paths import weights_dir


class Encoder(Protocol):
    """What an encoder has. Nothing inherits from this class: it is here to be read."""

    name: str
    rate: int  # Hz that it wants
    layers: tuple[str, ...]  # names of what embed returns, in this order
    default_layer: str  # optional: the one to read if no other is asked for; else the last
    resampling: dict  # optional: keywords for torchaudio.functional.resample
    min_samples: int  # shorter clips are refused
    checkpoint_sha256: str  # "" if there are no weights

    def embed(self, waveforms: torch.Tensor) -> dict[str, np.ndarray]:
        """Means over time per layer, each float32 (n_clips, n_features).

        ``waveforms`` is float32 (n_clips, n_samples), mono at ``rate``, real sound from the
        first sample to the last: clips of one batch have the same length, so there is no
        padding that could enter a mean.
        """

    def sequence(self, waveform: torch.Tensor) -> dict[str, np.ndarray]:
        """Optional, for looking: one clip (n_samples,) before time is averaged away.

        Per layer float32 (n_steps, n_features); ``embed`` gives the mean over the steps.
        """


class LogMel:
    """Mean ("mean") and SD ("sd") over time of the log-mel spectrogram, 128 bands each."""

    name, rate, min_samples, checkpoint_sha256 = "logmel", RATE, N_FFT // 2 + 1, ""

    def __init__(self, layers):
        self.layers, self.default_layer = layers, layers[0]

    def embed(self, waveforms):
        """See :class:`Encoder`."""
        frames = [log_mel(waveform.numpy()) for waveform in waveforms]
        return {layer: np.stack([pool(f, (layer,)) for f in frames]) for layer in self.layers}

    def sequence(self, waveform):
        """See :class:`Encoder`; both layers are statistics of the same frames."""
        return dict.fromkeys(self.layers, log_mel(waveform.numpy()).T)


class MusicFMMeans:
    """Means over time (tokens) of the hidden states of MusicFM: "0" is the front end's output."""

    name, rate, min_samples = "musicfm", RATE, N_FFT // 2 + 1

    def __init__(self, model, layers, checkpoint_sha256):
        self.model, self.layers, self.device = model, layers, model.device
        self.checkpoint_sha256 = checkpoint_sha256

    def embed(self, waveforms):
        """See :class:`Encoder`."""
        states = self.model.hidden_states(waveforms, [int(layer) for layer in self.layers])
        means = [state.mean(dim=1).cpu().numpy() for state in states]
        return dict(zip(self.layers, means, strict=True))

    def sequence(self, waveform):
        """See :class:`Encoder`; a step is a token, 25 a second."""
        states = self.model.hidden_states(waveform[None], [int(layer) for layer in self.layers])
        return {n: s[0].cpu().numpy() for n, s in zip(self.layers, states, strict=True)}


def _logmel(*, checkpoint, layers, device, dtype):
    if checkpoint:
        raise ValueError("logmel has no weights: leave --checkpoint out")
    if (device, dtype) != ("cpu", "float32"):
        raise ValueError(f"logmel runs with --device cpu --dtype float32, not {device}, {dtype}")
    return LogMel(choose_layers(layers, ("mean", "sd"), default=("mean", "sd")))


def _musicfm(*, checkpoint, layers, device, dtype):
    from mer_utils.musicfm import load_musicfm

    checkpoint = Path(checkpoint or weights_dir() / "pretrained_msd.pt")
    stats = [checkpoint.with_name(name) for name in ("msd_stats.json", "stats.json")]
    stats = next((path for path in stats if path.is_file()), stats[0])
    model = load_musicfm(checkpoint, stats, device=device, dtype=getattr(torch, dtype))
    names = tuple(map(str, range(model.n_layers + 1)))
    return MusicFMMeans(model, choose_layers(layers, names), sha256(checkpoint))


def _musicnn(*, checkpoint, layers, device, dtype):
    from mer_utils.musicnn import load_musicnn

    return load_musicnn(checkpoint=checkpoint, layers=layers, device=device, dtype=dtype)


ENCODERS = {"musicfm": _musicfm, "musicnn": _musicnn, "logmel": _logmel}


def load_encoder(name, *, checkpoint=None, layers="last", device="cpu", dtype="float32"):
    """An :class:`Encoder`, ready to embed.

    Parameters
    ----------
    name : one of ``ENCODERS``, or "module:function" for your own.
    checkpoint : path of the weights; default: where ``mer fetch`` puts them.
    layers : "last", "all", or names of layers in a sequence.
    device : "cpu", "cuda", or "auto" (cuda where there is one).
    dtype : "float32", "bfloat16" or "float16", of the network's products; results are float32.

    Raises
    ------
    ValueError
        Unknown name, layer or device, or weights that are missing or not the encoder's.
    """
    module, _, function = name.partition(":")
    if name in ENCODERS:
        load = ENCODERS[name]
    elif function:
        try:
            load = getattr(import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise ValueError(f"encoder {name}: cannot be imported ({error})") from error
    else:
        known = ", ".join(ENCODERS)
        raise ValueError(f"unknown encoder {name!r}: give one of {known}, or module:function")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("this machine has no CUDA device that torch can use: give --device cpu")
    return load(checkpoint=checkpoint, layers=layers, device=device, dtype=dtype)


def choose_layers(layers, names, default=None) -> tuple[str, ...]:
    """Those of ``names`` that ``layers`` asks for, in the order of ``names``.

    "last" gives ``default``, or the last of ``names`` if there is no default.
    """
    if layers in ("last", None):
        return tuple(default or names[-1:])
    if layers == "all":
        return tuple(names)
    wanted = {layers} if isinstance(layers, str) else {str(layer) for layer in layers}
    unknown = sorted(wanted - set(names))
    if unknown or not wanted:
        raise ValueError(f"no layer {', '.join(unknown)!r}: choose from {', '.join(names)}")
    return tuple(name for name in names if name in wanted)
