"""Songs of noise and a result with untrained heads: quick, and good enough to score."""

import numpy as np
import torch

from mer_utils.data.dataset import Dataset
from mer_utils.model.experiment import Experiment
from mer_utils.model.heads import forward, init_heads
from mer_utils.model.result import CrossValidated, Result
from mer_utils.model.run import make_split
from mer_utils.model.splits import standardise
from mer_utils.model.training import Protocol

METHODS = [
    "single",
    "seed_ensemble",
    "seed_ensemble_total",
    "mc_dropout",
    "mc_dropout_total",
    "training_mean_sd",
    "quadratic_in_mu",
]
TINY = Protocol(epochs=1, hidden=8)


def songs(n=90):
    rng = np.random.default_rng(0)
    return Dataset(
        name="test",
        song_id=np.arange(100, 100 + n),
        rating_mean=rng.uniform(2, 8, (n, 2)),
        rating_sd=rng.uniform(0.5, 2.5, (n, 2)),
        features=rng.normal(size=(n, 6)).astype(np.float32),
        feature_source="noise",
    )


def untrained(data, fold=None, n_seeds=3, seed=0):
    """A result with the weights that training would start from: quick, and good enough."""
    experiment = Experiment("simulated", seed=seed, n_seeds=n_seeds, fold=fold, protocol=TINY)
    split = make_split(experiment, data)
    weights = init_heads(data.features.shape[1], experiment.seeds, 8)
    weights["w3"] *= 4  # spreads the predictions
    x = torch.from_numpy(standardise(data.features, split.train))
    mu, sigma = (values.numpy() for values in forward(weights, x))
    return Result(experiment, data, split, mu, sigma, weights, {}, np.zeros(n_seeds, int))


def five_folds(data, n_seeds=3):
    """:func:`untrained` for each of five folds."""
    results = tuple(untrained(data, fold, n_seeds) for fold in range(5))
    return CrossValidated(results[0].experiment, results)


DATA = songs()
