"""Putting the weights of the package musicnn 0.1.0 into the network of ``musicnn.py``.

They are read straight out of the package's wheel: nothing of it is unpacked or run. TensorFlow's
data file there holds float32 numbers alone, tensor after tensor in the order of their names. The
wheel is one known file, so the network's own names and shapes say where each tensor lies.
"""

import zipfile
from collections import Counter
from math import prod

import numpy as np
import torch
from torch import nn

DATA = "musicnn/MSD_musicnn/.data-00000-of-00001"
# What TensorFlow calls a layer of each kind, and the numbers of a layer.
CONV, NORM, DENSE = "conv2d", "batch_normalization", "dense"
SCOPES = {nn.Conv1d: CONV, nn.Conv2d: CONV, nn.Linear: DENSE,
          nn.BatchNorm1d: NORM, nn.BatchNorm2d: NORM}  # fmt: skip
NAMES = {CONV: {"weight": "kernel", "bias": "bias"}, DENSE: {"weight": "kernel", "bias": "bias"},
         NORM: {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean",
                "running_var": "moving_variance"}}  # fmt: skip


@torch.no_grad()
def fill(network, wheel):
    """Copy the weights in ``wheel``, a path, into ``network``; the caller checks its SHA-256."""
    with zipfile.ZipFile(wheel) as archive:
        numbers = torch.from_numpy(np.frombuffer(archive.read(DATA), "<f4").copy())
    targets, shapes = _targets(network), {"beta1_power": (), "beta2_power": ()}
    for name, target in targets.items():
        shapes[name] = _theirs(target).shape
        if not name.rpartition("/")[2].startswith("moving"):  # what training remembered of it
            shapes |= {f"{name}/{moment}": shapes[name] for moment in ("Adam", "Adam_1")}
    names = sorted(shapes)
    parts = numbers.split([prod(shapes[name]) for name in names])
    for name, part in zip(names, parts, strict=True):
        if name in targets:
            _theirs(targets[name]).copy_(part.view(shapes[name]))


def _targets(network) -> dict:
    """TensorFlow's name -> our tensor. It numbers the layers of a kind as they are made."""
    made, targets = Counter(), {}
    for module in network.modules():
        if scope := SCOPES.get(type(module)):
            at = f"{scope}_{made[scope]}" if made[scope] else scope
            made[scope] += 1
            targets |= {f"{at}/{n}": getattr(module, ours) for ours, n in NAMES[scope].items()}
    return targets


def _theirs(tensor):
    """A view with the axes as TensorFlow has them: inputs and outputs are last in a kernel."""
    if tensor.ndim == 3:  # there it is a 2-D kernel over all rows: (frames, inputs, 1, outputs)
        return tensor.permute(2, 1, 0)[:, :, None]
    return tensor.permute(2, 3, 1, 0) if tensor.ndim == 4 else tensor.t()
