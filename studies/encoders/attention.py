"""A small network that reads a clip's tokens, and the ways in which it can pool them over time.

A token is what musicnn says of 0.176 s. The network sees a clip's tokens (T, F) through one linear
map, pools them over time, and ends in a layer with one output for each target:

==================  ==========================================================================
mean                the average: what is left when a clip is averaged before anybody learns
max                 the largest of each number
mean + SD           average and spread over time
attention           averages with learned weights: a query says which tokens count
attention in time   the same, where a token also knows its place in the clip
==================  ==========================================================================

None but the last can tell a clip from the same clip with its tokens in another order.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from mer_utils.controls.methods import one_thread

POOLINGS = ("mean", "max", "mean + SD", "attention", "attention in time")
SIZE, DROPOUT, QUERIES, WAVES = 64, 0.5, 4, 6
"""Of the linear map, of what is pooled; learned queries; waves that tell the place in a clip."""
EPOCHS, PATIENCE, BATCH, RATE, DECAY = 30, 6, 32, 5e-3, 1e-2
"""Of AdamW, which stops when validation clips like no target 1% better for ``PATIENCE`` epochs."""
COMPONENTS = 128
"""Principal components of the tokens that the network sees."""
CONSTANTS = (SIZE, DROPOUT, QUERIES, WAVES, PATIENCE, BATCH, RATE, DECAY, COMPONENTS)


class Attention(nn.Module):
    """Tokens (batch, T, size) -> averages (batch, queries * size), one for each learned query.

    The weight of a token is the softmax over time of how well it fits the query. With ``in_time``
    sines and cosines of the token's place, mapped linearly, are added to it before. At the start
    they say more than the sound does: each query looks at a part of the clip.
    """

    def __init__(self, size, queries=QUERIES, in_time=False):
        super().__init__()
        self.queries = nn.Parameter(torch.randn(queries, size))
        self.place = nn.Parameter(torch.randn(2 * WAVES, size)) if in_time else None

    def weights(self, tokens):
        """How much each token counts for each query: (batch, queries, T), sums to 1."""
        if self.place is not None:
            tokens = tokens + places(tokens.shape[1]) @ self.place
        return (self.queries @ tokens.mT / tokens.shape[2] ** 0.5).softmax(dim=2)

    def forward(self, tokens):
        """Shapes as the class says."""
        return (self.weights(tokens) @ tokens).flatten(1)


def places(n_tokens):
    """Where tokens are: sines and cosines of half a wave, one wave, ... a clip: (T, 2 WAVES)."""
    angle = torch.pi * torch.arange(n_tokens)[:, None] / n_tokens * torch.arange(1, WAVES + 1)
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class Reader(nn.Module):
    """Tokens (batch, T, F) -> (batch, outputs), by one of the :data:`POOLINGS`."""

    def __init__(self, n_features, n_outputs, pooling):
        super().__init__()
        self.pooling, self.first = pooling, nn.Linear(n_features, SIZE)
        in_time = pooling == "attention in time"
        self.attention = Attention(SIZE, in_time=in_time) if "attention" in pooling else None
        parts = {"mean + SD": 2}.get(pooling, QUERIES + 1 if self.attention else 1)
        self.norm = nn.BatchNorm1d(parts * SIZE)
        self.last = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(parts * SIZE, n_outputs))

    def pooled(self, tokens):
        """(batch, T, SIZE) -> (batch, parts * SIZE).

        Attention has the average too, and what each query sees as a difference from it.
        """
        if self.attention is not None:
            mean = tokens.mean(1)
            away = self.attention(tokens) - mean.repeat(1, QUERIES)
            return torch.cat([mean, away], dim=1)
        if self.pooling == "max":
            return tokens.amax(1)
        if self.pooling == "mean + SD":
            spread = (tokens.var(1, correction=0) + 1e-6).sqrt()
            return torch.cat([tokens.mean(1), spread], dim=1)
        return tokens.mean(1)

    def forward(self, tokens):
        """Shapes as the class says."""
        return self.last(F.elu(self.norm(self.pooled(self.first(tokens)))))


def seen(tokens, train, components=COMPONENTS):
    """Tokens (n, T, F) as the network sees them: a tensor (n, T, at most ``components``).

    Standardised by the tokens of the clips that train, then their leading principal components, in
    one unit: their mean square is 1. A linear layer follows anyway; it has less to do.
    """
    x = torch.from_numpy(np.array(tokens, np.float32)).flatten(0, 1)
    own = x.view(*tokens.shape)[train].flatten(0, 1)
    mean, sd = own.mean(0), own.std(0)
    x, own = ((part - mean) / torch.where(sd > 0, sd, torch.inf) for part in (x, own))
    values, directions = torch.linalg.eigh(own.T @ own / len(own))
    directions = directions[:, -components:].flip(1) / values[-components:].mean().sqrt()
    return (x @ directions).view(*tokens.shape[:2], -1)


def learned(x, targets, split, pooling, seed, epochs=EPOCHS):
    """What a network predicts, taught by the clips of ``split.train``: (n, P).

    Of clips that train it predicts nothing but their average.

    ``x`` is a tensor (n, T, F) from :func:`seen`. Squared error of all standardised targets (n, P)
    at once. Each target takes the epoch at which the validation clips like its prediction best, or
    the average of the clips that train, if they like none.
    """
    train, valid = torch.from_numpy(split.train), torch.from_numpy(split.validation)
    others = torch.cat([valid, torch.from_numpy(split.test)])
    level, unit = targets[split.train].mean(0), targets[split.train].std(0)
    if pooling == "mean":  # of a linear map: the map of the mean
        x = x.mean(1, keepdim=True)
    y = torch.from_numpy(((targets - level) / np.where(unit > 0, unit, np.inf)).astype(np.float32))
    with one_thread(), torch.random.fork_rng():
        torch.manual_seed(seed)
        reader = Reader(x.shape[2], y.shape[1], pooling)
        optimiser = torch.optim.AdamW(reader.parameters(), RATE, weight_decay=DECAY)
        best = torch.zeros_like(y)
        error, since = y[valid].square().mean(0), 0
        for _ in range(epochs):
            reader.train()
            for batch in train[torch.randperm(len(train))].split(BATCH):
                if len(batch) == 1:  # has no spread to be normalised by
                    continue
                optimiser.zero_grad()
                F.mse_loss(reader(x[batch]), y[batch]).backward()
                optimiser.step()
            reader.eval()
            found = torch.zeros_like(y)
            with torch.no_grad():
                found[others] = reader(x[others])
            new = (found[valid] - y[valid]).square().mean(0)
            best[:, new < error] = found[:, new < error]
            since = 0 if (new < 0.99 * error).any() else since + 1
            error = torch.minimum(new, error)
            if since >= PATIENCE:
                break
    return level + unit * best.numpy().astype(float)
