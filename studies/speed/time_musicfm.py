"""Our MusicFM against the same arithmetic written plainly.

``python studies/speed/time_musicfm.py --out results/speed/musicfm.csv`` makes the kept table.

``plain_hidden_states`` is MusicFM as a textbook would write it: softmax attention by hand,
BatchNorm as a step of its own, ``F.linear``, channels before time. It is the reference for the
speed and, on weights that nobody has trained, for the values. Both run in turn in one process, so
that a drift of the machine's speed touches both. Times belong to one machine.

What was tried and did not help is in ``book/speed.md``.
"""

import argparse
import math
import platform
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from time_training import matmul_peak
from torch.utils.flop_counter import FlopCounterMode
from torchaudio.functional import melscale_fbanks
from tqdm import tqdm

from mer_utils.embed.fast_layers import has_products
from mer_utils.embed.musicfm import HOP, N_FFT, RATE, MusicFM
from mer_utils.embed.musicfm_checkpoint import shapes
from mer_utils.paths import write_atomically

# The sizes of the released model, and its log-mel statistics (msd_stats.json).
FULL_SIZE = {
    "layers": 12, "dim": 1024, "channels": 512, "bands": 128, "wide": 4096, "classes": 4096,
    "half_head": 32, "neighbours": 64, "code": 16,
}  # fmt: skip
MEL_MEAN, MEL_SD = 6.768444971712967, 18.417922652295623
MEL = "preprocessor_melspec_2048.mel_stft."


