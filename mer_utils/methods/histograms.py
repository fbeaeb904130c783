r"""Heads that say how likely each level of the rating scale is: links and losses.

Levels are the K ratings of the scale, -1 ... 1 in model space; cut points lie in the middle
between two levels and the ends take the tails. ``p`` and ``frequencies`` are (..., n_songs, D, K)
and sum to 1. A link turns raw outputs ``z`` (..., P, D) into a tuple that a loss takes first; a
loss is one value per song and dimension, and lower is better.
"""

import math

import torch
from torch.nn.functional import softplus

from mer_utils.methods.gaussian import rating_levels
from mer_utils.model.losses import SD_FLOOR

LAPSE = 1e-4
"""Share of ratings given at random. It keeps every probability, so its logarithm, finite."""
CENTRE_RANGE = 1.25
"""A latent centre may leave the scale (a song that most rate at the end) but not run away:
far outside only its distance in scales matters, and centre and scale would drift for ever."""
TAUS = (0.1, 0.25, 0.5, 0.75, 0.9)
NARROWEST = 1e-3
"""Least distance of two neighbouring quantiles, in model space."""


def normal_cdf(t):
    """Standard normal CDF that keeps its digits in the left tail, unlike ``special.ndtr``."""
    return 0.5 * torch.erfc(-t / math.sqrt(2))


def student3_cdf(t):
    r"""CDF of Student's t with 3 degrees of freedom, precise in the left tail.

    With :math:`u = -t/\sqrt3`: :math:`(\mathrm{atan2}(1, u) - u/(1+u^2))/\pi`.
    """
    u = -t / math.sqrt(3)
    return (torch.atan2(torch.ones_like(u), u) - u / (1 + u**2)) / math.pi


def level_probabilities(mu, scale, n_levels, cdf):
    r"""Probabilities of the levels when a latent variable is cut at the midpoints.

    :math:`p_k = F((c_k - \mu)/\tau) - F((c_{k-1} - \mu)/\tau)`. For a symmetric ``cdf`` a
    difference above the centre is taken in the other tail, where the digits are. Shape of
    ``mu`` plus (K,). Source: McCullagh (1980), with known cut points.
    """
    levels = rating_levels(n_levels, mu)
    t = ((levels[1:] + levels[:-1]) / 2 - mu[..., None]) / scale[..., None]
    low, high = t[..., :-1], t[..., 1:]
    above = low + high > 0
    low, high = torch.where(above, -high, low), torch.where(above, -low, high)
    inner = (cdf(high) - cdf(low)).clamp_min(0)
    return torch.cat([cdf(t[..., :1]), inner, cdf(-t[..., -1:])], dim=-1)


def with_lapse(p):
    """Mixture of ``p`` with random ratings, a share :data:`LAPSE` of all."""
    return (1 - LAPSE) * p + LAPSE / p.shape[-1]


def moments_of(p):
    """Mean and SD of one rating with these probabilities, model space: two (..., n, D)."""
    y = rating_levels(p.shape[-1], p)
    mu = (p * y).sum(-1)
    return mu, (p * (y - mu[..., None]) ** 2).sum(-1).clamp_min(1e-12).sqrt()


def centre_and_scale(z_centre, z_scale):
    """Latent centre in ``CENTRE_RANGE`` and scale above the floor; two modes need a large one."""
    return CENTRE_RANGE * torch.tanh(z_centre), SD_FLOOR + softplus(z_scale)


def ordinal_normal(z, n_levels, cdf=normal_cdf):
    """P = 2, ``(p,)``: a latent Gaussian (centre, scale), cut at the midpoints of the levels."""
    mu, scale = centre_and_scale(z[..., 0, :], z[..., 1, :])
    return (with_lapse(level_probabilities(mu, scale, n_levels, cdf)),)


def ordinal_student(z, n_levels):
    """P = 2, ``(p,)``: its heavy-tailed cousin, Student's t with 3 degrees of freedom."""
    return ordinal_normal(z, n_levels, student3_cdf)


def mixture_link(z, n_components, n_levels):
    """P = 3 per component, ``(p,)``: mixture density network of discretised Gaussians.

    Outputs: all centres, all scales, all logits of the weights. Centres start at different
    places, so that components do not begin as equals. Source: Bishop (1994).
    """
    centre, scale, logits = z.unflatten(-2, (3, n_components)).unbind(-3)
    start = torch.linspace(-0.5, 0.5, n_components, dtype=z.dtype, device=z.device)
    mu, scale = centre_and_scale(centre + start[:, None], scale)
    each = level_probabilities(mu, scale, n_levels, normal_cdf)
    return (with_lapse((torch.softmax(logits, -2)[..., None] * each).sum(-3)),)


