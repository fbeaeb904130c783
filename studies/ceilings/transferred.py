"""The noise of an SD, measured where raters are known and carried to where they are not.

Formulas for the noise of an SD need the shape of the ratings. But with many raters on a song
the noise of a panel of n can simply be *seen*. Draw disjoint panels A, B, ... of n raters. They
share the song and nothing else, so

    noise(song) = Var(t | song) = E[t_A^2] - E[t_A t_B]

for any statistic t of a panel, without an assumption and without bias. It grows with the
song's variance, and the factor depends on the mean: near the ends of the scale those who
disagree lie far out. So with the SD s (ddof=1) and the mean m of panels we fit, by least
squares over songs,

    noise = c0 E[s^2 | song] + c1 E[s^2 (m - 5)^2 | song]

and apply the two numbers c to the songs of another data set with n raters each, whose s and m
estimate the same two averages without bias. What is left of the variance of t over *those*
songs is song:

    rho = 1 - average noise / Var(t) .

The statistic is the SD, or the SD less a quadratic in the panel's own mean: what the mean does
not tell. For the latter the same form is right, since the quadratic adds sigma^2 times a
quadratic in the mean.

Fails where the *other* raters lapse more, or sit in two camps more often, at the same mean
and variance; where n is over half of the raters there; and for intervals with few songs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mer_utils.data.ratings import quadratic_fit
from mer_utils.scoring.intervals import resample_counts


@dataclass(frozen=True, eq=False)
class RaterPanels:
    """Disjoint panels of ``n`` raters on songs with many raters.

    ``panel`` is (2, n_shuffles, n_songs, n_panels): mean and SD (ddof=1) of each panel.
    """

    n: int
    panel: np.ndarray

    def noise(self, told=None) -> np.ndarray:
        """Noise of the SD, less ``told(panel mean)`` if given, of each song: (n_songs,)."""
        means, t = self.panel
        if told is not None:
            t = t - told(means)
        k = t.shape[-1]
        square, total = (t**2).sum(-1), t.sum(-1)
        return (square / k - (total**2 - square) / (k * (k - 1))).mean(0)

    def curve(self, told=None, weights=None) -> np.ndarray:
        """``(c0, c1)``, see the top; (n_resamples, 2) with ``weights`` over songs."""
        w = np.ones((1, self.panel.shape[2])) if weights is None else np.asarray(weights, float)
        basis = noise_terms(*self.panel).mean(axis=(0, 2))
        w = w / np.maximum(basis[:, 0], 0.05)  # noise of the noise grows like the variance
        gram = np.einsum("rs,si,sj->rij", w, basis, basis)
        found = np.linalg.solve(gram, (w @ (basis * self.noise(told)[:, None]))[..., None])
        return found[..., 0] if weights is not None else found[0, :, 0]


def noise_terms(mean, sd):
    """s^2 and s^2 (m - 5)^2 on a new last axis."""
    return np.stack([sd**2, sd**2 * (mean - 5) ** 2], axis=-1)


class Ceiling(NamedTuple):
    """A reliability with its 95% interval: the highest R2; its root is the highest correlation."""

    value: float
    low: float
    high: float


def transferred_ceiling(
    mean, sd, panels: RaterPanels, ddof: int = 0, *, beyond=False, n_resamples=500, seed=0
) -> Ceiling:
    """Reliability of the SDs of ``panels.n`` raters, from means and SDs alone.

    Parameters
    ----------
    mean, sd : (n_songs,), rating scale; ``sd`` with this ``ddof``
    panels : RaterPanels
        From songs with many raters. Both data sets are resampled for the interval.
    beyond : bool
        The reliability of what a quadratic in the panel's mean leaves of the SD.

    Returns
    -------
    Ceiling
        Can be below 0, and counts as 0 then.
    """
    mean, n = np.asarray(mean, float), panels.n
    s = np.asarray(sd, float) * np.sqrt((n - ddof) / (n - 1))
    told = quadratic_fit(mean, s) if beyond else None
    t = s - told(mean) if beyond else s
    basis = noise_terms(mean, s)

    def rho(curve, weights):
        share = weights / weights.sum(1, keepdims=True)
        noise = ((share @ basis) * curve).sum(1)
        return 1 - noise / (share @ t**2 - (share @ t) ** 2)

    value = rho(panels.curve(told)[None], np.ones((1, len(t))))[0]
    ours = resample_counts(len(t), n_resamples, seed)
    theirs = resample_counts(panels.panel.shape[2], n_resamples, seed + 1)
    low, high = np.quantile(rho(panels.curve(told, theirs), ours), [0.025, 0.975])
    return Ceiling(float(value), float(low), float(high))
