"""MusicFM, the encoder whose time averages the paper reads: our own implementation, torch only.

Won, Hung & Le (ICASSP 2024, arXiv 2311.03318), the 25 Hz model trained on the Million Song
Dataset. From sound to hidden states:

1. log-mel spectrogram, 128 bands, 100 frames a second;
2. two residual convolution blocks, each halving time and frequency, and a linear layer:
   one *token* of 1,024 numbers for every 4 frames, 25 a second;
3. twelve conformer layers: each lets a token look at all others (attention) and at its
   neighbours (convolution).

The hidden states are the tokens before the first layer and after each layer. Weights are read from
the released checkpoint as it is. Everything is frozen: there is no training code here.
"""

from pathlib import Path

import torch
import torch.nn.functional as F

from mer_utils.data.dataset import sha256
from mer_utils.embed.encoders import choose_layers
from mer_utils.embed.fast_layers import Conv3x3, LayerNorm, Linear, block_end, fold_batch_norm
from mer_utils.embed.musicfm_checkpoint import read_checkpoint, read_stats
from mer_utils.embed.weights import stats_beside
from mer_utils.paths import weights_dir

RATE, N_FFT, HOP = 24_000, 2048, 240  # Hz, samples, samples
MIN_SAMPLES = N_FFT // 2 + 1  # fewer cannot be padded by reflection


def load_musicfm(checkpoint=None, stats=None, *, layers="last", device="cpu", dtype="float32"):
    """The encoder with the weights in ``checkpoint``.

    Parameters
    ----------
    checkpoint, stats : paths of ``pretrained_msd.pt`` and ``msd_stats.json``; default where ``mer
        fetch musicfm`` puts them, and beside the checkpoint: see
        :func:`mer_utils.embed.weights.stats_beside`. What is wrong with them is a ``ValueError``:
        see :mod:`mer_utils.embed.musicfm_checkpoint`.
    layers : "last", "all", or names out of "0" (the front end's output) to "12".
    device : "cpu" or "cuda".
    dtype : "float32", or "bfloat16" or (on a GPU) "float16" for matrix products. LayerNorm and
        the residual sums stay in float32.
    """
    checkpoint = Path(checkpoint or weights_dir() / "pretrained_msd.pt")
    options = {"layers": layers, "device": device, "dtype": getattr(torch, dtype)}
    weights = read_checkpoint(checkpoint)
    model = MusicFM(weights, *read_stats(stats or stats_beside(checkpoint)), **options)
    model.checkpoint_sha256 = sha256(checkpoint)
    return model


