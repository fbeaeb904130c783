"""Reading MusicFM's released files: the checkpoint and the statistics, each checked first.

The checkpoint is ``{"state_dict": {...}}``, every name beginning with ``model.``. All shapes
follow from a few of them; so a wrong, cut or foreign file is told from a right one before
anything is computed, and all that is wrong is listed at once.
"""

import json
import pickle
from pathlib import Path

import torch

PREFIX = "model."
SMALL = 10**6  # numbers


def read_stats(path):
    """Mean and SD of the log-mel values, in dB, from ``msd_stats.json``."""
    path = Path(path)
    try:
        stats = json.loads(path.read_text())
        mean, sd = float(stats["melspec_2048_mean"]), float(stats["melspec_2048_std"])
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; `mer fetch musicfm` downloads it") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path}: not MusicFM's statistics, which hold 'melspec_2048_mean' and "
            f"'melspec_2048_std' ({type(error).__name__}: {error}); `mer fetch musicfm`"
        ) from None
    if not (abs(mean) < 1e3 and 0 < sd < 1e3):
        raise ValueError(f"{path}: mean {mean:g} dB, SD {sd:g} dB cannot be right; fetch it again")
    return mean, sd


def read_checkpoint(path) -> dict[str, torch.Tensor]:
    """Tensors by name, without the prefix ``model.``; large ones are views of the file (mmap).

    Only tensors are unpickled (``weights_only=True``). Float and integer counters are accepted.

    Raises
    ------
    ValueError
        If the file is missing or no checkpoint, or tensors are missing, unknown, misshapen or not
        numbers; the message lists them.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such checkpoint; `mer fetch musicfm` downloads it")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise ValueError(f"{path}: {_what_is_it(path)}; fetch it again "
                         f"(torch: {str(error).splitlines()[0][:120]})") from None  # fmt: skip
    state = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"{path}: holds no dictionary 'state_dict' of tensors; give the released "
                         "pretrained_msd.pt")  # fmt: skip
    weights = {k.removeprefix(PREFIX): v for k, v in state.items() if k.startswith(PREFIX)}
    problems = [f"unknown {k}" for k in state if not k.startswith(PREFIX)]
    problems += check_shapes({k: tuple(v.shape) for k, v in weights.items()})
    if not problems:
        problems = [f"not finite {k}" for k, v in weights.items() if not v.isfinite().all()]
    if problems:
        listed = "\n  ".join(problems[:20] + [f"... {len(problems)} in all"] * (len(problems) > 20))
        raise ValueError(f"{path}: not MusicFM's tensors; give the released file\n  {listed}")
    # a small view that lives on would keep all of the file in memory
    return {k: v.clone() if v.numel() < SMALL else v for k, v in weights.items()}


def _what_is_it(path):
    with open(path, "rb") as file:
        start = file.read(256).lstrip().lower()
    if not start:
        return "an empty file"
    if start.startswith((b"<!doctype", b"<html", b"<?xml", b"{")):
        return "a web page or message in place of a checkpoint"
    if start.startswith(b"version https://git-lfs"):
        return "a pointer to a large file in place of the file"
    if start.startswith(b"pk"):
        return "a checkpoint that is cut short or damaged"
    return "not a checkpoint"


def check_shapes(found: dict[str, tuple]) -> list[str]:
    """What is wrong with a checkpoint's tensors, one line each; [] if nothing.

    ``found`` maps a name to a shape. Sizes are read off five tensors; all others must agree.
    """
    try:
        sizes = {
            "dim": found["conv.linear.bias"][0],
            "channels": found["conv.conv.0.conv2.bias"][0],
            "bands": found["preprocessor_melspec_2048.mel_stft.mel_scale.fb"][1],
            "wide": found["conformer.layers.0.ffn1.intermediate_dense.bias"][0],
            "classes": found["linear.bias"][0],
            "half_head": found["conformer.embed_positions.inv_freq"][0],
            "neighbours": found["conformer.pos_conv_embed.conv.weight_v"][1],
            "code": found["quantizer_melspec_2048_0.random_projection"][1],
        }
    except (KeyError, IndexError) as error:
        return [f"missing or misshapen {error}"]
    numbers = {k.split(".")[2] for k in found if k.startswith("conformer.layers.")}
    layers = 1 + max((int(n) for n in numbers if n.isdecimal()), default=0)
    wanted = shapes(layers=layers, **sizes)
    problems = [f"missing {k} {v}" for k, v in wanted.items() if k not in found]
    problems += [f"unknown {k} {v}" for k, v in found.items() if k not in wanted]
    problems += [f"misshapen {k}: {found[k]}, expected {v}"
                 for k, v in wanted.items() if k in found and found[k] != v]  # fmt: skip
    if sizes["dim"] % (2 * sizes["half_head"]):
        problems.append(f"{sizes['dim']} numbers per token cannot be split into heads of "
                        f"{2 * sizes['half_head']}")  # fmt: skip
    return problems


def shapes(*, layers, dim, channels, bands, wide, classes, half_head, neighbours, code):
    """Name and shape of every tensor of the released layout, for a model of these sizes."""
    out = {
        "cls_token": (dim,),
        "preprocessor_melspec_2048.mel_stft.spectrogram.window": (2048,),
        "preprocessor_melspec_2048.mel_stft.mel_scale.fb": (1025, bands),
        "quantizer_melspec_2048_0.random_projection": (4 * bands, code),
        "quantizer_melspec_2048_0.codebook": (classes, code),
        "conv.linear.weight": (dim, channels * bands // 4),
        "conv.linear.bias": (dim,),
        "conformer.embed_positions.inv_freq": (half_head,),
        "conformer.pos_conv_embed.conv.bias": (dim,),
        "conformer.pos_conv_embed.conv.weight_g": (1, 1, 128),
        "conformer.pos_conv_embed.conv.weight_v": (dim, neighbours, 128),
        "linear.weight": (classes, dim),
        "linear.bias": (classes,),
    }
    for block, n_in in ((0, 1), (1, channels)):
        for i, n in ((1, n_in), (2, channels), (3, n_in)):
            out[f"conv.conv.{block}.conv{i}.weight"] = (channels, n, 3, 3)
            out[f"conv.conv.{block}.conv{i}.bias"] = (channels,)
            out |= _norm(f"conv.conv.{block}.bn{i}.", channels, batch=True)
    for i in range(layers):
        at = f"conformer.layers.{i}."
        for ffn in ("ffn1.", "ffn2."):
            out |= _linear(at + ffn + "intermediate_dense.", wide, dim)
            out |= _linear(at + ffn + "output_dense.", dim, wide)
        for name in ("q", "k", "v", "out"):
            out |= _linear(at + f"self_attn.linear_{name}.", dim, dim)
        for name in ("ffn1_layer_norm", "self_attn_layer_norm", "conv_module.layer_norm",
                     "ffn2_layer_norm", "final_layer_norm"):  # fmt: skip
            out |= _norm(at + name + ".", dim)
        out[at + "conv_module.pointwise_conv1.weight"] = (2 * dim, dim, 1)
        out[at + "conv_module.depthwise_conv.weight"] = (dim, 1, 31)
        out[at + "conv_module.pointwise_conv2.weight"] = (dim, dim, 1)
        out |= _norm(at + "conv_module.batch_norm.", dim, batch=True)
    return out | _norm("conformer.layer_norm.", dim)


def _linear(at, n_out, n_in):
    return {at + "weight": (n_out, n_in), at + "bias": (n_out,)}


def _norm(at, size, batch=False):
    names = ("weight", "bias", "running_mean", "running_var")[: 4 if batch else 2]
    out = {at + name: (size,) for name in names}
    return out | {at + "num_batches_tracked": ()} if batch else out
