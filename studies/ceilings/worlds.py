r"""Simulated worlds that look like a set of songs of which only means and SDs are known.

A world has songs with given places on the scale. A rater's answer is the song's place plus the
song's spread times a deviation, rounded to a whole number and cut at the ends of the scale:

.. math:: x_{ij} = \text{cut}(\text{round}(p_i + e^{a + b (p_i - c)^2 + \tau z_i} d_{ij})),

with c the middle of the scale and :math:`z_i` standard normal. The four numbers a, b,
:math:`\tau` and the stretch of the places are fitted so that panels of n raters show the observed
level of the SDs, their variance, what a quadratic in the panel's mean tells of them, and the
variance of the means. The *shape* of the deviations d is a choice:

``lapses``   normal; but with this probability an answer is any point of the scale, by chance
``heavy``    generalised normal with this exponent: 2 is normal, 1 Laplace, 8 nearly flat
``skewed``   a gamma distribution with this shape, turned the other way on every second song
``camps``    two groups of listeners this far from the middle, in SDs, each normal

Then the reliability of the SD in the world is *known*: two panels are drawn, and compared. Matching
a model's simulated statistics to the observed ones is indirect inference (Gourieroux, Monfort &
Renault 1993).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import gamma
from scipy.stats import norm

from mer_utils.data.ratings import quadratic_fit

SHAPES = {
    "lapses": (0.0, 0.01, 0.02, 0.035, 0.06, 0.1),
    "heavy": (8.0, 3.0, 2.0, 1.6, 1.3, 1.1, 0.9),
    "skewed": (400.0, 20.0, 6.0, 3.0, 2.0, 1.4),
}
"""The shapes through which noise is carried, each from light tails to heavy ones."""


class Observed(NamedTuple):
    """What panels of ``n`` raters show of a set of songs, on its own scale."""

    places: np.ndarray
    """Songs' means, less the noise of a panel as far as possible: (n_songs,)."""
    n: int
    scale: tuple
    level: float
    """Average SD (ddof=1)."""
    variance: float
    """Variance of the SD over songs."""
    told: float
    """Variance over songs of the quadratic in the panel's own mean that is fitted to its SD."""
    mean_variance: float
    """Variance of the panel's mean over songs."""


def observe(mean, sd, n, scale, places=None) -> Observed:
    """From means and SDs (ddof=1) of panels, (n_songs,) or (n_draws, n_songs).

    Without ``places`` the means are shrunk to the variance that they have without their noise.
    """
    mean, sd = np.atleast_2d(mean), np.atleast_2d(sd)
    spread = mean.var(axis=1).mean()
    if places is None:
        keep = np.sqrt(max(1 - (sd**2).mean() / n / spread, 0.0))
        places = mean.mean() + keep * (mean[0] - mean.mean())
    told = np.mean([quadratic(m, s).var() for m, s in zip(mean, sd, strict=True)])
    return Observed(places, n, scale, sd.mean(), sd.var(axis=1).mean(), told, spread)


def quadratic(mean, sd):
    """The values of the least-squares quadratic of ``sd`` in ``mean``, over songs."""
    return quadratic_fit(mean, sd)(mean)


def deviations(shape: str, value: float, size, rng, turned) -> np.ndarray:
    """Deviations with mean 0 and SD 1 of this shape, (..., n_songs, n); ``turned`` (n_songs, 1)."""
    if shape == "heavy":
        ratio = gamma(1 / value) / gamma(3 / value)
        away = rng.standard_gamma(1 / value, size) ** (1 / value) * np.sqrt(ratio)
        return np.where(rng.random(size) < 0.5, away, -away)
    if shape == "skewed":
        return turned * (rng.standard_gamma(value, size) - value) / np.sqrt(value)
    if shape == "camps":
        side = np.where(rng.random(size) < 0.5, value, -value)
        return side + np.sqrt(1 - value**2) * rng.standard_normal(size)
    if shape == "lapses":
        return rng.standard_normal(size)
    raise ValueError(f"unknown shape {shape!r}: lapses, heavy, skewed or camps")


