"""Rearranged layers compute what torch's own compute."""

import pytest
import torch
import torch.nn.functional as F

from mer_utils import fast_layers
from mer_utils.fast_layers import Conv3x3, Linear, conv3x3_to_finish
from mer_utils.winograd import Winograd3x3


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
    fast, half = conv3x3_to_finish(weight), conv3x3_to_finish(weight, dtype=torch.bfloat16)
    assert isinstance(fast, Winograd3x3)
    assert isinstance(half, Conv3x3)
    a, b = fast.finish(total.clone(), x), half.finish(total.bfloat16(), x)
    assert close(b, a.double(), 1e-2)
