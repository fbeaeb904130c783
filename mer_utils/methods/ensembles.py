r"""Ensembles with diversity, and a posterior of the last layer: do they speak of listeners?

Their uncertainty of a song is how far plausible values of its *mean* lie apart. Members
:math:`\hat\mu_k` are taught by :math:`(\hat\mu_k - m)^2`, where m is the listeners' mean. Its
gradient with respect to :math:`\hat\mu_k` does not hold the listeners' SD s, and neither does

* **seeds**: :math:`\operatorname{Var}_k \hat\mu_k`, from initial weights and the order of songs;
* **dropout**: :math:`\operatorname{Var}_t \hat\mu_t`, from masks drawn without looking at a song;
* **a repelled ensemble**: a term in the :math:`\hat\mu_k` alone is added, so that they lie further
  apart, everywhere (:func:`repelled`);
* **Laplace**: :math:`\phi^\top (\Phi^\top\Phi/v + \lambda I)^{-1} \phi`, from the features of songs
  and *one* noise variance v for all of them (:func:`last_layer_laplace`).

Two songs with equal x and equal m but different s get the same spread. If a spread still goes with
s, then because x does: songs unlike the others may also divide listeners; or because hidden layers
that the SD output shapes are shared. That is a finding about songs, not what the method measures.
"""

import numpy as np
import torch
from torch.nn.functional import elu

from mer_utils.model.heads import first_layer

PRECISIONS = np.logspace(-3, 5, 33)
"""Of the prior of the last layer's weights; the marginal likelihood chooses."""


def repelled(mu, sigma, mean, sd, weight=0.5):
    r"""MSE of both moments, less a share of the distance from the ensemble's mean.

    .. math:: (\hat\mu_k - m)^2 + (\hat\sigma_k - s)^2 - w\,(\hat\mu_k - \bar\mu)^2,
              \qquad \bar\mu = \tfrac1K \textstyle\sum_k \hat\mu_k

    Negative correlation learning (Liu and Yao, 1999). Members lie on the first axis of ``mu``; a
    member alone is at its own mean, and this is plain MSE. Averaged over members, the part of the
    means is :math:`(\bar\mu - m)^2 + (1 - w) \operatorname{Var}_k \hat\mu_k` (Krogh and Vedelsby,
    1995): at least 0 for w up to 1, where only the ensemble's mean is taught, and for w > 1 without
    a lower bound, were it not for the tanh. A single member's value can be negative for any w > 0.

    The members must see the same songs in the same order, else their mean is one of different
    songs: targets that differ between members are a ``ValueError``.
    """
    if mean.dim() == mu.dim() and not torch.equal(mean, mean[:1].expand_as(mean)):
        raise ValueError("members see different songs at one place: give them the same order")
    apart = (mu - mu.mean(0, keepdim=True)) ** 2
    return (mu - mean) ** 2 + (sigma - sd) ** 2 - weight * apart


def posterior_sd(taught, residual, wanted, weights, precisions=PRECISIONS):
    r"""SD of a linear model's output under a Gaussian posterior of its weights.

    Parameters
    ----------
    taught, wanted : arrays, (n_taught, P) and (n, P)
        Rows :math:`\phi` of songs that taught, and of songs to predict.
    residual : array, (n_taught,)
        Target less prediction; the noise variance v is the mean of its squares.
    weights : array, (P,)
        The fitted weights, with a prior :math:`N(0, I/\lambda)`.
    precisions : array
        Candidates for :math:`\lambda`; of more than one, that with the largest

        .. math:: 2\log p = -n\log 2\pi v - n - \lambda |w|^2 + P\log\lambda
                  - \log\det(\Phi^\top\Phi/v + \lambda I)

    Returns
    -------
    array, (n,)
        :math:`\sqrt{\phi^\top(\Phi^\top\Phi/v + \lambda I)^{-1}\phi}`: of the mean, without the
        noise v.

    Source: MacKay (1992), Bayesian interpolation; Laplace's evidence as in Daxberger et al. (2021).
    """
    noise = np.mean(residual**2)
    strength, axes = np.linalg.eigh(taught.T @ taught / noise)
    strength = strength.clip(0)
    candidates = np.asarray(precisions, float)[:, None]
    evidence = (np.log(candidates) - np.log(strength + candidates)).sum(1)
    best = candidates[(evidence - candidates[:, 0] * (weights**2).sum()).argmax(), 0]
    return np.sqrt(((wanted @ axes) ** 2 / (strength + best)).sum(1))


def last_layer_laplace(weights, x, split, mean, precisions=PRECISIONS):
    r"""Epistemic SD of the predicted means of an MSE head, in closed form, with no retraining.

    The last layer is :math:`\hat\mu = \tanh(w^\top h)`, with h the second hidden layer (dropout
    off) and 1 for the bias. Linearised at the trained weights, its rows are
    :math:`\phi = (1 - \hat\mu^2)\,(h, 1)`, the derivative of :math:`\hat\mu` by w. One posterior
    for each member and dimension, from ``split.train``: only these songs taught the weights. v is
    their mean squared residual, in-sample, so rather small (:func:`posterior_sd`). Away from the
    songs the SD grows, until tanh saturates: there every weight says 1, and the SD goes to 0.

    Parameters
    ----------
    weights : dict of tensors
        As in :mod:`mer_utils.model.heads`; the first D outputs are the means before tanh.
    x : array, (n, d), standardised as in training
    split : Split
    mean : array, (n, D), the listeners' means; only rows ``split.train`` are used

    Returns
    -------
    array, (n_members, n, D), model space

    Source: Daxberger et al. (2021), Laplace redux; linearised as in Immer et al. (2021).
    """
    x = torch.as_tensor(np.ascontiguousarray(x, dtype=np.float32))
    with torch.no_grad():
        hidden = elu(first_layer(weights, x))
        hidden = elu(torch.baddbmm(weights["b2"], hidden, weights["w2"])).double().numpy()
    hidden = np.concatenate([hidden, np.ones_like(hidden[..., :1])], axis=-1)
    last = torch.cat([weights["w3"], weights["b3"]], dim=1).detach().double().numpy()
    out = np.empty((*hidden.shape[:2], mean.shape[1]))
    for k, d in np.ndindex(len(hidden), mean.shape[1]):
        mu = np.tanh(hidden[k] @ last[k, :, d])
        phi = (1 - mu**2)[:, None] * hidden[k]
        residual = mean[split.train, d] - mu[split.train]
        out[k, :, d] = posterior_sd(phi[split.train], residual, phi, last[k, :, d], precisions)
    return out
