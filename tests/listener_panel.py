"""Random panels of listeners for tests of losses: single ratings and what losses see of them."""

import numpy as np
import torch

from mer_utils.methods.gaussian import rating_levels


def panel(n_levels=9, n_songs=6, n_listeners=12, seed=0):
    """Ratings (n_listeners, n_songs, 2) in model space, mean, sd, histogram, covariance; float64.

    The first song is one on which all listeners agree.
    """
    rng = np.random.default_rng(seed)
    index = rng.integers(0, n_levels, (n_listeners, n_songs, 2))
    index[:, 0] = n_levels - 1
    index = torch.tensor(index)
    ratings = rating_levels(n_levels, torch.zeros(1, dtype=torch.float64))[index]
    frequencies = torch.nn.functional.one_hot(index, n_levels).double().mean(0)
    mean, sd = ratings.mean(0), ratings.std(0, correction=0)
    gap = ratings - mean
    covariance = (gap[..., :, None] * gap[..., None, :]).mean(0)
    return ratings, mean, sd, frequencies, covariance


def uniform(low, high, *shape, seed=1):
    """Float64 numbers between ``low`` and ``high`` that want a gradient."""
    values = np.random.default_rng(seed).uniform(low, high, shape)
    return torch.tensor(values, requires_grad=True)


def minimise(loss, start, steps=200):
    """The tensors ``start`` after minimising the sum of ``loss(*start)`` with L-BFGS."""
    start = [s.detach().clone().requires_grad_() for s in start]
    optimiser = torch.optim.LBFGS(
        start, max_iter=steps, line_search_fn="strong_wolfe", tolerance_grad=1e-12
    )

    def closure():
        optimiser.zero_grad()
        value = loss(*start).sum()
        value.backward()
        return value

    optimiser.step(closure)
    return [s.detach() for s in start]


def finite_everywhere(link, loss, n_outputs, *targets):
    """Whether value and gradient are finite in float32 for raw outputs from -1000 to 1000."""
    targets = [t.float() for t in targets]
    n_songs = len(targets[0])
    rng = np.random.default_rng(2)
    for size in (0, 1, 10, 100, 1000):
        signs = rng.choice([-1.0, 1.0], (40, n_songs, n_outputs, 2))
        z = torch.tensor(size * signs, dtype=torch.float32, requires_grad=True)
        value = loss(*link(z), *targets)
        (gradient,) = torch.autograd.grad(value.sum(), z)
        if not (torch.isfinite(value).all() and torch.isfinite(gradient).all()):
            return False
        assert value.dtype == torch.float32 and value.shape == (40, n_songs, 2)
    return True