class MusicFM:
    """The frozen encoder; as an encoder of clips, see ``encoders.py``: a step is a token.

    Parameters
    ----------
    weights : dict of tensor name -> tensor, without the prefix ``model.``.
    mean, sd : floats, of log-mel values in dB.
    layers : what ``embed`` and ``sequence`` give, as in :func:`load_musicfm`.

    Attributes
    ----------
    n_layers : conformer layers (12); there is one hidden state more.
    dim : numbers per token (1,024).
    """

    name, rate, min_samples, checkpoint_sha256 = "musicfm", RATE, MIN_SAMPLES, ""

    def __init__(self, weights, mean, sd, *, layers="last", device="cpu", dtype=torch.float32):
        self.mean, self.sd, self.device = mean, sd, torch.device(device)
        place = {"device": self.device, "dtype": dtype}
        mel = "preprocessor_melspec_2048.mel_stft."
        self.window = weights[mel + "spectrogram.window"].to(device)
        self.filterbank = weights[mel + "mel_scale.fb"].to(device)
        self.blocks = [ResidualBlock(_part(weights, f"conv.conv.{i}."), place) for i in (0, 1)]
        front = _part(weights, "conv.linear.")
        self.dim, channels = len(front["bias"]), len(weights["conv.conv.1.conv2.bias"])
        # the checkpoint counts (channel, band), our arrays hold (band, channel)
        weight = front["weight"].view(self.dim, channels, -1).transpose(1, 2).flatten(1)
        self.front = Linear(weight, front["bias"], **place)
        self.frequencies = weights["conformer.embed_positions.inv_freq"].to(device)
        self.n_layers = 1 + max(int(k.split(".")[2]) for k in weights if ".layers." in k)
        parts = [_part(weights, f"conformer.layers.{i}.") for i in range(self.n_layers)]
        size = 2 * len(self.frequencies)  # of a head
        self.conformer = [ConformerLayer(part, size, place) for part in parts]
        self.layers = choose_layers(layers, tuple(map(str, range(self.n_layers + 1))))
        self.norm = LayerNorm(_part(weights, "conformer.layer_norm."), place["device"])

    @torch.inference_mode()
    def log_mel(self, waveform):
        """(batch, samples) at 24 kHz -> (batch, samples // 240 frames, 128 bands), standardised."""
        waveform = torch.as_tensor(waveform, dtype=torch.float32, device=self.device)
        if waveform.ndim != 2 or waveform.shape[1] < MIN_SAMPLES:
            raise ValueError(
                f"the waveform has shape {tuple(waveform.shape)}: give (batch, samples) with at "
                f"least {MIN_SAMPLES} samples at {RATE} Hz"
            )
        spectrum = torch.stft(waveform, N_FFT, HOP, window=self.window, return_complex=True)
        power = spectrum.abs().square().transpose(1, 2) @ self.filterbank
        decibels = 10 * torch.log10(power.clamp(min=1e-10))
        return (decibels[:, :-1] - self.mean) / self.sd

    @torch.inference_mode()
    def hidden_states(self, waveform, layers=None) -> list[torch.Tensor]:
        """Hidden states of clips of equal length, without padding.

        Parameters
        ----------
        waveform : (batch, samples), mono at 24 kHz, at least 1,025 samples.
        layers : which of 0 .. n_layers, in the order wanted; None: all. 0 is the input of the
            first conformer layer. Nothing beyond the highest one is computed.

        Returns
        -------
        list of float32 tensors, (batch, tokens, dim); tokens = ceil((samples // 240) / 4).
        """
        layers = list(range(self.n_layers + 1)) if layers is None else list(layers)
        wrong = [i for i in layers if not 0 <= i <= self.n_layers]
        if wrong or not layers:
            raise ValueError(f"layers {wrong or layers}: choose from 0 to {self.n_layers}")
        x = self.log_mel(waveform)[..., None]
        for block in self.blocks:
            x = block(x)
        x = self.front(x.flatten(2)).float()
        rotation = rotary(x.shape[1], self.frequencies)
        states = {0: x}
        for i, layer in enumerate(self.conformer[: max(layers)], start=1):
            x = layer(x, rotation)
            states[i] = self.norm(x) if i == self.n_layers else x
        return [states[i] for i in layers]

    def embed(self, waveforms):
        """(batch, samples) -> layer -> (batch, dim), means over tokens."""
        return {n: s.mean(dim=1).cpu().numpy() for n, s in self._states(waveforms).items()}

    def sequence(self, waveform):
        """(samples,) -> layer -> (tokens, dim)."""
        return {n: s[0].cpu().numpy() for n, s in self._states(waveform[None]).items()}

    def _states(self, waveforms):
        states = self.hidden_states(waveforms, [int(layer) for layer in self.layers])
        return dict(zip(self.layers, states, strict=True))


class ResidualBlock:
    """Two 3x3 convolutions beside a shortcut; time and frequency are halved."""

    def __init__(self, weights, place):
        def folded(i):  # what is stored as (frequency, time) is used as (time, frequency)
            weight = weights[f"conv{i}.weight"].transpose(2, 3)
            return fold_batch_norm(weight, weights[f"conv{i}.bias"], _part(weights, f"bn{i}."))

        (first, bias1), (second, bias2), (shortcut, bias3) = map(folded, (1, 2, 3))
        self.first = Conv3x3(first, bias1, stride=2, **place)
        self.shortcut = Conv3x3(shortcut, bias3 + bias2, stride=2, **place)
        self.second = block_end(second, **place)  # its bias is in the shortcut's

    def __call__(self, x):
        """(batch, frames, bands, channels) -> half the frames and bands."""
        return self.second.finish(self.shortcut(x), self.first(x))