def softmax_link(z):
    """P = K, ``(p,)``: one output per level, nothing assumed about the shape."""
    return (with_lapse(torch.softmax(z, -2).movedim(-2, -1)),)


def quantile_link(z):
    """P = 5, ``(quantiles,)`` (..., n, D, 5) at :data:`TAUS`, each above the one before.

    The middle output is the median, as a latent centre; the others are distances between
    neighbouring quantiles, through ``softplus``. Source: the non-crossing of Gasthaus et al.
    (2019).
    """
    middle = len(TAUS) // 2
    z = z.movedim(-2, -1)
    median = CENTRE_RANGE * torch.tanh(z[..., middle : middle + 1])
    below = NARROWEST + softplus(z[..., :middle])
    above = NARROWEST + softplus(z[..., middle + 1 :])
    lower = median - below.flip(-1).cumsum(-1).flip(-1)
    return (torch.cat([lower, median, median + above.cumsum(-1)], dim=-1),)


def quantile_probabilities(quantiles, n_levels):
    """Probabilities of the levels: the CDF is straight between quantiles, cut at midpoints.

    The outermost stretches go on with the same slope until 0 and 1. Moments follow by
    :func:`moments_of`. Shape (..., n, D, K).
    """
    levels, q = rating_levels(n_levels, quantiles), quantiles[..., None, :]
    tau = torch.tensor(TAUS, dtype=q.dtype, device=q.device)
    slope = tau.diff() / q.diff(dim=-1)
    x = ((levels[1:] + levels[:-1]) / 2)[:, None]
    left = (tau[:1] + slope[..., :1] * (x - q[..., :1])).clamp_max(tau[0])
    steps = slope * (x - q[..., :-1]).clamp_min(0)
    steps = torch.cat([steps[..., :-1].minimum(tau.diff()[:-1]), steps[..., -1:]], dim=-1)
    cdf = (left[..., 0] + steps.sum(-1)).clamp(0, 1)
    end = torch.ones_like(cdf[..., :1])
    return with_lapse(torch.cat([cdf, end], -1) - torch.cat([0 * end, cdf], -1))


def cross_entropy(p, frequencies):
    r""":math:`-\sum_k f_k \log p_k`: NLL of the listeners' ratings, in nats; ``p`` above 0."""
    return -(frequencies * torch.log(p)).sum(-1)


def emd(p, frequencies):
    r"""Earth mover's distance of NIMA: :math:`(\frac1K\sum_k (P_k - F_k)^2)^{1/2}`.

    P and F are cumulated. At equality the gradient of the root is taken as 0. Source: Talebi &
    Milanfar (2018), with r = 2.
    """
    gap = (p - frequencies).cumsum(-1)
    return torch.linalg.vector_norm(gap, dim=-1) / gap.shape[-1] ** 0.5


def emd_moments(p, frequencies):
    """:func:`emd` plus the squared errors of mean and SD of one rating (our addition)."""
    (mu, sigma), (mean, sd) = moments_of(p), moments_of(frequencies)
    return emd(p, frequencies) + (mu - mean) ** 2 + (sigma - sd) ** 2


def ranked_probability(p, frequencies):
    r"""CRPS of the levels' distribution, averaged over the listeners; in model space.

    :math:`\Delta\sum_{k<K} \left[(P_k - F_k)^2 + F_k(1 - F_k)\right]`, with the distance
    :math:`\Delta = 2/(K-1)` of levels. Source: Epstein (1969); Gneiting & Raftery (2007).
    """
    ours, theirs = p.cumsum(-1)[..., :-1], frequencies.cumsum(-1)[..., :-1]
    each = (ours - theirs) ** 2 + theirs * (1 - theirs)
    return each.sum(-1) * 2 / (p.shape[-1] - 1)


def pinball(quantiles, frequencies):
    r"""Quantile loss :math:`\max(\tau(y-q), (\tau-1)(y-q))`, averaged over listeners and taus.

    Source: Koenker & Bassett (1978).
    """
    y = rating_levels(frequencies.shape[-1], quantiles)
    tau = torch.tensor(TAUS, dtype=y.dtype, device=y.device)[:, None]
    gap = y - quantiles[..., None]
    each = torch.maximum(tau * gap, (tau - 1) * gap).mean(-2)
    return (frequencies * each).sum(-1)