@dataclass(eq=False)
class World:
    """Songs and listeners of one shape; call :meth:`fit`, then :meth:`panels`.

    ``spread_of_raters`` is the SD of the log of each rater's own spread, new raters for each panel.
    """

    like: Observed
    shape: str
    value: float
    spread_of_raters: float = 0.0
    draws: int = 8
    seed: int = 0

    def __post_init__(self):
        rng, songs = np.random.default_rng(self.seed), len(self.like.places)
        self.z = norm.ppf((rng.permutation(songs) + 0.5) / songs)
        self.turned = np.where(rng.permutation(songs) % 2 == 0, 1.0, -1.0)[:, None]
        self.given = self.listeners((2, self.draws, songs, self.like.n), rng)
        self.stretch, self.a, self.b, self.tau = 1.0, np.log(self.like.level), 0.0, 0.15

    def listeners(self, size, rng, own_spread=None) -> tuple:
        """Deviations and lapses of new listeners: ``size`` is (..., n_songs, n).

        ``own_spread``: log spreads of listeners who hear all songs, (n,); else new for each answer.
        """
        d = deviations(self.shape, self.value, size, rng, self.turned)
        h = self.spread_of_raters
        if h:
            d = d * np.exp((rng.standard_normal(size) * h if own_spread is None else own_spread)
                           - h**2)  # fmt: skip
        if self.shape != "lapses" or self.value == 0:
            return d, None, None
        low, high = self.like.scale
        return d, rng.random(size) < self.value, rng.integers(low, high + 1, size)

    def latent(self):
        """Places and spreads of the songs, (n_songs,) each."""
        low, high = self.like.scale
        middle = self.like.places.mean()
        place = middle + (self.like.places - middle) * self.stretch
        bend = self.b * ((place - (low + high) / 2) / (high - low) * 2) ** 2
        return place, np.exp(self.a + bend + self.tau * self.z)

    def ratings(self, listeners=None) -> np.ndarray:
        """Answers (..., n_songs, n), by default of both panels: (2, draws, n_songs, n)."""
        d, lapse, anything = self.given if listeners is None else listeners
        place, spread = self.latent()
        x = np.clip(np.rint(place[:, None] + spread[:, None] * d), *self.like.scale)
        return x if lapse is None else np.where(lapse, anything, x)

    def panels(self):
        """Mean and SD (ddof=1) of both panels: (2, draws, n_songs) each."""
        x = self.ratings()
        return x.mean(axis=-1), x.std(axis=-1, ddof=1)

    def fit(self, rounds: int = 14) -> "World":
        """Move the four numbers until the panels look as observed; see the top.

        Where even equal songs show more variance of SDs than was observed, tau ends at 0.
        """
        goal = self.like
        for _ in range(rounds):
            mean, sd = self.panels()
            seen = observe(mean.reshape(-1, *mean.shape[2:]), sd.reshape(-1, *sd.shape[2:]),
                           goal.n, goal.scale, goal.places)  # fmt: skip
            self.stretch *= np.sqrt(goal.mean_variance / seen.mean_variance)
            self.a += np.log(goal.level / seen.level)
            self.b += self._bend(mean, sd, goal.told, seen.told)
            unit = max(_covariance(sd - self._told(mean, sd)), 1e-9) / max(self.tau, 1e-3) ** 2
            unit = min(max(unit, 0.2 * seen.level**2), 2 * seen.level**2)
            lacking = (goal.variance - goal.told) - (seen.variance - seen.told)
            self.tau = np.sqrt(np.clip(self.tau**2 + lacking / unit, 1e-8, 4.0))
        return self

    def _told(self, mean, sd):
        flat = zip(mean.reshape(-1, mean.shape[-1]), sd.reshape(-1, sd.shape[-1]), strict=True)
        return np.array([quadratic(m, s) for m, s in flat]).reshape(sd.shape)

    def _bend(self, mean, sd, goal, seen):
        """A step of b that brings the told variance nearer, with the sign that it has."""
        place = self.latent()[0]
        low, high = self.like.scale
        squared = ((place - (low + high) / 2) / (high - low) * 2) ** 2
        slope = np.cov(squared, quadratic(mean.mean((0, 1)), sd.mean((0, 1))))[0, 1]
        lever = squared.var() * sd.mean()
        return np.sign(slope) * (np.sqrt(goal) - np.sqrt(seen)) * squared.std() / lever * 0.7

    def truth(self) -> dict:
        """``all`` and ``beyond``: reliability of the SD, and of what the quadratic leaves of it.

        ``noise`` and ``noise_beyond``: the noise of each as a share of the mean square SD.
        """
        mean, sd = self.panels()
        rest, square = sd - self._told(mean, sd), (sd**2).mean()
        found = {}
        for name, end, t in (("all", "", sd), ("beyond", "_beyond", rest)):
            song, total = _covariance(t), t.var(axis=-1).mean()
            found |= {name: song / total, f"noise{end}": (total - song) / square}
        return found


def _covariance(t):
    """Covariance over songs of different panels, averaged over pairs: t is (2, draws, songs)."""
    flat = t.reshape(-1, t.shape[-1])
    flat = flat - flat.mean(axis=1, keepdims=True)
    k, total = len(flat), flat.sum(axis=0)
    return ((total**2 - (flat**2).sum(axis=0)) / (k * (k - 1))).mean()
