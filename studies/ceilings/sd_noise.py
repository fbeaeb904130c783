"""How far the SD of n raters strays from the SD of everyone: small-sample moments.

A song's raters are n independent draws from that song's own distribution of ratings, with SD
``sigma``. Write s for the SD of the n ratings with ddof=1. Then, exactly and for any shape,

    E[s^2] = sigma^2          Var(s^2) = sigma^4 v,    v = 2 / (n - 1) + kappa / n ,

with the excess kurtosis kappa: 0 for a normal, below 0 for a flat or two-peaked shape. A root
is not linear, so E[s] = gamma sigma with gamma < 1, and since E[s^2] = Var(s) + E[s]^2,

    Var(s) = sigma^2 (1 - gamma^2) .

What is left is gamma. First step: take s^2 to be like ``sigma^2 chi2(nu) / nu`` with
``nu = 2 / v``, which has the right mean and variance (Satterthwaite 1946):

    gamma_0 = sqrt(2 / nu) Gamma((nu + 1) / 2) / Gamma(nu / 2) .

For normal ratings that is exact: nu = n - 1, and gamma is the c4 of quality control. Second
step: the third central moment of s^2 / sigma^2 is, exactly (Fisher 1930),

    8 / (n-1)^2 + 12 kappa / (n (n-1)) + 4 (n-2) skew^2 / (n (n-1)^2) + kappa_6 / n^2 ,

where kappa_6 is the standardised sixth cumulant, and that of the chi-square is 2 v^2. In the
series of the root the third moment has the factor 1/16, so gamma = gamma_0 + difference / 16.
Checked against draws of whole numbers from 1 to 9: within 1% of Var(s) for ten raters, but
for shapes piled up at one end (9%); the first step alone is up to 12% off.

Reliability. Let sigma differ between songs, with ``q = E[sigma^2] / Var(sigma)`` over songs.
The share of the variance of s that is song is

    rho_n = gamma^2 Var(sigma) / (gamma^2 Var(sigma) + (1 - gamma^2) E[sigma^2])
          = 1 / (1 + q g(n)),     g(n) = 1 / gamma^2 - 1 .

So the odds (1 - rho) / rho of noise are proportional to g(n). For a mean they are
proportional to 1 / n, which is the Spearman-Brown formula; g falls faster than 1 / n.

Fails where the shape differs much between songs *and* goes with sigma; for two-camp songs
with very few raters; and for 2 or 3 raters, whose s takes only a few values.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln


class Shape(NamedTuple):
    """Shape of a distribution of ratings, free of place and size; each number or array.

    ``skewness`` and excess ``kurtosis`` are 0 for a normal; ``sixth`` is the sixth cumulant
    over sigma^6. ``sixth=None`` fills in what is typical on a 1-9 scale: 4.6 kappa^2 for flat
    shapes and -2.2 kappa^2 for peaked ones (a fit to a few symmetric shapes, no theorem).
    """

    kurtosis: float = 0.0
    skewness: float = 0.0
    sixth: float | None = None


NORMAL = Shape()


def shape_of(probabilities) -> tuple[np.ndarray, np.ndarray, Shape]:
    """Exact mean, SD and shape of ratings 1..9 with these probabilities, (..., 9)."""
    p = np.asarray(probabilities, float)
    ratings = np.arange(1.0, 10.0)
    mean = p @ ratings
    gap = ratings - mean[..., None]
    m2, m3, m4, m6 = ((p * gap**k).sum(-1) for k in (2, 3, 4, 6))
    with np.errstate(divide="ignore", invalid="ignore"):
        skew, kurtosis = m3 / m2**1.5, m4 / m2**2 - 3
        sixth = m6 / m2**3 - 15 * (kurtosis + 3) - 10 * skew**2 + 30
    return mean, np.sqrt(m2), Shape(kurtosis, skew, sixth)


def relative_variance(n, kurtosis=0.0):
    """``v = Var(s^2) / sigma^4`` of the sample variance (ddof=1) of ``n`` raters."""
    n, kurtosis = np.asarray(n, float), np.asarray(kurtosis, float)
    if (n < 2).any():
        raise ValueError(f"an SD needs 2 raters or more, got n = {n.min():g}")
    if (kurtosis < -2).any():
        raise ValueError(f"no distribution has an excess kurtosis of {kurtosis.min():g}, below -2")
    return 2 / (n - 1) + kurtosis / n


def shrinkage(n, shape: Shape = NORMAL):
    """``gamma = E[s] / sigma`` for the SD (ddof=1) of ``n`` raters, in (0, 1]."""
    kurtosis, skewness, sixth = shape
    v = relative_variance(n, kurtosis)
    n, kurtosis = np.asarray(n, float), np.asarray(kurtosis, float)
    if sixth is None:
        sixth = np.where(kurtosis < 0, 4.6, -2.2) * kurtosis**2
    first = np.exp(gammaln(1 / v + 0.5) - gammaln(1 / v)) * np.sqrt(v)
    third = 8 / (n - 1) ** 2 + 12 * kurtosis / (n * (n - 1)) + np.asarray(sixth) / n**2
    third = third + 4 * (n - 2) * np.asarray(skewness) ** 2 / (n * (n - 1) ** 2)
    return np.clip(first + (third - 2 * v**2) / 16, 1e-3, 1 - 1e-9)


def sd_moments(sigma, n, shape: Shape = NORMAL, ddof=0):
    """Mean and variance of the SD of ``n`` raters whose population SD is ``sigma``.

    Arguments broadcast. ``ddof`` says which SD; ``ddof=0``, as in DEAM, is sqrt((n-1)/n) times
    that with ddof=1. Returns ``(expected, variance)`` in the unit of ``sigma`` and its square.
    """
    gamma, sigma, n = shrinkage(n, shape), np.asarray(sigma, float), np.asarray(n, float)
    factor = (n - 1) / (n - ddof)
    return gamma * sigma * np.sqrt(factor), (1 - gamma**2) * sigma**2 * factor


def noise_odds(n, shape: Shape = NORMAL):
    """``g(n) = 1 / gamma^2 - 1``: odds of noise to song, up to a factor that n leaves alone."""
    return 1 / shrinkage(n, shape) ** 2 - 1


def step_sd_reliability(rho, n, new_n, shape: Shape = NORMAL):
    """Reliability of the SD of ``new_n`` raters from that of ``n``: Spearman-Brown for SDs.

    ``rho`` below 0 counts as 0. See the top of this module.
    """
    rho = np.clip(np.asarray(rho, float), 0, 1)
    return rho / (rho + (1 - rho) * noise_odds(new_n, shape) / noise_odds(n, shape))


def raters_for_reliability(target, rho, n, shape: Shape = NORMAL, statistic="sd") -> float:
    """Raters per song that give reliability ``target``, if ``n`` raters give ``rho``.

    Parameters
    ----------
    target : float in (0, 1)
    rho : float
        0 or below gives infinity: no number of raters is enough.
    shape : Shape of numbers
    statistic : {"sd", "mean"}
        "mean" is the Spearman-Brown formula solved for the number of raters.

    Returns
    -------
    float, not rounded; at least 2 for an SD.
    """
    if not 0 < target < 1:
        raise ValueError(f"target={target} must lie between 0 and 1")
    if statistic not in ("mean", "sd"):
        raise ValueError(f'statistic must be "mean" or "sd", got {statistic!r}')
    least = 2.0 if statistic == "sd" else 1.0
    if not rho > 0:
        return float("inf")
    if rho >= 1:
        return least
    odds = (1 / target - 1) / (1 / rho - 1)
    if statistic == "mean":
        return max(float(n / odds), least)

    def gap(log_n):
        return float(np.log(noise_odds(np.exp(log_n), shape) / noise_odds(n, shape) / odds))

    if gap(np.log(2.0)) <= 0:
        return 2.0
    return float(np.exp(brentq(gap, np.log(2.0), np.log(1e9))))
