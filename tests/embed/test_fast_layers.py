"""Rearranged layers compute what torch's own compute."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mer_utils.embed import fast_layers
from mer_utils.embed.fast_layers import Conv3x3, Linear, Winograd3x3, block_end


def close(a, b, tolerance):
    return ((a.double() - b).norm() / b.norm()).item() < tolerance


@pytest.mark.parametrize("maker", ["this machine", "MKL", "oneDNN", "neither"])
@pytest.mark.parametrize("swish", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(maker, swish, bias, monkeypatch):
    if maker != "this machine":
        monkeypatch.setattr(fast_layers, "intel", lambda: maker == "MKL")
    if maker == "neither":
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    weight, b = torch.randn(24, 40), torch.randn(24) if bias else None
    layer = Linear(weight, b, swish=swish)
    for rows in ((5,), (2, 7), (2, 7), (3,)):  # more than one number of rows
        x = torch.randn(*rows, 40)
        wanted = F.linear(x.double(), weight.double(), b.double() if bias else None)
        wanted = F.silu(wanted) if swish else wanted
        assert layer(x).shape == wanted.shape
        assert close(layer(x), wanted, 1e-6)


def test_linear_in_bfloat16():
    weight, b, x = torch.randn(24, 40), torch.randn(24), torch.randn(5, 40)
    out = Linear(weight, b, dtype=torch.bfloat16)(x)
    assert out.dtype == torch.bfloat16
    assert close(out, F.linear(x, weight, b), 1e-2)
    assert not close(out, F.linear(x, weight, b), 1e-5)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float32, 1e-6), (torch.bfloat16, 1e-2)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("n_in", [1, 5])
def test_convolution(dtype, tolerance, stride, n_in):
    x = torch.randn(2, 11, 8, n_in)
    weight, b = torch.randn(6, n_in, 3, 3), torch.randn(6)
    wanted = F.conv2d(x.permute(0, 3, 1, 2).double(), weight.double(), b.double(), stride, 1)
    wanted = wanted.permute(0, 2, 3, 1)
    out = Conv3x3(weight, b, stride, dtype=dtype)(x)
    assert out.dtype == dtype
    assert out.shape == wanted.shape
    assert close(out, wanted, tolerance)


def test_the_end_of_a_block_is_the_same_in_both_formats():
    x, weight = torch.randn(1, 9, 8, 4), torch.randn(6, 4, 3, 3)
    total = torch.randn(1, 9, 8, 6)
    fast, half = block_end(weight), block_end(weight, dtype=torch.bfloat16)
    assert isinstance(fast, Winograd3x3)
    assert isinstance(half, Conv3x3)
    a, b = fast.finish(total.clone(), x), half.finish(total.bfloat16(), x)
    assert close(b, a.double(), 1e-2)


def test_folded_batch_norm_is_the_two_steps():
    weight, bias, x = torch.randn(6, 4, 3, 3), torch.randn(6), torch.randn(2, 4, 8, 8)
    norm = {"weight": torch.randn(6), "bias": torch.randn(6), "running_mean": torch.randn(6),
            "running_var": 0.5 + torch.rand(6)}  # fmt: skip
    order = (norm[name] for name in ("running_mean", "running_var", "weight", "bias"))
    wanted = F.batch_norm(F.conv2d(x, weight, bias), *order)
    assert close(F.conv2d(x, *fast_layers.fold_batch_norm(weight, bias, norm)), wanted, 1e-5)


# --- Winograd's convolution ----------------------------------------------------------------

WHOLE = st.integers(-50, 50).map(float)


@given(arrays(float, 3, elements=WHOLE), arrays(float, 6, elements=WHOLE))
def test_the_minimal_filter_is_exact(g, d):
    inverse, filters, forward = (matrix.numpy() for matrix in fast_layers.minimal_filter())
    wanted = [g @ d[i : i + 3] for i in range(4)]
    np.testing.assert_allclose(inverse @ ((filters @ g) * (forward @ d)), wanted, atol=1e-9)


@pytest.mark.parametrize("size", [(4, 4), (1, 1), (3, 9), (37, 16), (70, 64), (5, 130)])
def test_it_ends_a_block_like_the_direct_convolution(size, monkeypatch):
    monkeypatch.setattr(fast_layers, "TILES_AT_ONCE", 40)  # several strips
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(2, *size, 6, generator=draw)
    weight = torch.randn(10, 6, 3, 3, generator=draw)
    total = torch.randn(2, *size, 10, generator=draw)
    direct = F.conv2d(x.double().relu().permute(0, 3, 1, 2), weight.double(), padding=1)
    wanted = (total.double() + direct.permute(0, 2, 3, 1)).relu()
    result = fast_layers.Winograd3x3(weight).finish(total, x)
    assert result is total
    assert ((result - wanted).norm() / wanted.norm()).item() < 2e-6


def test_views_are_filled_in_place():
    """The two halves of one array: what lies beside the total stays as it is."""
    x = torch.randn(1, 8, 8, 4)
    both = torch.zeros(1, 8, 8, 6)
    fast_layers.Winograd3x3(torch.randn(3, 4, 3, 3)).finish(both[..., :3], x)
    assert (both[..., :3] > 0).any()
    assert not both[..., 3:].any()
