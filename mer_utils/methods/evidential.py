r"""Evidential regression (Amini et al. 2020), as a cautionary case (Meinert et al. 2023).

A head says a normal-inverse-gamma distribution over the mean and variance of a rating:
:math:`\mu \sim N(\gamma, \sigma^2/\nu)`, :math:`\sigma^2 \sim \Gamma^{-1}(\alpha, \beta)`. It
promises two uncertainties from one network: aleatoric (listeners disagree) and epistemic (the
head does not know). A rating then follows Student's t with :math:`2\alpha` degrees of freedom,
centre :math:`\gamma` and squared scale :math:`\beta(1+\nu)/(\nu\alpha)`. So data see nu and beta
only through :math:`\beta(1+\nu)/\nu`: one number, which cannot tell two apart. :func:`valley`
walks along all the pairs that fit equally well.
"""

import torch
from torch.nn.functional import softplus

from mer_utils.methods.gaussian import DOF_RANGE, rating_levels, student_t
from mer_utils.model.losses import SD_FLOOR

NU_FLOOR = 1e-3
"""Least virtual number of ratings behind the mean, so that epistemic variance stays finite."""


def evidential_link(z):
    """P = 4: ``gamma`` in (-1, 1), ``nu`` > 0, ``alpha`` > 1, ``beta`` > 0.

    ``alpha`` lies in [1.5, 50], as the degrees of freedom of Student's t do in
    :mod:`mer_utils.methods.gaussian`; ``beta`` is at least the square of the SD floor.
    """
    gamma, nu, alpha, beta = z.unbind(-2)
    low, high = (dof / 2 for dof in DOF_RANGE)
    alpha = low + softplus(alpha).clamp_max(high - low)
    return torch.tanh(gamma), NU_FLOOR + softplus(nu), alpha, SD_FLOOR**2 + softplus(beta)


def evidential(gamma, nu, alpha, beta, frequencies, weight=0.01):
    r"""NLL of the marginal Student's t plus a penalty, averaged over the listeners' ratings.

    .. math:: \left\langle -\log t_{2\alpha}\left(y;\ \gamma, \frac{\beta(1+\nu)}{\nu\alpha}\right)
              + \lambda\,|y - \gamma|\,(2\nu + \alpha)\right\rangle

    Source: Amini et al. (2020), with their lambda = 0.01.
    """
    scale = (beta * (1 + nu) / (nu * alpha)).sqrt()
    gap = rating_levels(frequencies.shape[-1], gamma) - gamma[..., None]
    penalty = (frequencies * gap.abs()).sum(-1) * (2 * nu + alpha)
    return student_t(gamma, scale, 2 * alpha, frequencies) + weight * penalty


def evidential_moments(gamma, nu, alpha, beta):
    r"""Centre and aleatoric SD :math:`\sqrt{\beta/(\alpha-1)}`, model space."""
    return gamma, (beta / (alpha - 1)).sqrt()


def epistemic(gamma, nu, alpha, beta):
    r"""Variance of the mean, :math:`\beta/(\nu(\alpha-1))`; with the aleatoric: a rating's."""
    return beta / (nu * (alpha - 1))


def valley(gamma, nu, alpha, beta, along):
    r"""Other answers with the same fit: for each nu in ``along`` the beta that keeps the NLL.

    :math:`\beta' = \beta\frac{1+\nu}{\nu}\cdot\frac{\nu'}{1+\nu'}`: the NLL cannot tell them
    apart, while the aleatoric share of the variance, :math:`\nu'/(1+\nu')`, takes any value.
    What decides is the penalty alone. Source: Meinert et al. (2023), "The unreasonable
    effectiveness of deep evidential regression".

    Returns a tuple for :func:`evidential`, like the link's, one value per ``along``.
    """
    along = torch.as_tensor(along, dtype=beta.dtype)
    moved = beta * (1 + nu) / nu * along / (1 + along)
    return gamma.expand_as(moved), along.expand_as(moved), alpha.expand_as(moved), moved
