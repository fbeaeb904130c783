r"""Heads that say a centre and a spread: losses and links.

A link turns the raw outputs ``z`` (..., P, D) of a head into what a loss takes first. Tensors
are (..., n_songs, D) in model space; a histogram of the listeners, ``frequencies``, has its K
levels last. A loss is one value per song and dimension, in nats unless said; lower is better.
``mean`` and ``sd`` (``ddof=0``) are the listeners'. An SD below :data:`SD_FLOOR` counts as the
floor, as in the paper's losses.
"""

import math

import torch
from torch.nn.functional import softplus

from mer_utils.model.losses import SD_FLOOR

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
SIGMA_FLOOR = 1e-4
"""A predicted SD counts as at least this, so that its square does not vanish in float32."""
DOF_RANGE = (3.0, 100.0)
"""Degrees of freedom of Student's t: at 3 the SD is 1.7 scales, at 100 it is a Gaussian."""
LARGEST_CORRELATION = 0.99


def rating_levels(n_levels, like):
    """The levels -1 ... 1 of a scale, as a tensor of the type of ``like``: (n_levels,)."""
    return torch.linspace(-1, 1, n_levels, dtype=like.dtype, device=like.device)


def gaussian_nll(mu, sigma, mean, sd):
    r"""NLL of a Gaussian, averaged over the listeners; only their moments matter.

    .. math:: \log\hat\sigma + \frac{(m - \hat\mu)^2 + s^2}{2\hat\sigma^2} + \frac12\log 2\pi

    Its gradient is that of :func:`mer_utils.model.losses.kld`.
    """
    sigma = sigma.clamp_min(SIGMA_FLOOR)
    square = (mean - mu) ** 2 + sd.clamp_min(SD_FLOOR) ** 2
    return torch.log(sigma) + square / (2 * sigma**2) + HALF_LOG_2PI


def beta_nll(mu, sigma, mean, sd, beta=0.5):
    r"""Gaussian NLL, each song weighted by its predicted variance.

    .. math:: \lfloor\hat\sigma^{2\beta}\rfloor \left(\log\hat\sigma
              + \frac{(m - \hat\mu)^2 + s^2}{2\hat\sigma^2} + \frac12\log 2\pi\right)

    :math:`\lfloor\cdot\rfloor` stops the gradient: the weight is not learned. It takes back
    the NLL's habit of learning the mean least where the SD is large. ``beta=0`` is the NLL; at
    ``beta=1`` the mean's gradient is that of half a squared error. Source: Seitzer et al.
    (2022), here with the average over listeners inside.
    """
    weight = sigma.detach().clamp_min(SIGMA_FLOOR) ** (2 * beta)
    return weight * gaussian_nll(mu, sigma, mean, sd)


def natural_link(z):
    r"""P = 2. :math:`\eta_1 = z_0`, :math:`\eta_2 = -\frac12(1 + \mathrm{softplus}(z_1))`.

    So the SD is below 1, as the paper's: no ratings have an SD above half the range.
    """
    return z[..., 0, :], -0.5 * (1 + softplus(z[..., 1, :]))


def natural_moments(eta1, eta2):
    r""":math:`\mu = -\eta_1 / 2\eta_2`, :math:`\sigma = (-2\eta_2)^{-1/2}`."""
    return -eta1 / (2 * eta2), (-2 * eta2) ** -0.5


def natural(eta1, eta2, mean, sd):
    r"""Gaussian NLL in natural parameters, in which it is convex; the average over listeners.

    .. math:: -\eta_1 m - \eta_2 (m^2 + s^2) - \frac{\eta_1^2}{4\eta_2}
              - \frac12\log(-2\eta_2) + \frac12\log 2\pi

    Here :math:`\eta_1 = \mu/\sigma^2`, :math:`\eta_2 = -1/2\sigma^2`. Source: Immer et al. (2023).
    """
    second = mean**2 + sd.clamp_min(SD_FLOOR) ** 2
    log_partition = -(eta1**2) / (4 * eta2) - 0.5 * torch.log(-2 * eta2)
    return log_partition - eta1 * mean - eta2 * second + HALF_LOG_2PI


def faithful(mu, sigma, mean, sd):
    r"""Half a squared error for the mean; NLL for the SD, in which the mean is a constant.

    .. math:: \frac12 (m - \hat\mu)^2 + \mathrm{NLL}(\lfloor\hat\mu\rfloor, \hat\sigma)

    So the mean is as good as one learned alone. For that the SD must not shape the shared
    layers either: the stack stops its gradient before the trunk. Source: Stirn et al. (2023).
    """
    return (mean - mu) ** 2 / 2 + gaussian_nll(mu.detach(), sigma, mean, sd)


def mean_link(z):
    """P = 1: ``(mu,)`` through ``tanh``, in (-1, 1)."""
    return (torch.tanh(z[..., 0, :]),)


def mean_alone(mu, mean):
    """First step of "mean first, then spread": squared error of the mean."""
    return (mu - mean) ** 2


