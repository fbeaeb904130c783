"""The three losses of the paper: one pure function each.

Every loss has the same signature, ``loss(mu, sigma, mean, sd)``, and returns one value per
song and dimension, so a new loss is one new function and one new line in :data:`LOSSES`.
Lower is better. All four arguments are tensors of shape ``(..., n_songs, 2)`` in model
space: ``mu`` in (-1, 1) and ``sigma`` in (0, 1) are the head's, ``mean`` in [-1, 1] and
``sd`` >= 0 are the raters'.

Source: arXiv 2501.11570, section "Probabilistic loss functions".
"""

import math

import torch

SD_FLOOR = 0.0375
"""Smallest empirical SD that enters a logarithm or a denominator, in model space.

When all raters agree the empirical SD is 0 and a Gaussian with that SD is a spike, from
which every divergence is infinite. Ten integer ratings that do not all agree have an SD of
at least 0.3 rating points; we raise smaller SDs to half of that, 0.15 / 4.
"""


def mse(mu, sigma, mean, sd):
    r"""Squared error of both moments: :math:`(\hat\mu - m)^2 + (\hat\sigma - s)^2`.

    At least 0; 0 exactly when both moments are right. An empirical SD of 0 needs no care.
    """
    return (mu - mean) ** 2 + (sigma - sd) ** 2


def gaussian_kl(mu_p, sigma_p, mu_q, sigma_q):
    r"""KL(p || q) of two Gaussians, in nats; at least 0, and 0 only when they are equal.

    .. math:: \log\frac{\sigma_q}{\sigma_p}
              + \frac{\sigma_p^2 + (\mu_p - \mu_q)^2}{2\sigma_q^2} - \frac12

    Both SDs must be positive. Source: Kullback & Leibler (1951), closed form for Gaussians.
    """
    log_ratio = torch.log(sigma_q) - torch.log(sigma_p)
    return log_ratio + (sigma_p**2 + (mu_p - mu_q) ** 2) / (2 * sigma_q**2) - 0.5


def kld(mu, sigma, mean, sd):
    r"""KL(empirical || predicted): how badly the predicted Gaussian covers the raters'.

    At least 0. It differs from the average Gaussian NLL of the song's single ratings by a term
    without the head, so the gradients are equal, as long as the empirical SD (``ddof=0``) is at
    least :data:`SD_FLOOR`. A smaller one
    counts as the floor, so where all raters agree the best predicted SD is the floor, not 0.
    """
    return gaussian_kl(mean, sd.clamp_min(SD_FLOOR), mu, sigma)


def kld_reverse(mu, sigma, mean, sd):
    r"""KL(predicted || empirical): how far the predicted Gaussian strays from the raters'.

    At least 0. Here the empirical SD is a denominator: a song on which all raters agree
    would have infinite weight, and :data:`SD_FLOOR` bounds it.
    """
    return gaussian_kl(mu, sigma, mean, sd.clamp_min(SD_FLOOR))


def nll(mu, sigma, mean, sd=None):
    r"""Gaussian negative log-likelihood of the *mean* rating, in nats.

    .. math:: \log\hat\sigma + \frac{(m - \hat\mu)^2}{2\hat\sigma^2} + \frac12\log 2\pi

    Can be negative. ``sd`` is accepted and never used: this loss has not seen how much the
    raters disagree.
    """
    return torch.log(sigma) + (mean - mu) ** 2 / (2 * sigma**2) + 0.5 * math.log(2 * math.pi)


PAPER_LOSSES = ("mse", "kld", "nll")
"""The three of the paper, in its order."""
LOSSES = {"mse": mse, "kld": kld, "kld_reverse": kld_reverse, "nll": nll}


def get_loss(name: str):
    """The loss called ``name``; a ``ValueError`` that lists the names if there is none."""
    try:
        return LOSSES[name]
    except KeyError:
        raise ValueError(f"unknown loss {name!r}: choose one of {', '.join(LOSSES)}") from None
