"""Song-level spread of a latent SD, from means and SDs of panels: a null and a model.

A song's rating is a normal with place ``loc`` and size ``scale``, rounded and clipped to 1..9
(:mod:`mer_utils.data.rating_distribution`). For a grid of scales, :class:`LatentGrid` holds each
song's exact rating SD and the mean and variance of the SD of its n raters, with the place
chosen so that the rating has the song's mean. Observed means are too spread out, by the
noise of n raters, so they are first drawn together until their spread is right.

*Null* (:func:`null_reliability`). All songs share one latent scale, chosen to give the
observed mean square SD. The SDs of panels then differ by accident, and a little because the
ends of the scale squeeze the SD of extreme songs. What the observed variance has above that,

    1 - Var_null(s) / Var_observed(s) ,

is the share of disagreement that is *more* than accident and the squeeze. It is not the
reliability: the squeeze is song, not accident, and could be predicted. With
``squeeze=True`` only the accident is subtracted, which gives the reliability.

*Model* (:func:`fit_latent`). log scale = b0 + b1 x + b2 x^2 + tau z, with x = mean - 5 and z
standard normal: tau is the disagreement that the mean does not tell. The likelihood of an
observed SD is that of a chi variable with the exact mean and variance of s at that scale,
averaged over z. Maximum likelihood gives (b, tau), and with them

    rho = Var(E[s | song]) / (Var(E[s | song]) + mean Var(s | song)) ,
    of which beyond the mean: mean over songs of Var over z of E[s | x, z], over the same.

Bootstrap over songs: one Newton step for each resample, from a point near the fit (the
estimating function bootstrap), in tau^2, which may touch 0.

Both fail where ratings are not of that shape: with heavier tails noise is larger than
the model knows and rho is too high, with two camps or flat shapes it is too low.
``lapses`` makes the tails heavier: that share of the answers has nothing to do with the
song and is spread evenly over 1..9 (:mod:`rival_shape` measures it).
"""

from dataclasses import dataclass

import numpy as np
from rival_shape import SCALES, shape_tables
from scipy.optimize import minimize
from scipy.special import gammaln, log_softmax, logsumexp
from scipy.stats import chi
from sd_noise import Shape, shrinkage

LEAST_SD = 0.15  # ten equal ratings count as an SD of half the smallest other one


@dataclass(frozen=True, eq=False)
class LatentGrid:
    """What n raters would show on each song, for each latent scale.

    ``sd`` (n_songs,) is the observed SD with ddof=1 and ``x`` the song's mean minus 5, drawn
    together; the tables are (n_songs, n_scales): ``variance`` of one rating, ``expected``
    and ``noise`` are mean and variance of the panel's SD (ddof=1).
    """

    sd: np.ndarray
    x: np.ndarray
    variance: np.ndarray
    expected: np.ndarray
    noise: np.ndarray


def latent_grid(mean, sd, n=10, ddof=0, lapses: float = 0.0) -> LatentGrid:
    """Tables for songs with these means, SDs (``ddof``) and numbers of raters, all (n_songs,).

    ``lapses`` in [0, 0.5) is the share of answers that are any number from 1 to 9.
    """
    mean, n = np.asarray(mean, float), np.broadcast_to(np.asarray(n, float), np.shape(mean))
    sd = np.asarray(sd, float) * np.sqrt((n - ddof) / (n - 1))
    spread = mean.var()
    kept = max(1 - np.mean(sd**2 / n) / spread, 0.0) if spread > 0 else 0.0
    pulled = mean.mean() + np.sqrt(kept) * (mean - mean.mean())
    variance, kurtosis, skewness, sixth = shape_tables(pulled, lapses)
    shape = Shape(np.maximum(kurtosis, -2), skewness, sixth)
    gamma = shrinkage(n[:, None], shape)
    return LatentGrid(
        sd, pulled - 5, variance, gamma * np.sqrt(variance), variance * (1 - gamma**2)
    )


def _average(weights, values):
    return weights @ values / weights.sum(1).reshape(-1, *[1] * (values.ndim - 1))


def null_reliability(grid: LatentGrid, weights=None, squeeze: bool = False):
    """Share of the SDs' variance beyond the null of one latent scale; see the top.

    ``squeeze=True`` counts what the ends of the scale do to extreme songs as song.
    ``weights`` (n_resamples, n_songs) gives (n_resamples,). Can be below 0.
    """
    w = np.ones((1, len(grid.sd))) if weights is None else np.asarray(weights, float)
    target = _average(w, grid.sd**2)
    observed = target - _average(w, grid.sd) ** 2
    variance, expected = _average(w, grid.variance), _average(w, grid.expected)
    noise = _average(w, grid.noise)
    null = noise if squeeze else noise + _average(w, grid.expected**2) - expected**2
    at = np.array([np.interp(t, v, row) for t, v, row in zip(target, variance, null, strict=True)])
    rho = 1 - at / observed
    return rho if len(rho) > 1 else float(rho[0])


