"""A member of a stack as the network that a user would write; for tests of heads and training."""

import torch
from torch import nn


def plain_head(weights, k=0):
    """Member ``k`` as the network a user would write."""
    d, hidden = weights["w1"].shape[1:]
    net = nn.Sequential(
        nn.Linear(d, hidden), nn.ELU(), nn.Linear(hidden, hidden), nn.ELU(), nn.Linear(hidden, 4)
    ).to(weights["w1"].dtype)
    with torch.no_grad():
        for layer, number in zip((net[0], net[2], net[4]), "123", strict=True):
            layer.weight.copy_(weights["w" + number][k].T)
            layer.bias.copy_(weights["b" + number][k, 0])
    return net
