"""Winograd's convolution gives what the direct one gives."""

from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from mer_utils import winograd


@given(
    taps=st.integers(1, 4),
    points=st.lists(
        st.fractions(min_value=-3, max_value=3, max_denominator=4), min_size=4, max_size=7,
        unique=True,
    ),
    data=st.data(),
)  # fmt: skip
def test_the_minimal_filter_is_exact(taps, points, data):
    inverse, filters, forward = winograd.toom_cook(points, taps)
    n_outputs, n = inverse.shape
    assert (n_outputs, n) == (len(points) + 2 - taps, len(points) + 1)
    whole = st.lists(st.integers(-50, 50), min_size=n + taps, max_size=n + taps)
    numbers = [Fraction(v) for v in data.draw(whole)]
    g, d = np.array(numbers[:taps]), np.array(numbers[taps:])
    wanted = [sum(g[k] * d[i + k] for k in range(taps)) for i in range(n_outputs)]
    assert list(inverse.dot(filters.dot(g) * forward.dot(d))) == wanted


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (3, 9), (37, 16), (70, 64), (5, 130)])
def test_it_ends_a_block_like_the_direct_convolution(size, monkeypatch):
    monkeypatch.setattr(winograd, "TILES_AT_ONCE", 40)  # several strips
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(2, *size, 6, generator=draw)
    weight = torch.randn(10, 6, 3, 3, generator=draw)
    total = torch.randn(2, *size, 10, generator=draw)
    direct = F.conv2d(x.double().relu().permute(0, 3, 1, 2), weight.double(), padding=1)
    wanted = (total.double() + direct.permute(0, 2, 3, 1)).relu()
    result = winograd.Winograd3x3(weight).finish(total, x)
    assert result is total
    assert ((result - wanted).norm() / wanted.norm()).item() < 2e-6


def test_views_are_filled_in_place():
    """The two halves of one array: what lies beside the total stays as it is."""
    x = torch.randn(1, 8, 8, 4)
    both = torch.zeros(1, 8, 8, 6)
    winograd.Winograd3x3(torch.randn(3, 4, 3, 3)).finish(both[..., :3], x)
    assert (both[..., :3] > 0).any()
    assert not both[..., 3:].any()
