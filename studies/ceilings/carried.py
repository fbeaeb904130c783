"""The noise of an SD, seen where raters are known and carried to songs with means and SDs only.

Seen is the noise of the SD as a share of its mean square, c (:mod:`seen`). Wanted is the same share
on other songs, whose scale, level and places differ; then 1 - rho = c / t with t = Var(s) / E[s^2],
which any mean and SD tell. The *ways* to carry it:

``as it is``   the share itself
a shape        worlds of this shape (:mod:`worlds`) that look like the first songs, and worlds that
               look like the second. The heavier the tails, the more noise in both. So the noise
               that was seen picks a weight of the tails, and this the noise wanted. A share outside
               of what the shape can do counts as the nearest that it can
``normal``     no source: what normal ratings would do on the second songs

Nothing in means and SDs tells which shape is right. That is why there are several.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from seen import Seen, noise_share, with_error
from worlds import SHAPES, Observed, World, observe, quadratic

from mer_utils.scoring.intervals import resample_counts

WAYS = ("as it is", *SHAPES)
PARTS = ("all", "beyond the mean")
COLUMNS = ["source", "of", "way", "part", "value", "low", "high", "fits"]


class Target(NamedTuple):
    """Songs with means and SDs (ddof=1) of n raters: (n_songs,) each."""

    mean: np.ndarray
    sd: np.ndarray
    n: int
    scale: tuple

    def observed(self) -> Observed:
        """What a world must look like."""
        return observe(self.mean, self.sd, self.n, self.scale)

    def shares(self, weights=None) -> np.ndarray:
        """Var(t) / E[s^2] of the SD and of what the quadratic leaves: (2,) or (2, n_resamples)."""
        w = np.ones((1, len(self.sd))) if weights is None else weights
        share = w / w.sum(1, keepdims=True)
        rest = self.sd - quadratic(self.mean, self.sd)
        spread = [share @ t**2 - (share @ t) ** 2 for t in (self.sd, rest)]
        found = np.stack(spread) / (share @ self.sd**2)
        return found if weights is not None else found[:, 0]


def curve(like: Observed, shape: str, draws=8, seed=0) -> np.ndarray:
    """Noise shares of worlds of this shape, light tails first: (2, n_values)."""
    truths = [World(like, shape, v, draws=draws, seed=seed).fit().truth() for v in SHAPES[shape]]
    return np.array([[t["noise"], t["noise_beyond"]] for t in truths]).T


class Source(NamedTuple):
    """The noise seen in one collection, with its error, and what its worlds make of each shape."""

    data: str
    dimension: str
    share: float
    """At a panel's number of raters in the worlds."""
    error: float
    """Standard error of the log of ``share``, over items and people."""
    curves: dict

    @classmethod
    def of(cls, seen: Seen, most=2000, draws=None) -> "Source":
        """From what was seen; at most so many items enter the worlds."""
        value, *errors = with_error(seen, lambda mean, sd, weights: noise_share(sd, weights))
        like = seen.observed()
        value *= (seen.raters - 1) / (like.n - 1)
        if len(like.places) > most:
            places = np.random.default_rng(0).choice(like.places, most, replace=False)
            like = like._replace(places=places)
        draws = draws or max(8, 12_000 // len(like.places))
        curves = {shape: curve(like, shape, draws)[0] for shape in SHAPES}
        return cls(seen.data, seen.dimension, value, np.hypot(*errors) / value, curves)


def carry(source: Source, target: Target, curves: dict, n_draws=1000, seed=0) -> pd.DataFrame:
    """All ways from one source: ``source, of, way, part, value, low, high, fits``.

    ``value`` is the reliability; ``curves`` are those of the target (:func:`curve`). 95% intervals:
    the source's noise is drawn from its error (log-normal), the target's songs are resampled.
    ``fits``: the shape can make the noise that was seen, within the interval of what was seen.
    """
    rng = np.random.default_rng(seed)
    error = source.error * rng.standard_normal(n_draws)
    reach = source.share * np.exp(1.96 * source.error * np.array([-1, 1]))
    seen = source.share * np.exp(np.concatenate([[0.0], error]))  # the estimate first
    t = target.shares()[:, None], target.shares(resample_counts(len(target.sd), n_draws, seed))
    t = np.concatenate(t, axis=1)
    rows = []
    for way in WAYS:
        for k, part in enumerate(PARTS):
            fits = True
            if way == "as it is":
                if k:
                    continue  # the share of the rest was not seen
                noise = seen
            else:
                order = np.argsort(source.curves[way])
                there, here = source.curves[way][order], curves[way][k][order]
                noise = np.exp(np.interp(np.log(seen), np.log(there), np.log(here)))
                fits = bool(reach[1] >= there[0] and reach[0] <= there[-1])
            rho = 1 - noise / t[k]
            ends = np.quantile(rho[1:], [0.025, 0.975])
            rows.append((source.data, source.dimension, way, part, rho[0], *ends, fits))
    return pd.DataFrame(rows, columns=COLUMNS)


def normal(target: Target, curves: dict, n_draws=1000, seed=0) -> pd.DataFrame:
    """The row without a source: normal ratings, seen through the scale."""
    t = target.shares(resample_counts(len(target.sd), n_draws, seed))
    noise = curves["lapses"][:, 0]  # no lapses
    rows = []
    for k, part in enumerate(PARTS):
        ends = np.quantile(1 - noise[k] / t[k], [0.025, 0.975])
        rows.append(("none", "", "normal", part, 1 - noise[k] / target.shares()[k], *ends, True))
    return pd.DataFrame(rows, columns=COLUMNS)


def all_ways(sources: list[Source], target: Target, draws=8) -> pd.DataFrame:
    """Every source and way, and the row without a source."""
    like = target.observed()
    curves = {shape: curve(like, shape, draws) for shape in SHAPES}
    parts = [normal(target, curves), *(carry(source, target, curves) for source in sources)]
    return pd.concat(parts, ignore_index=True)
