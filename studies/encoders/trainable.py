"""Encoders that can be trained: musicnn with its weights or without, and a small network.

An encoder takes windows of clips, (batch, ...), and gives (batch, ``size``). What it takes depends
on how much of it is trained: what lies below does not change, and is computed once.

Most of the time in training musicnn goes into its first layer, where a filter is laid on each of
30 to 96 places along the frequencies and the *largest* answer is kept. Only that place learns.
:class:`Largest` computes the same, with a gradient at that place alone: a step takes a fifth of the
time (`python studies/encoders/trainable.py` measures both). BatchNorm is held: its statistics are
those that came with the weights, or, from random weights, those of the first windows.
"""

import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mer_utils.embed.fast_layers import Linear
from mer_utils.embed.musicnn import FRAMES, N_MELS, Network

SIZE = 200
"""Numbers of musicnn's penultimate layer."""


class Largest(torch.autograd.Function):
    """The largest answer of each filter over all places along the frequencies.

    ``x`` (batch, frames + f - 1, bands), ``weight`` (n, f, height): the largest of the ``bands -
    height + 1`` answers, (batch, n, frames). Gives the gradient of ``weight`` alone.
    """

    @staticmethod
    def forward(ctx, x, weight):
        """Shapes as the class says."""
        (n, f, height), frames = weight.shape, x.shape[1] - weight.shape[1] + 1
        places, answers_of = x.shape[2] - height + 1, Linear(weight.flatten(1), device=x.device)
        out = x.new_empty(len(x), n, frames)
        at = torch.empty(out.shape, dtype=torch.long, device=x.device)
        stretches = x.new_empty(frames * places, f * height)
        for b, one in enumerate(x):
            answers = answers_of(lay(one, f, height, stretches))
            largest, place = answers.view(frames, places, n).max(1)
            out[b], at[b] = largest.T, place.T
        ctx.save_for_backward(x, at)
        ctx.shape = weight.shape
        return out

    @staticmethod
    def backward(ctx, gradient):
        """A sparse matrix picks the stretch of ``x`` at the largest answers."""
        x, at = ctx.saved_tensors
        (n, f, height), frames = ctx.shape, gradient.shape[2]
        places = x.shape[2] - height + 1
        rows = torch.arange(0, n * frames + 1, frames, device=x.device)
        first = places * torch.arange(frames, device=x.device)
        stretches = x.new_empty(frames * places, f * height)
        total = x.new_zeros(n, f * height)
        for one, where, g in zip(x, at, gradient, strict=True):
            picked = torch.sparse_csr_tensor(
                rows, (first + where).flatten(), g.flatten(), (n, len(stretches)),
                check_invariants=False,
            )  # fmt: skip
            total += picked @ lay(one, f, height, stretches)
        return None, total.view(n, f, height)


def lay(x, f, height, into):
    """Each stretch of ``x`` (frames, bands) under a filter as a row of ``into``, which is filled.

    One piece of memory for all windows: asking for a new one each time costs more than to fill it.
    """
    stretches = x.unfold(1, height, 1).unfold(0, f, 1).mT
    into.view(stretches.shape).copy_(stretches)
    return into


def held(norm, x):
    """BatchNorm with its stored statistics, of any (batch, channels, frames)."""
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return (x - norm.running_mean[:, None]) * scale[:, None] + norm.bias[:, None]


def filters(layer, x, settle=False):
    """A layer of the front end, (batch, frames, bands) -> (batch, n, frames).

    BatchNorm follows the largest answer here and precedes it in the network. It is the same, where
    a filter with a negative scale keeps its *smallest* answer. ``settle`` sets its statistics.
    """
    weight, norm = layer.convolution.weight[:, 0], layer.norm
    sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)
    x = F.pad(x, (0, 0, *layer.padding[2:]))
    answers = Largest.apply(x, weight * sign[:, None, None]) * sign[:, None]
    answers = F.relu(answers + layer.convolution.bias[:, None])
    if settle:
        norm.running_mean, norm.running_var = answers.mean((0, 2)), answers.var((0, 2))
    return held(norm, answers)


