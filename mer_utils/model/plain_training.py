"""One head in plain PyTorch: the loop that a user would write, and that notebook 02 shows.

The stack (:mod:`mer_utils.model.training`) does the same for many seeds at once. Random numbers
are drawn in another order there, so the two agree as two seeds do: not bit for bit.
"""

import copy

import numpy as np
import torch
from torch import nn
from torch.nn.functional import softplus


def train_plain(train, validation, *, loss, seed, protocol):
    """One seed in plain PyTorch: ``nn.Sequential``, ``torch.optim.Adam``, a plateau schedule.

    Tensors stay in memory and batches are slices of a permutation, so there is no DataLoader
    to pay for. Returns the network with its best-validation weights.
    """
    torch.manual_seed(seed)
    x, mean, sd = train
    net = nn.Sequential(
        nn.Linear(x.shape[1], protocol.hidden),
        nn.ELU(),
        nn.Dropout(protocol.dropout),
        nn.Linear(protocol.hidden, protocol.hidden),
        nn.ELU(),
        nn.Dropout(protocol.dropout),
        nn.Linear(protocol.hidden, 2 * mean.shape[1]),
    )
    adam = torch.optim.Adam(net.parameters(), lr=protocol.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        adam, factor=protocol.lr_factor, patience=protocol.lr_patience
    )
    lowest, best = np.inf, None
    for _ in range(protocol.epochs):
        net.train()
        for rows in torch.randperm(len(x)).split(protocol.batch_size):
            adam.zero_grad()
            loss(*predict_plain(net, x[rows]), mean[rows], sd[rows]).mean().backward()
            adam.step()
        net.eval()
        with torch.no_grad():
            now = loss(*predict_plain(net, validation[0]), *validation[1:]).mean().item()
        schedule.step(now)
        if now < lowest:
            lowest, best = now, copy.deepcopy(net.state_dict())
    net.load_state_dict(best)
    return net


def predict_plain(net, x):
    """``(mu, sigma)`` of the plain network."""
    mu, sigma = net(x).chunk(2, dim=1)
    return torch.tanh(mu), torch.exp(-softplus(sigma))
