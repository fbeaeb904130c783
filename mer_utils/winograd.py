"""A 3x3 convolution with a quarter of the multiplications (Winograd's minimal filtering).

Four neighbouring outputs of a 3-tap filter share their inputs. Computed one by one they cost
4 x 3 = 12 products; by evaluating and interpolating polynomials, 6 are enough (Winograd 1980;
Lavin & Gray 2016, arXiv 1509.09308). In two dimensions a tile of 4x4 outputs costs 36 products in
place of 144 for every pair of channels:

    outputs = A [ (G filter G') * (B inputs B') ] A'

where * is a product of numbers, so that over channels it becomes 36 ordinary matrix products.

The price is rounding: A and B subtract numbers of like size. The points 0, 1, -1, 1/2, -2 keep
the error in float32 at about twice that of the direct way.
"""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import numpy as np
import torch

TILE = 4  # outputs per tile and axis
POINTS = (0, 1, -1, Fraction(1, 2), -2)
SPAN = TILE + 2  # inputs per tile and axis
TILES_AT_ONCE = 128  # the work space, 36 x 128 x channels numbers, should stay near the cache


def toom_cook(points, taps):
    """Matrices of the minimal filter for ``len(points) + 2 - taps`` outputs, exact fractions.

    Returns
    -------
    inverse (n_outputs, n), filters (n, taps), forward (n, n), with n = len(points) + 1:
    ``inverse @ ((filters @ g) * (forward @ d))`` are the outputs ``sum_k g[k] d[i + k]``.
    """
    points = [Fraction(p) for p in points]
    n = len(points) + 1
    scale = [math.prod(p - q for q in points if q != p) for p in points]
    # the last row and column stand for the point at infinity
    inverse = [[p**i for p in points] + [Fraction(i == n - taps)] for i in range(n - taps + 1)]
    filters = [[p**k / s for k in range(taps)] for p, s in zip(points, scale, strict=True)]
    filters.append([Fraction(k == taps - 1) for k in range(taps)])
    forward = [_with_roots([q for q in points if q != p]) + [Fraction(0)] for p in points]
    forward.append(_with_roots(points))
    return tuple(np.array(m, dtype=object) for m in (inverse, filters, forward))


def _with_roots(roots):
    """Coefficients of prod (x - root), constant term first."""
    c = [Fraction(1)]
    for root in roots:
        c = [a - root * b for a, b in zip([Fraction(0), *c], [*c, Fraction(0)], strict=True)]
    return c


@lru_cache
def minimal_filter():
    """The three matrices for a tile of 4 outputs and 3 taps, as float64 tensors."""
    return tuple(torch.from_numpy(m.astype(float)) for m in toom_cook(POINTS, 3))


class Winograd3x3:
    """3x3 convolution on the CPU in float32: stride 1, padding 1, channels last, no bias.

    Parameters
    ----------
    weight : (n_out, n_in, 3, 3)
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