def _chi_log_density(sd, expected, noise):
    """Log density of a chi variable (times a factor) with this mean and variance."""
    df = np.interp(np.log(expected**2 / noise), -_LOG_CHI_ODDS, _CHI_DF)
    unit = np.exp(gammaln((df + 1) / 2) - gammaln(df / 2)) * np.sqrt(2) / expected
    z = np.maximum(sd, LEAST_SD)[:, None] * unit
    return chi.logpdf(z, df) + np.log(unit)


_CHI_DF = np.geomspace(0.5, 1e5, 800)
_LOG_CHI_ODDS = np.log(
    np.expm1(-2 * (gammaln((_CHI_DF + 1) / 2) - gammaln(_CHI_DF / 2) + 0.5 * np.log(2 / _CHI_DF)))
)


@dataclass(frozen=True, eq=False)
class LatentFit:
    """The fitted model: ``b`` (3,), ``tau``, and songs' scores for the bootstrap."""

    grid: LatentGrid
    b: np.ndarray
    tau: float
    near: np.ndarray  # (4,): (b, tau^2), where the next two are taken; tau not too small
    gradient: np.ndarray  # (n_songs, 4): of each song's log-likelihood
    hessian: np.ndarray  # (4, 4): of the mean log-likelihood


LEAST_TAU = 0.015
NEAR_TAU = 0.08  # at tau = 0 a likelihood is bent too little for a Newton step
_LOG_SCALES = np.log(SCALES)


def _design(grid):
    return np.stack([np.ones_like(grid.x), grid.x, grid.x**2], axis=1)


def _log_prior(centre, tau2):
    return log_softmax(-((_LOG_SCALES - centre[:, None]) ** 2) / (2 * tau2), axis=1)


def _song_gradients(theta, design, log_density):
    """Log-likelihood of each song and its gradient in (b, tau^2)."""
    tau2 = theta[3]
    centre = design @ theta[:3]
    gap = _LOG_SCALES - centre[:, None]
    log_prior = _log_prior(centre, tau2)
    joint = log_density + log_prior
    value = logsumexp(joint, axis=1)
    change = np.exp(joint - value[:, None]) - np.exp(log_prior)  # posterior - prior
    along = (change * gap).sum(1) / tau2
    around = (change * gap**2).sum(1) / (2 * tau2**2)
    return value, np.c_[design * along[:, None], around]


def fit_latent(grid: LatentGrid) -> LatentFit:
    """Maximum likelihood of (b, tau); see the top of this module."""
    design = _design(grid)
    log_density = _chi_log_density(grid.sd, grid.expected, grid.noise)
    log_density -= log_density.max(1, keepdims=True)

    def loss(free):
        theta = np.r_[free[:3], np.exp(2 * free[3])]
        value, gradient = _song_gradients(theta, design, log_density)
        slope = gradient.mean(0)
        slope[3] *= 2 * theta[3]
        return -value.mean(), -slope

    middle = np.log(np.sqrt(np.mean(grid.sd**2)))
    bounds = [(None, None)] * 3 + [(np.log(LEAST_TAU), np.log(1.5))]
    starts = [np.r_[middle, 0, 0, np.log(tau)] for tau in (0.06, 0.25)]
    tried = [minimize(loss, s, jac=True, method="L-BFGS-B", bounds=bounds) for s in starts]
    best = min(tried, key=lambda t: t.fun)
    theta = np.r_[best.x[:3], np.exp(2 * best.x[3])]
    near = np.r_[theta[:3], max(theta[3], NEAR_TAU**2)]
    gradient = _song_gradients(near, design, log_density)[1]
    hessian = np.empty((4, 4))
    for k in range(4):
        step = np.zeros(4)
        step[k] = 1e-4 if k < 3 else 1e-2 * near[3]
        high, low = (
            _song_gradients(near + sign * step, design, log_density)[1].mean(0) for sign in (1, -1)
        )
        hessian[k] = (high - low) / (2 * step[k])
    return LatentFit(
        grid, theta[:3], float(np.sqrt(theta[3])), near, gradient, (hessian + hessian.T) / 2
    )


def latent_reliability(fit: LatentFit, weights=None) -> np.ndarray:
    """Reliability of the SD under the model, and its part beyond the mean: (2,).

    ``weights`` (n_resamples, n_songs) gives (n_resamples, 2), one Newton step each.
    """
    if weights is None:
        return _model_shares(fit.grid, np.r_[fit.b, fit.tau**2], None)
    moves = np.linalg.solve(-fit.hessian, _average(np.asarray(weights, float), fit.gradient).T).T
    out = []
    for move, w in zip(moves, weights, strict=True):
        moved = fit.near + move
        moved[3] = max(moved[3], LEAST_TAU**2)
        out.append(_model_shares(fit.grid, moved, w))
    return np.array(out)


def _model_shares(grid, theta, weights):
    design = _design(grid)
    prior = np.exp(_log_prior(design @ theta[:3], theta[3]))
    expected = (prior * grid.expected).sum(1)
    within = (prior * grid.expected**2).sum(1) - expected**2
    noise = np.average((prior * grid.noise).sum(1), weights=weights)
    beyond = np.average(within, weights=weights)
    level = np.average(expected, weights=weights)
    told = np.average((expected - level) ** 2, weights=weights)
    total = told + beyond + noise
    return np.array([(told + beyond) / total, beyond / total])
