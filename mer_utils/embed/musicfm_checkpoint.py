"""Reading MusicFM's files: the checkpoint and the statistics, each checked first.

Released is ``{"state_dict": {...}}``, every name beginning with ``model.``. Copies that people made
of it are read too: saved bare, with other prefixes, in another float format, with the newer names
of torch's weight norm, or without the tensors that no embedding needs. All shapes follow from a
few of them; so a wrong, cut or foreign file is told from a right one before anything is computed,
and all that is wrong is listed at once.
"""

import json
import pickle
import re
import warnings
from pathlib import Path

import torch
from torchaudio.functional import melscale_fbanks

PREFIX = re.compile(r"^((module|model)\.)+")
NEW_NAMES = {"parametrizations.weight.original0": "weight_g",
             "parametrizations.weight.original1": "weight_v"}  # fmt: skip
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)
UNUSED = ("linear.", "quantizer_", "cls_token", "conformer.pos_conv_embed.")  # may be missing
MEL = "preprocessor_melspec_2048.mel_stft."
ROTATION = "conformer.embed_positions.inv_freq"
COUNTER = "num_batches_tracked"
SMALL = 10**6  # numbers


def read_stats(path):
    """Mean and SD of the log-mel values, in dB, from ``msd_stats.json``."""
    path = Path(path)
    try:
        stats = json.loads(path.read_text())
        mean, sd = float(stats["melspec_2048_mean"]), float(stats["melspec_2048_std"])
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file; `{_fetch(path)}` downloads it") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path}: not MusicFM's statistics, which hold 'melspec_2048_mean' and "
            f"'melspec_2048_std' ({type(error).__name__}: {error}); `{_fetch(path)}`"
        ) from None
    if not (abs(mean) < 1e3 and 0 < sd < 1e3):
        raise ValueError(f"{path}: mean {mean:g} dB, SD {sd:g} dB cannot be right; fetch it again")
    return mean, sd


def read_checkpoint(path) -> dict[str, torch.Tensor]:
    """Tensors by name, without prefix, in float32; large ones are views of the file (mmap).

    Only tensors are unpickled (``weights_only=True``). Other float formats are converted, with a
    warning; counters may be integers. Tensors named in ``UNUSED`` may be missing.

    Raises
    ------
    ValueError
        If the file is missing or no checkpoint, or tensors are missing, unknown, misshapen or not
        numbers, or a variance is negative; the message lists them.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such checkpoint; `{_fetch(path)}` downloads it")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError, ValueError) as error:
        raise ValueError(f"{path}: {_what_is_it(path)}; fetch it again "
                         f"(torch: {str(error).splitlines()[0][:120]})") from None  # fmt: skip
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()):
        raise ValueError(f"{path}: holds no dictionary 'state_dict' of tensors; give the released "
                         "pretrained_msd.pt")  # fmt: skip
    weights, formats, problems = {}, set(), []
    for key, tensor in state.items():
        name = _plain_name(key) if isinstance(key, str) else ""
        if not name or name in weights:
            problems.append(f"name {key!r}: {'there twice' if name else 'not a name'}")
        elif not _plain_numbers(name, tensor):
            problems.append(f"not plain floats {key}: {tensor.dtype}, {tensor.layout}, "
                            f"{tensor.device}")  # fmt: skip
        else:
            weights[name] = tensor.detach()
    problems = problems or check_shapes({k: tuple(v.shape) for k, v in weights.items()})
    for name in () if problems else weights:
        stored = weights[name].contiguous()
        if stored.dtype in FLOATS[1:]:
            formats.add(str(stored.dtype).removeprefix("torch."))
            stored = _in_full(name, stored)
        # a small view that lives on would keep all of the file in memory
        weights[name] = stored.clone() if stored.numel() < SMALL else stored
        if name.endswith(COUNTER):
            continue  # unused; the released ones do not fit into float16
        if not stored.isfinite().all():
            problems.append(f"not finite {name}")
        elif name.endswith("running_var") and stored.min() < 0:
            problems.append(f"negative {name}")
    if problems:
        listed = [problem[:200] for problem in problems[:20]]
        listed = "\n  ".join(listed + [f"... {len(problems)} in all"] * (len(problems) > 20))
        raise ValueError(f"{path}: not MusicFM's tensors; give the released file\n  {listed}")
    if formats:
        text = f"{path}: stored in {', '.join(sorted(formats))}; converted to float32"
        warnings.warn(text, stacklevel=2)
    return weights


def _plain_name(key):
    """The name in the released layout: no prefix, torch's older names of weight norm."""
    name = PREFIX.sub("", key)
    for new, old in NEW_NAMES.items():
        name = name.replace(new, old)
    return name


