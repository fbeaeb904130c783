"""Putting the checkpoint of the package musicnn 0.1.0 into the network of ``musicnn.py``.

The checkpoint is read straight out of the package's wheel, a ZIP file: nothing of the package is
unpacked or run.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter

import torch

from mer_utils.tensor_bundle import BundleError, read_bundle
from mer_utils.weights import WHEEL

MEMBER = "musicnn/MSD_musicnn/"  # folder of the checkpoint inside the wheel
# What TensorFlow calls a layer of each kind, and the numbers of a layer.
SCOPES = {"Conv": "conv2d", "Batc": "batch_normalization", "Line": "dense"}
KINDS = {"conv2d": {"weight": "kernel", "bias": "bias"},
         "dense": {"weight": "kernel", "bias": "bias"},
         "batch_normalization": {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean",
                                 "running_var": "moving_variance"}}  # fmt: skip


@torch.no_grad()
def fill(network, path):
    """Copy the weights in the wheel ``path`` into ``network``.

    Raises
    ------
    ValueError
        If the file is not the wheel or is damaged, or if its checkpoint is another network's:
        then it lists what is missing, what is not expected and what has another shape.
    """
    try:
        with zipfile.ZipFile(path) as wheel:
            index, data = (wheel.read(MEMBER + n) for n in (".index", ".data-00000-of-00001"))
        arrays = read_bundle(index, data, keep=lambda name: not _for_training(name))
        problems = _copy(arrays, network)
        if problems:
            raise BundleError("; ".join(problems))
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, BundleError) as error:
        reason = str(error).strip("'\"")
        mend = "get it with: mer fetch musicnn"
        raise ValueError(f"{path}: not the wheel {WHEEL}, or damaged ({reason}); {mend}") from error


def _for_training(name):
    return "Adam" in name or name.endswith("_power")


def _copy(arrays, network):
    """TensorFlow numbers the layers of a kind in the order of their making, which is ours."""
    made, problems = Counter(), []
    for module in network.modules():
        scope = SCOPES.get(type(module).__name__[:4])
        if not scope or list(module.children()):
            continue
        number, made[scope] = made[scope], made[scope] + 1
        for kind, ours in KINDS[scope].items():
            name = f"{scope}_{number}/{ours}" if number else f"{scope}/{ours}"
            if name not in arrays:
                problems.append(f"{name} is missing")
                continue
            array, target = arrays.pop(name), getattr(module, kind)
            values = _turned(torch.from_numpy(array), target.ndim)
            if values.shape == target.shape:
                target.copy_(values)
            else:
                problems.append(f"{name} has shape {array.shape}")
    return problems + [f"{name} is not expected" for name in sorted(arrays)]


def _turned(array, ndim):
    """TensorFlow puts inputs and outputs last in a kernel, torch puts outputs and inputs first."""
    if array.ndim == 4 and ndim == 3:  # a 2-D kernel over all rows: (frames, inputs, 1, outputs)
        return array[:, :, 0].permute(2, 1, 0)
    return array.permute(3, 2, 0, 1) if array.ndim == 4 else array.T if array.ndim == 2 else array
