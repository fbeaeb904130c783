"""What a panel of listeners says of every song, and what a method predicts: two plain records.

All numbers are in model space: the lowest rating is -1, the highest 1, and the whole ratings of a
scale with K of them are :func:`levels`, ``linspace(-1, 1, K)``. SDs are population SDs (ddof=0),
those of the histogram.
"""

from typing import NamedTuple

import numpy as np


class Listeners(NamedTuple):
    """A panel: n songs, D dimensions, K levels of the scale.

    Where only means and SDs are known (DEAM), ``frequencies`` is :func:`maximum_entropy`, a
    stand-in. ``covariance`` is known where listeners' pairs of ratings are.
    """

    mean: np.ndarray  # (n, D)
    sd: np.ndarray  # (n, D), ddof=0
    frequencies: np.ndarray  # (n, D, K), sums to 1: the histogram of the ratings
    covariance: np.ndarray | None = None  # (n, D, D), ddof=0


class Predicted(NamedTuple):
    """The rating that a listener picked at random would give, as a method sees it."""

    mu: np.ndarray  # (n_members, n, D), mean
    sigma: np.ndarray  # (n_members, n, D), SD over listeners
    p: np.ndarray | None = None  # (n_members, n, D, K); None: the method says mean and SD alone

    def probabilities(self, n_levels: int) -> np.ndarray:
        """``p``, or :func:`maximum_entropy` of ``mu`` and ``sigma``."""
        return maximum_entropy(self.mu, self.sigma, n_levels) if self.p is None else self.p


def levels(n_levels: int) -> np.ndarray:
    """The whole ratings of a scale, in model space."""
    return np.linspace(-1, 1, n_levels)


def panel_of(counts, covariance=None) -> Listeners:
    """The panel behind ``counts`` of listeners at each level, (n, D, K).

    Raises
    ------
    ValueError
        A song has fewer than two listeners, or counts are negative or not finite.
    """
    counts = np.asarray(counts, float)
    if not (np.isfinite(counts).all() and (counts >= 0).all()):
        raise ValueError("counts of listeners must be finite and at least 0")
    few = np.argwhere(counts.sum(-1) < 2 - 1e-9)
    if len(few):
        raise ValueError(f"song {few[0][0]} (from 0) has fewer than two listeners: leave it out")
    frequencies = counts / counts.sum(-1, keepdims=True)
    return Listeners(*moments_of(frequencies), frequencies, covariance)


def moments_of(p):
    """Mean and SD (ddof=0) of distributions on the levels: (..., K) -> two of (...)."""
    at = levels(p.shape[-1])
    mean = p @ at
    return mean, np.sqrt(np.maximum(p @ at**2 - mean**2, 0.0))


def panel_of_moments(mean, sd, n_levels: int) -> Listeners:
    """A panel of which only means and SDs (n, D; ddof=0, model space) are known."""
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    return Listeners(mean, sd, maximum_entropy(mean, sd, n_levels))


def maximum_entropy(mean, sd, n_levels: int, steps: int = 60) -> np.ndarray:
    r"""The distribution on the levels that says nothing but its mean and SD.

    .. math:: p_k \propto \exp(a v_k + b v_k^2)

    which is a normal density at the levels :math:`v_k`, or bent upwards where the SD is larger than
    that of equal ratings. Among all with these moments it has the highest entropy (Jaynes 1957).

    Parameters
    ----------
    mean, sd : arrays of one shape (...), model space
        Moved to the nearest that whole ratings can have, with a little to spare: a mean lies within
        the scale, and an SD between what a mean between two levels needs and what the ends allow.

    Returns
    -------
    p : array, (..., n_levels)
        Moments to 1e-6.

    Notes
    -----
    Newton's method on the convex dual, with its steps halved where they do not descend.
    """
    v, step = levels(n_levels), 2 / (n_levels - 1)
    mean = np.clip(np.asarray(mean, float), -1 + step / 50, 1 - step / 50)
    part = (mean + 1) / step % 1
    least, most = step**2 * part * (1 - part), 1 - mean**2  # Bhatia & Davis (2000)
    spare = 0.02 * np.minimum(step**2, most - least)
    square = np.clip(np.asarray(sd, float) ** 2, least + spare, most - spare) + mean**2
    wanted = np.stack([mean, square], -1).reshape(-1, 2)
    basis = np.stack([v, v**2], -1)  # (K, 2)
    spread = np.maximum(wanted[:, 1] - wanted[:, 0] ** 2, 1e-3)
    at = np.stack([wanted[:, 0] / spread, -0.5 / spread], -1)

    def dual(at):
        z = at @ basis.T
        top = z.max(1, keepdims=True)
        e = np.exp(z - top)
        total = e.sum(1, keepdims=True)
        return np.log(total[:, 0]) + top[:, 0] - (at * wanted).sum(1), e / total

    value, p = dual(at)
    for _ in range(steps):
        found = p @ basis
        gap = found - wanted
        if np.abs(gap).max() < 1e-7:
            break
        centred = basis[None] - found[:, None]
        hessian = np.einsum("nk,nki,nkj->nij", p, centred, centred)
        hessian += 1e-12 * np.eye(2)
        move = np.linalg.solve(hessian, gap[..., None])[..., 0]
        size = np.ones(len(at))
        for _ in range(30):
            new, p_new = dual(at - size[:, None] * move)
            worse = new > value + 1e-12
            if not worse.any():
                break
            size[worse] /= 2
        at, value, p = at - size[:, None] * move, new, p_new
    return p.reshape(*np.shape(mean), n_levels)