def _plain_numbers(name, tensor):
    """Whether this is an ordinary array of floats (a counter: or integers), all of it stored."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta or tensor.is_nested:
        return False
    return tensor.dtype in FLOATS + INTEGERS * name.endswith(COUNTER) and (
        tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes()
    )


def _in_full(name, stored):
    """``stored`` in float32; constants, if they are the usual ones rounded, without the rounding.

    A rotation is position times frequency, so the error of a rounded frequency grows along the
    clip; a rounded window leaks from loud bands into quiet ones.
    """
    exact = found = stored.float()
    if name == ROTATION:
        exact = 1 / 10_000.0 ** (torch.arange(len(found)) / len(found))
    elif name == MEL + "spectrogram.window":
        exact = torch.hann_window(len(found))
    elif name == MEL + "mel_scale.fb":
        exact = melscale_fbanks(len(found), 0.0, 12_000.0, found.shape[1], 24_000)
    rounding = torch.finfo(stored.dtype).eps
    same = exact is found or torch.allclose(found, exact, rounding, min(rounding, 1e-6))
    return exact if same else found


def _fetch(path):
    return "mer fetch musicfm" + " --variant fma" * ("fma" in path.name)


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


SIZES = {  # name -> axis, and tensors that tell it
    "dim": (0, "conv.linear.bias"),
    "channels": (0, "conv.conv.0.conv2.bias"),
    "bands": (1, MEL + "mel_scale.fb"),
    "wide": (0, "conformer.layers.0.ffn1.intermediate_dense.bias"),
    "half_head": (0, ROTATION),
    "classes": (0, "linear.bias", "linear.weight", "quantizer_melspec_2048_0.codebook"),
    "neighbours": (1, "conformer.pos_conv_embed.conv.weight_v"),
    "code": (1, "quantizer_melspec_2048_0.random_projection", "quantizer_melspec_2048_0.codebook"),
}


def check_shapes(found: dict[str, tuple]) -> list[str]:
    """What is wrong with a checkpoint's tensors, one line each; [] if nothing.

    ``found`` maps a name to a shape. Sizes are read off a few tensors; all others must agree.
    """
    sizes = {size: next((found[name][axis] for name in names
                         if any(found.get(name, ())[axis : axis + 1])), None)
             for size, (axis, *names) in SIZES.items()}  # fmt: skip
    numbers = {k.split(".")[2] for k in found if k.startswith("conformer.layers.")}
    strange = numbers - set(map(str, range(len(numbers))))
    problems = [f"layers are 0, 1, 2 ... without a gap, but there is layer {n!r}" for n in strange]
    problems += [f"missing or misshapen {names[0]}" for size, (_, *names) in SIZES.items()
                 if sizes[size] is None and not names[0].startswith(UNUSED)]  # fmt: skip
    if problems:
        known = (*shapes(layers=0, **dict.fromkeys(SIZES, 0)), "conformer.layers.")
        return problems + [f"unknown {k}" for k in found if not k.startswith(known)]
    wanted = shapes(layers=len(numbers), **sizes)
    problems = [f"missing {k} {v}" for k, v in wanted.items()
                if k not in found and not k.startswith(UNUSED)]  # fmt: skip
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
        MEL + "spectrogram.window": (2048,),
        MEL + "mel_scale.fb": (1025, bands),
        "quantizer_melspec_2048_0.random_projection": (4 * bands, code),
        "quantizer_melspec_2048_0.codebook": (classes, code),
        "conv.linear.weight": (dim, channels * bands // 4),
        "conv.linear.bias": (dim,),
        ROTATION: (half_head,),
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
