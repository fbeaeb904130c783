"""float32 or bfloat16? What ``dtype="auto"`` takes on this machine.

bfloat16 rounds to about three digits. Processors and GPUs with units for it are several times as
fast in it; others imitate it and are slower.
"""

import time
from functools import lru_cache

import torch

from mer_utils.embed.fast_layers import Linear

CLEARLY = 1.5  # times as fast: what bfloat16 must be, so that its rounding is worth it


def choose_dtype(encoder: str, device: str = "cpu") -> str:
    """``"bfloat16"`` where it is clearly faster for ``encoder``, else ``"float32"``.

    MusicFM's time goes into matrix products. On a CPU a small one is timed in both formats, once in
    a process; a GPU is asked whether it has units for bfloat16. All other encoders get float32:
    they take nothing else, or have little to gain.
    """
    if encoder != "musicfm":
        return "float32"
    if device != "cpu" and torch.cuda.is_available():
        native = torch.cuda.get_device_capability(None if device == "auto" else device) >= (8, 0)
        return "bfloat16" if native else "float32"
    return "bfloat16" if speed_up() > CLEARLY else "float32"


def slow_dtype(encoder: str, dtype: str, device: str = "cpu") -> str:
    """A clause that says so if ``dtype`` is the slow one on this CPU; else ``""``.

    "bfloat16 is slow on this processor: a matrix product takes 2.3 times as long as in float32"
    """
    if dtype == "float16" and device == "cpu":
        return "float16 is slow on processors: it is made for GPUs"
    other = {"bfloat16": "float32", "float32": "bfloat16"}.get(dtype)
    on_gpu = device != "cpu" and torch.cuda.is_available()
    if encoder != "musicfm" or not other or on_gpu or not speed_up():
        return ""
    times = speed_up() if dtype == "float32" else 1 / speed_up()
    what = f"{dtype} is slow on this processor: a matrix product takes {times:.1f} times as long"
    return f"{what} as in {other}" if times > CLEARLY else ""


@lru_cache
def speed_up() -> float:
    """How many times as fast a small matrix product is in bfloat16 as in float32, on the CPU.

    0 if torch has no such product for this processor. Fastest of 20 each, in turn, on one thread:
    several wait for each other where other programs run too.
    """
    threads, formats = torch.get_num_threads(), (torch.float32, torch.bfloat16)
    x, weight, times = torch.ones(64, 1024), torch.ones(1024, 1024), ([], [])
    torch.set_num_threads(1)
    try:
        layers = [Linear(weight, dtype=dtype) for dtype in formats]
        for _ in range(20):
            for layer, taken in zip(layers, times, strict=True):
                start = time.perf_counter()
                layer(x)
                taken.append(time.perf_counter() - start)
    except RuntimeError:  # oneDNN has no bfloat16 for old processors
        return 0.0
    finally:
        torch.set_num_threads(threads)
    return min(times[0]) / min(times[1])
