"""Tokens in which it is known what each way of pooling them over time can read."""

import numpy as np


def planted(n=300, tokens=16, seed=0):
    """Tokens (n, T, 4) and three targets: the mean, the spread and the order carry one each.

    The number with the order has exactly the same values over time in every clip.
    """
    rng = np.random.default_rng(seed)
    targets = rng.normal(size=(n, 3))
    x = rng.normal(size=(n, tokens, 4))
    x = (x - x.mean(1, keepdims=True)) / x.std(1, keepdims=True)
    x[..., 0] += targets[:, :1]
    x[..., 1] *= np.exp(0.4 * targets[:, 1:2])
    leaning = 1.5 * np.linspace(-1, 1, tokens) * targets[:, 2:] + rng.normal(size=(n, tokens))
    x[..., 2] = np.linspace(-1.6, 1.6, tokens)[leaning.argsort(1).argsort(1)]
    return x.astype(np.float32), targets
