r"""From many predictions to one: seed ensembles, Monte Carlo dropout, and what they mean.

Both methods sample means :math:`\mu_1, \dots, \mu_T` and SDs :math:`\sigma_t` and use the
law of total variance,

.. math:: \operatorname{Var}(y) = \underbrace{\tfrac1T \sum_t \sigma_t^2}_{\text{mean predicted
          variance}} + \underbrace{\operatorname{Var}_t(\mu_t)}_{\text{variance of the means}}.

The second term divides by T - 1: the samples stand for all that could have been drawn. (The
mixture of just these T Gaussians would have T there.)

The paper's "uncertainty" of an ensemble or of dropout is the square root of the *second*
term alone: how much the model's opinions differ, not how much it thinks listeners do.
"""

from dataclasses import dataclass

import numpy as np
import torch

from mer_utils.model.heads import after_first_layer, dropout_masks, first_layer, kept_share


@dataclass(frozen=True, eq=False)
class Aggregate:
    """One prediction from many samples; all arrays (..., n_songs, 2) in model space.

    ``mean`` is the average of the sampled means, ``spread`` the SD of the sampled means
    (ddof=1), ``predicted`` the root of the mean predicted variance, and ``total`` the root
    of the sum of both variances.
    """

    mean: np.ndarray
    spread: np.ndarray
    predicted: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """Root of the total variance."""
        return np.sqrt(self.predicted**2 + self.spread**2)


def aggregate(mu, sigma) -> Aggregate:
    """Aggregate samples along the first axis.

    Parameters
    ----------
    mu, sigma : arrays, (n_samples, ..., n_songs, 2), model space

    Raises
    ------
    ValueError
        With fewer than two samples: one sample has no spread.
    """
    mu, sigma = np.asarray(mu, float), np.asarray(sigma, float)
    if len(mu) < 2:
        raise ValueError(f"{len(mu)} sample has no spread: use at least two seeds or passes")
    return Aggregate(mu.mean(0), mu.std(0, ddof=1), np.sqrt((sigma**2).mean(0)))


def mc_dropout(weights, x, *, passes, dropout=0.5, seed=0, seeds=None):
    """Predict with dropout left on, several times, for every member of a stack.

    Parameters
    ----------
    weights : dict of tensors, as in :mod:`mer_utils.model.heads`
    x : array, (n_songs, d), standardised as in training
    passes : int >= 1
    dropout : float in [0, 1)
    seed : int
        Draw other masks.
    seeds : sequence of int, optional
        What tells the members apart, e.g. their training seeds; by default their places.
        The masks of a member in pass t depend on ``seed``, the member's own number and t
        alone: the first 15 of 200 passes are the same as 15 passes, and a member has the
        same masks alone as in a stack.

    Returns
    -------
    mu, sigma : float32 arrays, (passes, n_members, n_songs, 2)

    Source: Gal & Ghahramani (2016).
    """
    if passes < 1:
        raise ValueError(f"passes={passes} must be at least 1")
    x = torch.as_tensor(np.ascontiguousarray(x, dtype=np.float32))
    members = range(len(weights["w1"])) if seeds is None else seeds
    mus, sigmas = [], []
    with torch.no_grad():
        a1 = first_layer(weights, x)  # no dropout before it: the same in every pass
        for t in range(passes):
            streams = [np.random.default_rng([seed, 13, k, t + 1]) for k in members]
            masks = [dropout_masks(rng, (2, *a1.shape[1:]), dropout) for rng in streams]
            keep = torch.from_numpy(np.stack(masks, axis=1))
            mu, sigma = after_first_layer(weights, a1, keep.float() / kept_share(dropout))
            mus.append(mu.numpy())
            sigmas.append(sigma.numpy())
    return np.stack(mus), np.stack(sigmas)