def sigma_link(z):
    """P = 1: ``(sigma,)`` through the paper's ``exp(-softplus(z))``, in (0, 1)."""
    return (torch.exp(-softplus(z[..., 0, :])),)


def spread_given_mean(sigma, sd):
    """Second step: Gaussian NLL of the listeners around their own mean, not the predicted."""
    return gaussian_nll(torch.zeros_like(sd), sigma, torch.zeros_like(sd), sd)


def student_link(z):
    """P = 3: centre in (-1, 1), scale in (floor, 1 + floor), degrees of freedom in DOF_RANGE.

    The density of a rating that all listeners give is unbounded as the scale goes to 0; so the
    scale is at least :data:`SD_FLOOR`.
    """
    low, high = DOF_RANGE
    scale = SD_FLOOR + torch.exp(-softplus(z[..., 1, :]))
    return torch.tanh(z[..., 0, :]), scale, low + softplus(z[..., 2, :]).clamp_max(high - low)


def student_moments(mu, scale, dof):
    r"""Centre, and SD :math:`= \tau\sqrt{\nu / (\nu - 2)}` of Student's t."""
    return mu, scale * (dof / (dof - 2)).sqrt()


def student_t(mu, scale, dof, frequencies):
    r"""NLL of Student's t, averaged over the listeners' ratings y.

    .. math:: \log\frac{\Gamma(\frac\nu2)\sqrt{\pi\nu}\,\tau}{\Gamma(\frac{\nu+1}2)}
        + \frac{\nu+1}2 \left\langle\log\left(1+\frac{(y-\hat\mu)^2}{\nu\tau^2}\right)\right\rangle

    Source: Lange, Little & Taylor (1989), robust regression with the t distribution.
    """
    y = rating_levels(frequencies.shape[-1], mu)
    standard = (y - mu[..., None]) / scale[..., None]
    tail = (frequencies * torch.log1p(standard**2 / dof[..., None])).sum(-1)
    norm = torch.lgamma(dof / 2) - torch.lgamma((dof + 1) / 2) + 0.5 * torch.log(math.pi * dof)
    return norm + torch.log(scale) + (dof + 1) / 2 * tail


def gaussian_crps(mu, sigma, frequencies):
    r"""CRPS of a Gaussian, averaged over the listeners' ratings; in model space, not nats.

    .. math:: \left\langle (y-\hat\mu)\,(2\Phi(u)-1) + \hat\sigma
              \left(2\varphi(u) - \pi^{-1/2}\right)\right\rangle,\quad u = (y-\hat\mu)/\hat\sigma

    Source: Gneiting & Raftery (2007), with the sign turned.
    """
    sigma = sigma.clamp_min(SIGMA_FLOOR)[..., None]
    gap = rating_levels(frequencies.shape[-1], mu) - mu[..., None]
    u = gap / sigma
    density = torch.exp(-(u**2) / 2 - HALF_LOG_2PI)
    each = gap * torch.erf(u / math.sqrt(2)) + sigma * (2 * density - math.pi**-0.5)
    return (frequencies * each).sum(-1)


def pair_link(z):
    """P = 3, D = 2: ``mu``, ``sigma`` as the paper's, and one correlation, given twice.

    The correlation is 0.99 times the ``tanh`` of the mean of the two spare outputs.
    """
    mu, sigma, spare = z.unbind(-2)
    correlation = LARGEST_CORRELATION * torch.tanh(spare.mean(-1, keepdim=True))
    return torch.tanh(mu), torch.exp(-softplus(sigma)), correlation.expand_as(mu)


def full_covariance(mu, sigma, correlation, mean, covariance):
    r"""NLL of the listeners' pairs of ratings under a Gaussian of two dimensions.

    .. math:: \log 2\pi + \log\hat\sigma_1\hat\sigma_2 + \frac12\log(1-\hat\rho^2)
              + \frac{A_{11} - 2\hat\rho A_{12} + A_{22}}{2(1-\hat\rho^2)},\quad
              A_{ij} = \frac{C_{ij} + d_i d_j}{\hat\sigma_i\hat\sigma_j},\ d = m - \hat\mu

    Each dimension gets half, so that their sum is the NLL. ``covariance`` (..., n, 2, 2) is the
    listeners', ``ddof=0``. Without correlation the sum is that of two :func:`gaussian_nll`.
    Source: Williams (1996), networks that predict a covariance.
    """
    sigma, rho = sigma.clamp_min(SIGMA_FLOOR), correlation[..., 0]
    variance = covariance.diagonal(dim1=-2, dim2=-1).clamp_min(SD_FLOOR**2)
    gap = mean - mu
    own = ((variance + gap**2) / sigma**2).sum(-1)
    cross = (covariance[..., 0, 1] + gap.prod(-1)) / sigma.prod(-1)
    rest = 1 - rho**2
    nll = torch.log(sigma).sum(-1) + 0.5 * torch.log(rest) + (own - 2 * rho * cross) / (2 * rest)
    return (nll / 2 + HALF_LOG_2PI)[..., None].expand_as(mu)