class ConformerLayer:
    """Half a feed-forward step, attention, convolution, half a feed-forward step, LayerNorm."""

    def __init__(self, weights, head_dim, place):
        self.half_step1, self.half_step2 = (FeedForward(weights, i, place) for i in (1, 2))
        self.attention_norm = LayerNorm(_part(weights, "self_attn_layer_norm."), place["device"])
        self.attention = Attention(_part(weights, "self_attn."), head_dim, place)
        self.convolution = Convolution(_part(weights, "conv_module."), place)
        self.final_norm = LayerNorm(_part(weights, "final_layer_norm."), place["device"])

    def __call__(self, x, rotation):
        """(batch, tokens, dim), float32, to the same."""
        x = torch.add(x, self.half_step1(x), alpha=0.5)
        x = x + self.attention(self.attention_norm(x), rotation)
        x = x + self.convolution(x)
        x = torch.add(x, self.half_step2(x), alpha=0.5)
        return self.final_norm(x)


class FeedForward:
    """LayerNorm, linear to four times the width, swish, linear back."""

    def __init__(self, weights, i, place):
        self.norm = LayerNorm(_part(weights, f"ffn{i}_layer_norm."), place["device"])
        wide, back = (_part(weights, f"ffn{i}.{n}_dense.") for n in ("intermediate", "output"))
        self.wide = Linear(wide["weight"], wide["bias"], swish=True, **place)
        self.back = Linear(back["weight"], back["bias"], **place)

    def __call__(self, x):
        return self.back(self.wide(self.norm(x)))


class Attention:
    """Multi-head attention; positions enter as rotations of the *input* of q and k."""

    def __init__(self, weights, head_dim, place):
        self.head_dim = head_dim
        self.q, self.k, self.v, self.out = (
            Linear(weights[f"linear_{n}.weight"], weights[f"linear_{n}.bias"], **place)
            for n in ("q", "k", "v", "out")
        )

    def __call__(self, x, rotation):
        cos, sin = rotation
        heads = x.unflatten(-1, (-1, self.head_dim))
        left, right = heads.chunk(2, dim=-1)
        turned = (heads * cos + torch.cat([-right, left], dim=-1) * sin).flatten(2)
        q, k, v = (
            part.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for part in (self.q(turned), self.k(turned), self.v(x))
        )
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Convolution:
    """Each token looks at its neighbours: gate, 31 taps along time per channel, swish."""

    def __init__(self, weights, place):
        self.norm = LayerNorm(_part(weights, "layer_norm."), place["device"])
        self.gate = Linear(weights["pointwise_conv1.weight"][..., 0], **place)
        norm, no_bias = _part(weights, "batch_norm."), torch.tensor(0.0)
        taps, bias = fold_batch_norm(weights["depthwise_conv.weight"], no_bias, norm)
        # (dim, 1, 1, taps), channels last: the layout in which tokens already lie in memory
        # in float32: for bfloat16, oneDNN 3.10 never returns at some lengths (50 tokens)
        taps = taps[:, :, None].to(place["device"])
        self.taps = taps.contiguous(memory_format=torch.channels_last)
        self.bias = bias.to(place["device"])
        self.back = Linear(weights["pointwise_conv2.weight"][..., 0], **place)

    def __call__(self, x):
        x = F.glu(self.gate(self.norm(x)).float(), dim=-1).transpose(1, 2)[:, :, None]
        padding = (0, self.taps.shape[-1] // 2)
        x = F.conv2d(x, self.taps, self.bias, padding=padding, groups=len(self.taps))
        return self.back(F.silu(x[:, :, 0].transpose(1, 2)))


def rotary(tokens, frequencies):
    """Cosines and sines, (tokens, 1, 2 n_frequencies), for rotating pairs (Su et al. 2021)."""
    angle = torch.arange(tokens, device=frequencies.device)[:, None] * frequencies
    angle = torch.cat([angle, angle], dim=-1)[:, None]
    return angle.cos(), angle.sin()


def _part(weights, prefix):
    """The tensors under ``prefix``, named without it."""
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}
