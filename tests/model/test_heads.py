"""The stacked head against a plain network, and what its random draws depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_head import plain_head
from scipy.stats import kstest
from torch import nn

from mer_utils.model.heads import dropout_masks, forward, init_heads, kept_share
from mer_utils.model.losses import LOSSES

NAMES = ("w1", "b1", "w2", "b2", "w3", "b3")


def test_shapes_and_types():
    weights = init_heads(7, [3, 1, 4], hidden=5)
    shapes = {name: tuple(value.shape) for name, value in weights.items()}
    assert shapes == {
        "w1": (3, 7, 5),
        "b1": (3, 1, 5),
        "w2": (3, 5, 5),
        "b2": (3, 1, 5),
        "w3": (3, 5, 4),
        "b3": (3, 1, 4),
    }
    assert {value.dtype for value in weights.values()} == {torch.float32}
    mu, sigma = forward(weights, torch.randn(11, 7))
    assert mu.shape == sigma.shape == (3, 11, 2)


def test_each_member_equals_a_plain_network_with_the_same_weights():
    weights = init_heads(9, [0, 5], hidden=16)
    x = torch.randn(20, 9, generator=torch.Generator().manual_seed(0))
    mu, sigma = forward(weights, x)
    for k in range(2):
        out = plain_head(weights, k)(x)
        torch.testing.assert_close(mu[k], torch.tanh(out[:, :2]), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(sigma[k], torch.sigmoid(-out[:, 2:]), rtol=1e-5, atol=1e-6)


def test_masks_multiply_the_hidden_layers_as_dropout_does():
    weights = init_heads(6, [0, 1], hidden=8)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(10, 6, generator=generator)
    masks = torch.bernoulli(torch.full((2, 2, 10, 8), 0.5), generator=generator) * 2
    mu, _ = forward(weights, x, masks)
    net = plain_head(weights, 1)
    h = net[1](net[0](x)) * masks[0, 1]
    h = net[3](net[2](h)) * masks[1, 1]
    torch.testing.assert_close(mu[1], torch.tanh(net[4](h)[:, :2]), rtol=1e-5, atol=1e-6)


def test_members_may_see_different_songs():
    weights = init_heads(4, [0, 1], hidden=8)
    x = torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(2))
    mu, sigma = forward(weights, x)
    for k in range(2):
        alone = forward(weights, x[k])
        torch.testing.assert_close(mu[k], alone[0][k])
        torch.testing.assert_close(sigma[k], alone[1][k])


@given(st.floats(-15, 15), st.floats(-15, 15))
def test_outputs_lie_inside_their_ranges_and_sd_is_sigmoid_of_minus_z(z_mean, z_sd):
    weights = {name: value.double() for name, value in init_heads(2, [0], hidden=3).items()}
    weights["w3"] = torch.zeros(1, 3, 4, dtype=torch.float64)
    weights["b3"] = torch.tensor([[[z_mean, z_mean, z_sd, z_sd]]], dtype=torch.float64)
    mu, sigma = forward(weights, torch.ones(1, 2, dtype=torch.float64))
    assert -1 < mu[0, 0, 0] < 1
    assert mu[0, 0, 0].item() == pytest.approx(np.tanh(z_mean), abs=1e-12)
    assert 0 < sigma[0, 0, 0] < 1
    assert sigma[0, 0, 0].item() == pytest.approx(1 / (1 + np.exp(z_sd)), rel=1e-9)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_through_the_whole_head_equal_numerical_ones(name):
    weights = init_heads(3, [0, 1], hidden=4)
    values = [weights[n].double().requires_grad_() for n in NAMES]
    rng = np.random.default_rng(3)
    x = torch.tensor(rng.normal(size=(5, 3)))
    mean = torch.tensor(rng.uniform(-1, 1, (5, 2)))
    sd = torch.tensor(rng.uniform(0.1, 0.6, (5, 2)))

    def loss(*values):
        return LOSSES[name](*forward(dict(zip(NAMES, values, strict=True)), x), mean, sd)

    torch.autograd.gradcheck(loss, values)


def test_weights_fill_the_interval_of_a_linear_layer_evenly():
    n_features, hidden = 400, 100
    weights = init_heads(n_features, [0], hidden)
    for number, fan_in in (("1", n_features), ("2", hidden), ("3", hidden)):
        for kind in "wb":
            values = weights[kind + number].numpy().ravel() * np.sqrt(fan_in)
            assert abs(values).max() <= 1 + 1e-6
            assert kstest(values, "uniform", (-1, 2)).pvalue > 1e-4
    torch.manual_seed(0)
    reference = nn.Linear(n_features, hidden)  # PyTorch's own default has the same spread
    assert weights["w1"].std().item() == pytest.approx(reference.weight.std().item(), rel=0.02)


def test_weights_depend_on_the_members_own_seed_alone():
    stack, alone = init_heads(6, [7, 8, 9]), init_heads(6, [8])
    for name in NAMES:
        assert torch.equal(stack[name][1], alone[name][0])
        assert not torch.equal(stack[name][0], stack[name][1])


@pytest.mark.parametrize("dropout", [0.0, 0.25, 0.5, 0.9])
def test_share_of_kept_units(dropout):
    n = 200_000
    keep = dropout_masks(np.random.default_rng(0), (2, n // 2), dropout)
    assert keep.shape == (2, n // 2) and keep.dtype == bool
    p = 1 - dropout
    tolerance = 1 / 512 + 5 * np.sqrt(p * dropout / n)
    assert keep.mean() == pytest.approx(p, abs=tolerance if dropout else 0)


@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.5, 0.9, 0.99, 0.999])
def test_masks_over_the_kept_share_leave_the_average_of_a_layer(dropout):
    share = kept_share(dropout)
    keep = dropout_masks(np.random.default_rng(0), 4_000_000, dropout)
    error = np.sqrt((1 - share) / share / keep.size)
    assert (keep / share).mean() == pytest.approx(1, abs=5 * error + 1e-12)
    assert share == pytest.approx(1 - dropout, abs=1 / 256)


def test_masks_depend_on_the_generator_alone_and_units_on_none_of_the_others():
    a, b = (dropout_masks(np.random.default_rng([3, 2]), (400, 500), 0.5) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    assert (a != dropout_masks(np.random.default_rng([4, 2]), (400, 500), 0.5)).mean() > 0.4
    for x, y in ((a[:, :-1], a[:, 1:]), (a[:-1], a[1:])):
        assert abs(np.corrcoef(x.ravel(), y.ravel())[0, 1]) < 5 / np.sqrt(x.size)
