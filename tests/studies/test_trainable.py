"""Trainable encoders: the same numbers and gradients as musicnn's own network."""

import pytest
import torch
from torch import nn
from trainable import Musicnn, Small, after_front, front, random_musicnn

from mer_utils.embed.musicnn import Network


@pytest.fixture
def network():
    torch.manual_seed(0)
    made = Network().eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.5, 0.5)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, -1, 1)  # some negative
    return made


@pytest.fixture
def log_mel():
    return torch.rand(3, 187, 96, generator=torch.Generator().manual_seed(1)) * 4


def test_the_same_numbers_as_the_network(network, log_mel):
    with torch.no_grad():
        wanted = network(log_mel)[1]
        got, frames = after_front(network, front(network, log_mel))
    torch.testing.assert_close(frames, wanted["frames"], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got, wanted["penultimate"], rtol=1e-4, atol=1e-4)


def test_the_same_gradients_as_the_network(network, log_mel):
    found = []
    for way in (
        lambda: network(log_mel)[1]["penultimate"],
        lambda: Musicnn(network, "all")(log_mel),
    ):
        network.zero_grad()
        out = way()
        (out * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        found.append({k: p.grad for k, p in network.named_parameters() if p.grad is not None})
    plain, ours = found
    assert set(plain) - set(ours) == {"norm.weight", "norm.bias"}  # of the sound: not trained
    for name, gradient in ours.items():
        assert (gradient - plain[name]).norm() <= 1e-4 * plain[name].norm(), name


def test_what_is_trained(network, log_mel):
    last = Musicnn(network, "last")
    last(front(network, log_mel).detach()).sum().backward()
    trained = {name.split(".")[1] for name, p in last.named_parameters() if p.grad is not None}
    assert trained == {"middle", "pooled_norm", "dense", "dense_norm"}


def test_random_weights_begin_with_numbers_of_a_size(log_mel):
    made = random_musicnn(log_mel, seed=3)
    with torch.no_grad():
        found = Musicnn(made, "all")(log_mel)
    assert abs(found.mean()) < 1e-4 and abs(found.std() - 1) < 0.3
    again = random_musicnn(log_mel, seed=3)
    other = random_musicnn(log_mel, seed=4)
    assert torch.equal(made.dense.weight, again.dense.weight)
    assert not torch.equal(made.dense.weight, other.dense.weight)


def test_the_small_network_is_small(log_mel):
    small = Small()
    assert small(log_mel).shape == (3, small.size)
    assert sum(p.numel() for p in small.parameters()) <= 100_000
