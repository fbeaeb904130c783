"""Layers with frozen weights, arranged once so that they run fast: linear, 3x3 convolution.

Nothing here knows MusicFM. Each class takes plain weights, rearranges them for the device and
the number format in use, and computes what ``F.linear``, ``F.layer_norm`` or ``F.conv2d`` computes.

``Winograd3x3`` does so with a quarter of the multiplications (Winograd's minimal filtering). Four
neighbouring outputs of a 3-tap filter share their inputs. Computed one by one they cost 4 x 3 = 12
products; by evaluating and interpolating polynomials, 6 are enough (Winograd 1980; Lavin & Gray
2016, arXiv 1509.09308). In two dimensions a tile of 4x4 outputs costs 36 in place of 144 for every
pair of channels:

    outputs = A [ (G filter G') * (B inputs B') ] A'

where * is a product of numbers, so that over channels it becomes 36 ordinary matrix products. The
price is rounding: A and B subtract numbers of like size. The points 0, 1, -1, 1/2, -2 keep the
error in float32 at about twice that of the direct way.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.polynomial.polynomial import polyfromroots


class Linear:
    """``x @ weight.T + bias``, then swish if asked, with a weight packed for the processor.

    On a CPU, MKL packs on Intel's processors (float32 only; for one number of rows, so again when
    that changes) and oneDNN on others: each is faster there. Nothing is packed without either, nor
    in bfloat16 on a processor for which oneDNN has no such products (AVX2 alone).

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
        if here and not self.mkl and torch.backends.mkldnn.is_available() and has_products(dtype):
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


def has_products(dtype) -> bool:
    """Whether oneDNN has fast products of this format on this processor."""
    return dtype == torch.float32 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


@lru_cache
def intel() -> bool:
    """Whether this is Linux on a processor by Intel."""
    info = Path("/proc/cpuinfo")
    return info.is_file() and "GenuineIntel" in info.read_text()


class LayerNorm:
    """LayerNorm in float32; ``weights`` has the tensors "weight" and "bias", (n,)."""

    def __init__(self, weights, device="cpu"):
        self.weight, self.bias = (weights[name].to(device) for name in ("weight", "bias"))

    def __call__(self, x):
        """(..., n) in any format -> the same in float32."""
        return F.layer_norm(x.float(), self.weight.shape, self.weight, self.bias, 1e-5)


def fold_batch_norm(weight, bias, norm):
    """Weight and bias of a convolution that does the BatchNorm behind it too, float32."""
    scale = norm["weight"].double() / (norm["running_var"].double() + 1e-5).sqrt()
    shift = norm["bias"].double() + (bias.double() - norm["running_mean"].double()) * scale
    return (weight.double() * scale.view(-1, *[1] * (weight.ndim - 1))).float(), shift.float()


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
        """(batch, height, width, n_in) -> (batch, ceil(height / stride), ..., n_out)."""
        x = x.to(self.dtype).permute(0, 3, 1, 2)  # a view: still channels last in memory
        return F.conv2d(x, self.weight, self.bias, self.stride, 1).permute(0, 2, 3, 1)

    def finish(self, total, x):
        """``relu(total + convolution(relu(x)))`` in place of ``total``: ends a residual block."""
        return total.add_(self(x.relu())).relu_()


def block_end(weight, *, device="cpu", dtype=torch.float32):
    """The fastest 3x3 convolution of stride 1 that has ``finish``.

    Winograd's on a CPU in float32; in half precision its rounding would be too much.
    """
    if torch.device(device).type == "cpu" and dtype == torch.float32:
        return Winograd3x3(weight)
    return Conv3x3(weight, device=device, dtype=dtype)


TILE, TAPS = 4, 3  # outputs per tile and axis, weights per axis
SPAN = TILE + TAPS - 1  # inputs per tile and axis
POINTS = np.array([0, 1, -1, 0.5, -2])
TILES_AT_ONCE = 128  # the work space, 36 x 128 x channels numbers, should stay near the cache


