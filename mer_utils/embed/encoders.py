"""Encoders: what turns a clip into one vector for each of its layers.

``load_encoder`` gives one by name: ``LogMel`` below, MusicFM, musicnn, or yours. An encoder has

* ``name``, ``rate`` (Hz that it wants), ``min_samples`` (shorter clips are refused),
  ``checkpoint_sha256`` ("" if there are no weights);
* ``layers``: names of what ``embed`` returns, in this order; perhaps ``default_layer``, the one to
  read if no other is asked for, else the last;
* ``embed(waveforms)``: (n_clips, n_samples) float32, mono at ``rate`` -> layer -> (n_clips,
  n_features) float32, means over time. Clips of a batch have the same length and are real sound to
  the end: there is no padding that could enter a mean;
* perhaps ``sequence(waveform)``, for looking: one clip -> layer -> (n_steps, n_features);
* perhaps ``resampling``: keywords for ``torchaudio.functional.resample``.
"""

from importlib import import_module

import numpy as np
import torch
from torchaudio.transforms import MelSpectrogram

from mer_utils.embed.decode import RATE
from mer_utils.embed.number_format import choose_dtype

# The mel settings of MusicFM's own first layer (Won, Hung & Le 2024), so that what
# the notebook shows is what that encoder sees.
N_FFT, HOP, N_MELS = 2048, 240, 128


class LogMel:
    """Mean ("mean") and SD ("sd") over time of the log-mel spectrogram, 128 bands each.

    10 log10 of the mel power, in dB, not below -100; 0 dB is a power of 1. HTK mel bands from 0 to
    12 kHz; a step is a frame, one each 10 ms.
    """

    name, rate, min_samples, checkpoint_sha256 = "logmel", RATE, N_FFT // 2 + 1, ""

    def __init__(self, layers):
        self.layers, self.default_layer = layers, layers[0]
        self.mel = MelSpectrogram(RATE, N_FFT, hop_length=HOP, n_mels=N_MELS)

    def embed(self, waveforms):
        """(n_clips, n_samples) -> layer -> (n_clips, 128), in dB."""
        frames = [np.float64(self._decibels(waveform)) for waveform in waveforms]
        over_time = {"mean": np.mean, "sd": np.std}  # ddof=0
        return {n: np.float32([over_time[n](f, axis=1) for f in frames]) for n in self.layers}

    def sequence(self, waveform):
        """(n_samples,) -> layer -> (n_frames, 128), in dB."""
        return dict.fromkeys(self.layers, self._decibels(waveform).T)

    def _decibels(self, waveform):
        return (10 * torch.log10(self.mel(waveform).clamp(min=1e-10))).numpy()


def _logmel(*, checkpoint, layers, device, dtype):
    if checkpoint:
        raise ValueError("logmel has no weights: leave --checkpoint out")
    if (device, dtype) != ("cpu", "float32"):
        raise ValueError(f"logmel runs with --device cpu --dtype float32, not {device}, {dtype}")
    return LogMel(choose_layers(layers, ("mean", "sd"), default=("mean", "sd")))


ENCODERS = {
    "musicfm": "mer_utils.embed.musicfm:load_musicfm",
    "musicnn": "mer_utils.embed.musicnn:load_musicnn",
    "logmel": "mer_utils.embed.encoders:_logmel",
}
"""Name -> ``module:function`` that loads it; nearest to the paper first."""


def load_encoder(name, *, checkpoint=None, layers="last", device="cpu", dtype="float32"):
    """An encoder, ready to embed.

    Parameters
    ----------
    name : one of ``ENCODERS``, or "module:function" for your own.
    checkpoint : path of the weights; default: where ``mer fetch`` puts them.
    layers : "last", "all", or names of layers in a sequence.
    device : "cpu", "cuda", or "auto" (cuda where there is one).
    dtype : "float32", "bfloat16" or "float16", of the network's products; results are float32.
        "auto": see :func:`mer_utils.embed.number_format.choose_dtype`.

    Raises
    ------
    ValueError
        Unknown name, layer, device or dtype, or weights that are missing or not the encoder's.
    """
    if dtype not in ("auto", "float32", "bfloat16", "float16"):
        raise ValueError(f"dtype must be auto, float32, bfloat16 or float16, not {dtype!r}")
    module, _, function = ENCODERS.get(name, name).partition(":")
    if not function:
        known = ", ".join(ENCODERS)
        raise ValueError(f"unknown encoder {name!r}: give one of {known}, or module:function")
    try:
        load = getattr(import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"encoder {name}: cannot be imported ({error})") from error
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise ValueError("this machine has no CUDA device that torch can use: give --device cpu")
    dtype = choose_dtype(name, device) if dtype == "auto" else dtype
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
