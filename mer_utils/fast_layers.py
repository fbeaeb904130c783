"""Layers with frozen weights, arranged once so that they run fast: linear, 3x3 convolution.

Nothing here knows MusicFM. Each class takes plain weights, rearranges them for the device and
the number format in use, and computes what ``F.linear`` or ``F.conv2d`` computes.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch
import torch.nn.functional as F

from mer_utils.winograd import Winograd3x3


class Linear:
    """``x @ weight.T + bias``, then swish if asked, with a weight packed for the processor.

    On a CPU, packing is done by MKL on Intel's processors (float32 only; for one number of
    rows, so again when that changes) and by oneDNN on others: each is the faster one there.
    Where torch has neither, nothing is packed.

    Parameters
    ----------
    weight : (n_out, n_in)
    bias : (n_out,) or None
    swish : apply ``x * sigmoid(x)`` to the output.
    device, dtype : where, and in which format, the product is done.
    """

    def __init__(self, weight, bias=None, *, swish=False, device="cpu", dtype=torch.float32):
        self.dtype, self.swish = dtype, swish
        self.weight = weight.to(device, dtype).contiguous()
        self.bias = None if bias is None else bias.to(device, dtype)
        self.packed, self.rows = None, None
        here = self.weight.is_cpu
        self.mkl = here and dtype == torch.float32 and torch.backends.mkl.is_available() and intel()
        if here and not self.mkl and torch.backends.mkldnn.is_available():
            self.packed = torch.ops.mkldnn._reorder_linear_weight(self.weight)
            self.weight = None

    def __call__(self, x):
        """(..., n_in) in any format -> (..., n_out) in ``dtype``."""
        x = x.to(self.dtype)
        if self.weight is None:
            after = "swish" if self.swish else "none"
            return torch.ops.mkldnn._linear_pointwise(x, self.packed, self.bias, after, [], "")
        if self.mkl:
            rows = x.numel() // x.shape[-1]
            if rows != self.rows:
                self.packed = torch.ops.mkl._mkl_reorder_linear_weight(self.weight, rows)
                self.rows = rows
            x = torch.ops.mkl._mkl_linear(x, self.packed, self.weight, self.bias, rows)
        else:
            x = F.linear(x, self.weight, self.bias)
        return F.silu(x, inplace=True) if self.swish else x


@lru_cache
def intel() -> bool:
    """Whether this is Linux on a processor by Intel."""
    info = Path("/proc/cpuinfo")
    return info.is_file() and "GenuineIntel" in info.read_text()


class Conv3x3:
    """3x3 convolution with padding 1 on channels-last arrays, (batch, height, width, channels).

    Parameters
    ----------
    weight : (n_out, n_in, 3, 3)
    bias : (n_out,) or None
    stride : 1 or 2, in both axes.
    device, dtype : where, and in which format, the products are done.
    """

    def __init__(self, weight, bias=None, stride=1, *, device="cpu", dtype=torch.float32):
        self.stride, self.dtype = stride, dtype
        self.weight = weight.to(device, dtype).contiguous(memory_format=torch.channels_last)
        self.bias = None if bias is None else bias.to(device, dtype)

    def __call__(self, x):
        """(batch, height, width, n_in) -> (batch, height / stride, width / stride, n_out).

        Odd sizes are rounded up.
        """
        x = x.to(self.dtype).permute(0, 3, 1, 2)  # a view: still channels last in memory
        return F.conv2d(x, self.weight, self.bias, self.stride, 1).permute(0, 2, 3, 1)

    def finish(self, total, x):
        """``relu(total + convolution(relu(x)))`` in place of ``total``: ends a residual block."""
        return total.add_(self(x.relu())).relu_()


def conv3x3_to_finish(weight, *, device="cpu", dtype=torch.float32):
    """The fastest 3x3 convolution of stride 1 that has ``finish``.

    Winograd's saves products, which is what takes the time on a CPU in float32. In half
    precision its rounding would be too much.
    """
    if torch.device(device).type == "cpu" and dtype == torch.float32:
        return Winograd3x3(weight)
    return Conv3x3(weight, device=device, dtype=dtype)