@lru_cache
def minimal_filter():
    """Matrices (4, 6), (6, 3), (6, 6), float64: ``inverse``, ``filters``, ``forward``.

    ``inverse @ ((filters @ g) * (forward @ d))`` are the outputs ``sum_k g[k] d[i + k]``. The
    last row or column of each stands for the point at infinity.
    """
    others = [np.delete(POINTS, i) for i in range(len(POINTS))]
    scale = [np.prod(point - rest) for point, rest in zip(POINTS, others, strict=True)]
    inverse, filters = np.eye(TILE, SPAN, SPAN - TILE), np.eye(SPAN, TAPS, TAPS - SPAN)
    forward = np.zeros((SPAN, SPAN))
    inverse[:, :-1] = POINTS ** np.arange(TILE)[:, None]
    filters[:-1] = POINTS[:, None] ** np.arange(TAPS) / np.array(scale)[:, None]
    forward[:-1, :-1] = [polyfromroots(rest) for rest in others]
    forward[-1] = polyfromroots(POINTS)
    return tuple(map(torch.from_numpy, (inverse, filters, forward)))


class Winograd3x3:
    """3x3 convolution on the CPU in float32: stride 1, padding 1, channels last, no bias.

    ``weight`` is (n_out, n_in, 3, 3).
    """

    def __init__(self, weight):
        inverse, filters, forward = minimal_filter()
        weight = torch.einsum("ai,bj,ocij->abco", filters, filters, weight.double())
        self.weight = weight.flatten(0, 1).float().contiguous()  # (36, n_in, n_out)
        self.forward = torch.kron(forward, forward).float()  # (36, 36)
        self.inverse = torch.kron(inverse, inverse).float()  # (16, 36)

    def finish(self, total, x):
        """``relu(total + convolution(relu(x)))`` in place of ``total``, which is returned.

        Both are (batch, height, width, channels): the end of a residual block. Each strip goes
        through all of it while it is near the processor.
        """
        for one, image in zip(total, x, strict=True):
            self._finish(one, image)
        return total

    def _finish(self, total, x):
        height, width, n_in = x.shape
        _, _, n_out = self.weight.shape
        down, across = -(-height // TILE), -(-width // TILE)
        rows = max(1, TILES_AT_ONCE // across)  # rows of tiles at a time: a strip
        strip = x.new_zeros(rows * TILE + 2, across * TILE + 2, n_in)  # its border stays zero
        numbers = (SPAN**2 * n_in, SPAN**2 * n_in, SPAN**2 * n_out, TILE**2 * n_out)
        work = [x.new_empty(rows * across * n) for n in numbers]
        a, b, _ = strip.stride()
        for top in range(0, height, rows * TILE):
            n = min(rows, down - top // TILE)
            first, last = max(top - 1, 0), min(top + n * TILE + 1, height)
            begin = first - (top - 1)
            strip[:begin].zero_()
            inside = strip[begin : begin + last - first, 1 : width + 1]
            torch.clamp(x[first:last], min=0, out=inside)
            strip[begin + last - first :].zero_()
            tiles, spread, product, result = (
                w[: n * across * k] for w, k in zip(work, numbers, strict=True)
            )
            tiles.view(SPAN, SPAN, n, across, n_in).copy_(
                strip.as_strided((SPAN, SPAN, n, across, n_in), (a, b, TILE * a, TILE * b, 1))
            )
            torch.mm(self.forward, tiles.view(SPAN**2, -1), out=spread.view(SPAN**2, -1))
            torch.bmm(spread.view(SPAN**2, -1, n_in), self.weight,
                      out=product.view(SPAN**2, -1, n_out))  # fmt: skip
            torch.mm(self.inverse, product.view(SPAN**2, -1), out=result.view(TILE**2, -1))
            result = result.view(TILE, TILE, n, across, n_out).permute(2, 0, 3, 1, 4)
            part = total[top : top + n * TILE]
            if part.shape[:2] == (n * TILE, across * TILE):  # whole tiles
                part.unflatten(0, (n, TILE)).unflatten(2, (across, TILE)).add_(result)
            else:
                part += result.reshape(n * TILE, across * TILE, n_out)[: len(part), :width]
            part.relu_()