def front(network, log_mel, settle=False):
    """Log-mel (batch, 187, 96) -> the front end's features, (batch, 561, 187)."""
    norm = network.norm  # of one channel, the sound itself: never trained
    if settle:
        norm.running_mean, norm.running_var = log_mel.mean()[None], log_mel.var()[None]
    x = held(norm, log_mel[:, None].flatten(2)).detach().view_as(log_mel)
    return torch.cat([filters(layer, x, settle) for layer in network.front], dim=1)


def along(layer, x, settle):
    """A middle layer."""
    answers = F.relu(layer.convolution(F.pad(x, layer.padding)))
    if settle:
        norm = layer.norm
        norm.running_mean, norm.running_var = answers.mean((0, 2)), answers.var((0, 2))
    return held(layer.norm, answers)


def after_front(network, features, settle=False):
    """From (batch, 561, 187) to the penultimate layer (batch, 200) and all (batch, 753, 187)."""
    first = along(network.middle[0], features, settle)
    second = first + along(network.middle[1], first, settle)
    third = second + along(network.middle[2], second, settle)
    frames = torch.cat([features, first, second, third], dim=1)
    pooled = torch.stack([frames.amax(2), frames.mean(2)], dim=2).flatten(1)
    for norm, layer in ((network.pooled_norm, network.dense), (network.dense_norm, None)):
        if settle:
            norm.running_mean, norm.running_var = pooled.mean(0), pooled.var(0)
        pooled = held(norm, pooled[..., None])[..., 0]
        pooled = F.relu(layer(pooled)) if layer else pooled
    return pooled, frames


class Musicnn(nn.Module):
    """musicnn, trained from the log-mel on (``part`` "all") or above its front end ("last")."""

    size = SIZE

    def __init__(self, network, part):
        super().__init__()
        self.network, self.part = network, part
        network.norm.requires_grad_(False)
        network.tags.requires_grad_(False)
        if part == "last":
            network.front.requires_grad_(False)

    def forward(self, x, settle=False):
        """(batch, 187, 96), or (batch, 561, 187) where the last layers are trained."""
        features = front(self.network, x, settle) if self.part == "all" else x
        return after_front(self.network, features, settle)[0]


class Frozen(nn.Module):
    """Nothing is trained: features as they are, (batch, size)."""

    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        """As the class says."""
        return x


class Small(nn.Module):
    """Four 3x3 convolutions with BatchNorm, ReLU and pooling, then mean and maximum over time.

    (batch, 187, 96) -> (batch, 192); fewer than 100,000 weights.
    """

    size = 192

    def __init__(self):
        super().__init__()
        widths, layers = (1, 16, 32, 64, 96), []
        for before, after in zip(widths, widths[1:], strict=False):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.norm, self.layers = nn.BatchNorm2d(1), nn.Sequential(*layers)

    def forward(self, x):
        """Shapes as the class says."""
        x = self.layers(self.norm(x[:, None])).mean(3)  # over frequencies
        return torch.cat([x.mean(2), x.amax(2)], dim=1)


def random_musicnn(log_mel, seed) -> Network:
    """The network of musicnn from random weights; BatchNorm has the statistics of ``log_mel``.

    The statistics are set layer by layer, as in Mishkin & Matas (2016), "All you need is a good
    init".
    """
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Network()
    with torch.no_grad():
        after_front(network, front(network, log_mel, settle=True), settle=True)
    return network


def main(batch=4):
    """Seconds a window: a training step of the front end, as it stands and as here."""
    torch.set_num_threads(1)
    network = Network().eval()
    x = torch.from_numpy(np.random.default_rng(0).random((batch, FRAMES, N_MELS), np.float32))

    def plain():
        return torch.cat([layer(network.norm(x[:, None])) for layer in network.front], dim=1)

    for name, way in (("plain", plain), ("here", lambda: front(network, x))):
        begin = time.perf_counter()
        way().square().mean().backward()
        print(f"{name:6} {(time.perf_counter() - begin) / batch:.3f} s a window, one thread")


if __name__ == "__main__":
    main()