def random_weights(seed=0, **sizes) -> dict[str, torch.Tensor]:
    """Random weights in the layout of the released checkpoint, without the prefix ``model.``.

    Scaled so that numbers keep their size from layer to layer; BatchNorm statistics are away
    from 0 and 1. ``sizes`` replace those in ``FULL_SIZE``.
    """
    sizes = FULL_SIZE | sizes
    draw = torch.Generator().manual_seed(seed)
    out = {}
    for name, shape in shapes(**sizes).items():
        if name.endswith("num_batches_tracked"):
            out[name] = torch.zeros(())
        elif name.endswith("running_var"):
            out[name] = 0.5 + torch.rand(shape, generator=draw)
        elif "norm" in name or ".bn" in name or len(shape) == 1:
            out[name] = 0.2 * torch.randn(shape, generator=draw) + name.endswith("weight")
        else:
            fan_in = math.prod(shape[1:])
            out[name] = torch.randn(shape, generator=draw) * 1.2 / fan_in**0.5
    half = sizes["half_head"]
    out["conformer.embed_positions.inv_freq"] = 10_000.0 ** -(torch.arange(half) / half)
    out[MEL + "spectrogram.window"] = torch.hann_window(N_FFT)
    out[MEL + "mel_scale.fb"] = melscale_fbanks(N_FFT // 2 + 1, 0.0, RATE / 2, sizes["bands"], RATE)
    return out


@torch.inference_mode()
def plain_hidden_states(weights, waveform, mean=MEL_MEAN, sd=MEL_SD) -> list[torch.Tensor]:
    """All hidden states, (batch, tokens, dim), float32, of ``waveform`` (batch, samples)."""
    w = weights

    def linear(name, x):
        return F.linear(x, w[name + ".weight"], w[name + ".bias"])

    def layer_norm(name, x):
        return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], 1e-5)

    def batch_norm(name, x):
        parts = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(x, *parts)

    def convolution(name, bn, x, stride):
        return batch_norm(bn, F.conv2d(x, w[name + ".weight"], w[name + ".bias"], stride, 1))

    def feed_forward(name, x):
        x = linear(name + ".intermediate_dense", layer_norm(name + "_layer_norm", x))
        return linear(name + ".output_dense", F.silu(x))

    window = w[MEL + "spectrogram.window"]
    x = torch.stft(waveform, N_FFT, HOP, window=window, return_complex=True).abs().pow(2)
    x = (x.transpose(1, 2) @ w[MEL + "mel_scale.fb"]).transpose(1, 2)[..., :-1]
    x = ((10 * torch.log10(x.clamp(min=1e-10)) - mean) / sd)[:, None]
    for at in ("conv.conv.0.", "conv.conv.1."):
        y = F.relu(convolution(at + "conv1", at + "bn1", x, 2))
        y = convolution(at + "conv2", at + "bn2", y, 1)
        x = F.relu(y + convolution(at + "conv3", at + "bn3", x, 2))
    x = linear("conv.linear", x.permute(0, 3, 1, 2).flatten(2))
    states = [x]
    frequencies = w["conformer.embed_positions.inv_freq"]
    angle = (torch.arange(x.shape[1])[:, None] * frequencies).repeat(1, 2)[:, None]
    size = angle.shape[-1]
    for i in range(sum(name.endswith("final_layer_norm.bias") for name in w)):
        at = f"conformer.layers.{i}."
        x = x + 0.5 * feed_forward(at + "ffn1", x)

        y = layer_norm(at + "self_attn_layer_norm", x)
        heads = y.unflatten(-1, (-1, size))
        left, right = heads.chunk(2, dim=-1)
        turned = heads * angle.cos() + torch.cat([-right, left], dim=-1) * angle.sin()
        q, k, v = (
            linear(at + f"self_attn.linear_{n}", z).unflatten(-1, (-1, size)).transpose(1, 2)
            for n, z in (("q", turned.flatten(2)), ("k", turned.flatten(2)), ("v", y))
        )
        share = torch.softmax(q @ k.transpose(-1, -2) / size**0.5, dim=-1)
        x = x + linear(at + "self_attn.linear_out", (share @ v).transpose(1, 2).flatten(2))

        y = layer_norm(at + "conv_module.layer_norm", x).transpose(1, 2)
        y = F.glu(F.conv1d(y, w[at + "conv_module.pointwise_conv1.weight"]), dim=1)
        taps = w[at + "conv_module.depthwise_conv.weight"]
        y = F.conv1d(y, taps, padding=taps.shape[-1] // 2, groups=len(taps))
        y = F.silu(batch_norm(at + "conv_module.batch_norm", y))
        x = x + F.conv1d(y, w[at + "conv_module.pointwise_conv2.weight"]).transpose(1, 2)

        x = x + 0.5 * feed_forward(at + "ffn2", x)
        x = layer_norm(at + "final_layer_norm", x)
        states.append(x)
    states[-1] = layer_norm("conformer.layer_norm", x)
    return states


def relative_error(states, reference) -> float:
    """Largest of ||difference|| / ||reference|| over the hidden states."""
    pairs = zip(states, reference, strict=True)
    return max(((a.cpu() - b).norm() / b.norm()).item() for a, b in pairs)


def bench_musicfm(seconds=(10, 45), repeats=5, seed=0, **sizes) -> list[dict]:
    """Time plain, ours in float32 and, where the processor has it, in bfloat16; print a table.

    Parameters
    ----------
    seconds : lengths of the clip (noise; the time does not depend on what is heard).
    sizes : as in :func:`random_weights`; the released model's if not given.
    repeats : rounds; the table shows the fastest of each and the median ratio over rounds.

    Returns
    -------
    list of dict, one for each length and variant: ``seconds``, ``variant``, ``best_s``, ``ratio``
    (plain over ours, fastest each; higher is better), ``median_ratio``, ``error``,
    ``peak_share`` (time that the plain arithmetic would take at the measured matmul peak over
    the time taken; Winograd's saving can lift it above 1).
    """
    weights = random_weights(seed, **sizes)
    formats = [d for d in (torch.float32, torch.bfloat16) if has_products(d)]
    encoders = {
        f"ours, {str(d).removeprefix('torch.')}": MusicFM(weights, MEL_MEAN, MEL_SD, dtype=d)
        for d in formats
    }
    size = "other" if sizes else "full"
    print(f"MusicFM, {size} size, random weights; {machine()}; fastest of {repeats}")
    rows = []
    for length in seconds:
        waveform = 0.1 * torch.randn(1, length * RATE, generator=torch.Generator().manual_seed(1))
        ways = {"plain": lambda w=waveform: plain_hidden_states(weights, w)}
        for name, encoder in encoders.items():
            ways[name] = lambda w=waveform, e=encoder: e.hidden_states(w)
        with FlopCounterMode(display=False) as counter:
            reference = ways["plain"]()
        error = {name: relative_error(way(), reference) for name, way in ways.items()}
        times = {name: [] for name in ways}
        peak = dict.fromkeys(formats, 0.0)
        for _ in tqdm(range(repeats), desc=f"{length} s clip", leave=False, disable=None):
            peak = {dtype: max(best, matmul_peak(dtype)) for dtype, best in peak.items()}
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                times[name].append(time.perf_counter() - start)
        print(f"\n{length} s clip: {counter.get_total_flops() / 1e9:.0f} GFLOP written plainly; "
              "matmul peak in GFLOP/s: "
              + ", ".join(f"{p / 1e9:.0f} in {str(d)[6:]}" for d, p in peak.items()))  # fmt: skip
        print(f"{'':16}{'seconds':>9}{'ratio':>8}{'median':>8}{'error':>10}{'of peak':>9}")
        for name, took in times.items():
            top = peak[torch.bfloat16 if "bfloat16" in name else torch.float32]
            row = {
                "seconds": length,
                "variant": name,
                "best_s": min(took),
                "ratio": min(times["plain"]) / min(took),
                "median_ratio": float(np.median(np.divide(times["plain"], took))),
                "error": error[name],
                "peak_share": counter.get_total_flops() / top / min(took),
            }
            rows.append(row)
            print(f"{name:16}{row['best_s']:9.2f}{row['ratio']:8.2f}{row['median_ratio']:8.2f}"
                  f"{row['error']:10.1e}{row['peak_share']:9.2f}")  # fmt: skip
    return rows


def write_bench(rows, path):
    """Write the rows of :func:`bench_musicfm` as CSV, and what machine they belong to as .txt."""
    table = pd.DataFrame(rows)
    numbers = table.columns.drop(["seconds", "variant"])
    table[numbers] = table[numbers].map("{:.3g}".format)
    with write_atomically(path) as temporary:
        table.to_csv(temporary, index=False)
    with write_atomically(Path(path).with_suffix(".txt")) as temporary:
        temporary.write_text(machine() + "\n")


def machine() -> str:
    """Processor, threads and version of torch, in one line."""
    return f"{processor()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def processor() -> str:
    """The processor's name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def main(arguments=None) -> int:
    """1 if the error is above 5e-6 in float32 or 1e-2 in bfloat16."""
    ask = argparse.ArgumentParser(
        description="Time MusicFM (random weights of full size: no download) and the same "
        "arithmetic written plainly."
    )
    ask.add_argument("--seconds", type=int, nargs="+", default=[10, 45], help="lengths of the clip")
    ask.add_argument("--repeats", type=int, default=5)
    ask.add_argument("--out", help="write the table to this CSV file too")
    given = ask.parse_args(arguments)
    rows = bench_musicfm(given.seconds, given.repeats)
    if given.out:
        write_bench(rows, given.out)
    limit = {"ours, float32": 5e-6, "ours, bfloat16": 1e-2}
    return int(any(row["error"] > limit.get(row["variant"], 1) for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
