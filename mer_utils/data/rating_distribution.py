"""The distribution of one rating: a normal variable, rounded and clipped to 1..9.

:func:`rating_moments` goes from the normal's location and scale to the rating's mean and
SD, :func:`solve_moments` goes back. Both are exact and vectorised.
"""

import numpy as np
from scipy.optimize.elementwise import find_root
from scipy.special import ndtr

from mer_utils.data.ratings import sd_bound


def rating_probabilities(loc, scale) -> np.ndarray:
    """Probabilities of the ratings 1..9 for ``clip(round(N(loc, scale)), 1, 9)``.

    ``loc`` and ``scale`` have any one shape; the result has an axis of 9 at its end.
    """
    loc, scale = np.broadcast_arrays(np.asarray(loc, float), np.asarray(scale, float))
    z = (np.arange(1.5, 9) - loc[..., None]) / scale[..., None]
    below = np.concatenate([np.zeros_like(z[..., :1]), ndtr(z)], axis=-1)
    above = np.concatenate([ndtr(-z), np.zeros_like(z[..., :1])], axis=-1)
    # Differences of the smaller tail keep their digits at both ends of the scale.
    step_up = np.diff(below, axis=-1, append=1.0)
    step_down = -np.diff(above, axis=-1, prepend=1.0)
    return np.where(below < 0.5, step_up, step_down)


def rating_moments(loc, scale) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and SD of the rounded, clipped rating; same shape as ``loc``."""
    p = rating_probabilities(loc, scale)
    ratings = np.arange(1.0, 10.0)
    mean = p @ ratings
    return mean, np.sqrt((p * (ratings - mean[..., None]) ** 2).sum(-1))


def solve_moments(mean, sd) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale of the normal variable whose rating has this mean and SD.

    Parameters
    ----------
    mean, sd : float arrays of one shape, rating scale 1-9

    Returns
    -------
    loc, scale : float arrays of that shape; moments agree to 1e-6 or better

    Raises
    ------
    ValueError
        If no ratings on 1..9 can have this mean and SD. Feasible is ``1 < mean < 9`` and
        ``sqrt(f * (1 - f)) < sd < sqrt((mean - 1) * (9 - mean))``, where f is the part of
        the mean after the decimal point.

    Notes
    -----
    For a given scale the mean grows with the location, so an inner root gives the location;
    an outer root over log(scale) then meets the SD.
    """
    mean, sd = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    fraction = mean % 1
    with np.errstate(invalid="ignore"):
        possible = (mean > 1) & (mean < 9) & (sd > np.sqrt(fraction * (1 - fraction)))
        possible &= sd < sd_bound(np.where(possible, mean, 5.0))

    def loc_of(log_scale, mean):
        scale = np.exp(log_scale)
        bracket = (1.5 - 9 * scale, 8.5 + 9 * scale)
        return find_root(mean_gap, bracket, args=(scale, mean)).x

    def mean_gap(loc, scale, mean):
        return rating_moments(loc, scale)[0] - mean

    def sd_gap(log_scale, mean, sd):
        return rating_moments(loc_of(log_scale, mean), np.exp(log_scale))[1] - sd

    safe_mean, safe_sd = np.where(possible, mean, 5.0), np.where(possible, sd, 1.0)
    log_scale = find_root(sd_gap, (np.log(0.02), np.log(1e5)), args=(safe_mean, safe_sd)).x
    loc, scale = loc_of(log_scale, safe_mean), np.exp(log_scale)
    got_mean, got_sd = rating_moments(loc, scale)
    good = possible & (abs(got_mean - mean) < 1e-6) & (abs(got_sd - sd) < 1e-6)
    if not good.all():
        where = tuple(np.argwhere(~good)[0].tolist())
        raise ValueError(
            f"no rating on 1..9 has mean {mean[where]:.4g} and SD {sd[where]:.4g} "
            f"({(~good).sum()} such pairs, the first at {where}): "
            "keep the SD between sqrt(f (1 - f)) and sqrt((mean - 1) (9 - mean))"
        )
    return loc, scale
