"""A small case of the study of methods: simulated songs, two panels, three folds."""

import numpy as np
from cases import Case, Judges
from fits import Fit

from mer_utils.methods.listeners import Predicted, maximum_entropy, panel_of
from mer_utils.model.splits import folds


def rated(mean, sd, n, rng, k=5):
    """Counts (n_songs, D, k) of ``n`` listeners from distributions with these moments."""
    p = maximum_entropy(mean, sd, k)
    return rng.multinomial(n, p)


def small_case(n=120, strength=0.12, n_taught=20, n_judges=8, seed=0, turn=0, error=0.0) -> Case:
    """Means follow the first feature, SDs the second; 12 clusters; ``error`` of the means."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    mean = 0.3 * np.tanh(x[:, [0]] * [1, -1]) + error * rng.normal(size=(n, 2))
    sd = np.maximum(0.4 + strength * np.tanh(x[:, [1]] * [1, -1]), 0.1)
    rng = np.random.default_rng([seed, turn])
    taught, held_out = rated(mean, sd, n_taught, rng), rated(mean, sd, n_judges, rng)
    judges = {"held out": Judges.of(held_out), "truth": Judges(mean, sd)}
    return Case(
        "small", "apart", x, panel_of(taught), tuple(folds(n, 0, n_folds=3)),
        np.arange(n) % 12, judges, turn=turn, n_taught=n_taught,
    )  # fmt: skip


def as_fit(case, mu, sigma) -> Fit:
    """A fit that says these moments, (n, D), in every fold; not mended by a line."""
    mu, sigma = np.broadcast_to(mu, case.taught.sd.shape), np.broadcast_to(sigma, mu.shape)
    square, needed = np.empty((1, *mu.shape)), np.empty((1, *mu.shape))
    for split in case.splits:
        rows, test = split.validation, split.test
        away = case.taught.sd[rows] ** 2 + (case.taught.mean[rows] - mu[rows]) ** 2
        square[:, test] = (sigma[rows] ** 2).mean(0)
        needed[:, test] = away.mean(0)
    return Fit(Predicted(mu[None], sigma[None]), sigma[None], square, needed)
