"""Means and SDs of panels that share nobody, and what they tell, over songs *and* people.

Two panels of a song (image, word) share nobody. So the correlation over songs of their SDs is the
reliability of an SD, without an assumption (:mod:`mer_utils.ceiling.reliability`). The noise of the
SD is what they do not share, here as a share of its mean square.

The variance over songs (a bootstrap) and that over people (a jackknife that takes one person out of
all panels) are added. What belongs to a single answer is in both, so intervals are rather too wide
than too narrow.
"""

from typing import NamedTuple

import numpy as np
from worlds import Observed, observe

from mer_utils.ceiling.reliability import Panels, disjoint
from mer_utils.scoring.intervals import resample_counts


class Seen(NamedTuple):
    """Mean and SD of pairs of disjoint panels, for one dimension of one collection."""

    data: str
    dimension: str
    raters: float
    """Raters in a panel, on average."""
    people: str
    """How many people there are, as text."""
    scale: tuple
    mean: Panels
    sd: Panels
    units: np.ndarray
    """What is resampled together: (n_items,) int."""
    without: list
    """The same pair of (mean, sd) with each person left out in turn; empty if not known."""

    def observed(self) -> Observed:
        """What a world must look like (:mod:`worlds`); places are the means of both panels."""
        mean, sd = (np.concatenate([p.first, p.second]) for p in (self.mean, self.sd))
        places = mean.mean(axis=0)
        return observe(mean, sd, round(self.raters), self.scale, places)


def noise_share(sd: Panels, weights=None):
    """Noise of the SD over its mean square, from disjoint panels; (n_resamples,) with weights."""
    w = np.ones((1, sd.first.shape[1])) if weights is None else weights
    share = w / w.sum(1, keepdims=True)
    sides = sd.first, sd.second
    total = sum(Panels(x, x).covariance(w) for x in sides) / 2
    square = share @ sum((x**2).mean(0) for x in sides) / 2
    found = (total - sd.covariance(w)) / square
    return found if weights is not None else float(found[0])


def with_error(seen: Seen, statistic, n_resamples=400) -> tuple[float, float, float]:
    """``value``, and its standard errors over items and over people (0 if nobody is known).

    ``statistic(mean, sd, weights)`` takes two :class:`Panels`. A person left out changes a panel by
    another draw, too; the variance of these draws over panels is taken off the jackknife's.
    """
    value = statistic(seen.mean, seen.sd, None)
    units, place = np.unique(seen.units, return_inverse=True)
    weights = resample_counts(len(units), n_resamples)[:, place]
    items = np.std(statistic(seen.mean, seen.sd, weights))
    if not seen.without:
        return value, float(items), 0.0
    halves = [np.arange(len(seen.sd.first)) % 2 == k for k in (0, 1)]
    moved = []
    for half in halves:  # two independent halves of the draws: their product has no noise of draws
        base = statistic(*(_some(p, half) for p in (seen.mean, seen.sd)), None)
        left = [statistic(_some(m, half), _some(s, half), None) for m, s in seen.without]
        moved.append(np.array(left) - base)
    moved = [m - m.mean() for m in moved]
    k = len(seen.without)
    people = (k - 1) / k * np.sum(moved[0] * moved[1])
    return value, float(items), float(np.sqrt(max(people, 0.0)))


def _some(panels, draws):
    return Panels(panels.first[draws], panels.second[draws])


def drawn(matrix, n, n_draws, seed=0, without=None):
    """Mean and SD of two disjoint panels of ``n``, new for each draw and song: two Panels.

    ``without``: the column of a person who is left out; the lottery stays the same.
    """
    values = np.array(matrix, float)
    if without is not None:
        values[:, without] = np.nan
    rng = np.random.default_rng(seed)
    out = np.empty((2, 2, n_draws, len(values)), np.float32)
    for k in range(n_draws):
        chosen = disjoint(values, n, 2, rng.random(values.shape))
        out[:, :, k] = chosen.mean(2).T, chosen.std(2, ddof=1).T
    return Panels(*out[0]), Panels(*out[1])


def left_out(matrix, n, n_draws, seed=0) -> list[tuple[Panels, Panels]]:
    """:func:`drawn` with each person left out in turn, all at once; 2 n + 1 raters or more a song.

    Who is left out of a panel makes room for the next in the lottery; other panels stay.
    """
    values = np.asarray(matrix, float)
    songs, people = values.shape
    rng, row = np.random.default_rng(seed), np.arange(songs)[:, None]
    mean, sd = drawn(values, n, n_draws, seed)
    base = np.array([[mean.first, mean.second], [sd.first, sd.second]], np.float32)
    out = np.repeat(base[None], people, axis=0)  # (people, 2, 2, n_draws, songs)
    for k in range(n_draws):
        key = np.where(np.isfinite(values), rng.random(values.shape), 2.0)
        order = np.argsort(key, axis=1)[:, : 2 * n + 1]
        x = np.take_along_axis(values, order, axis=1)
        gone = x[:, : 2 * n, None] ** [1, 2]  # (songs, 2 n, 2): sum and square of who leaves
        one, two = x[:, :n, None] ** [1, 2], x[:, n:, None] ** [1, 2]
        first, next_one = one.sum(1)[:, None], x[:, n, None, None] ** [1, 2]
        sides = np.broadcast_to(first, gone.shape).copy(), two.sum(1)[:, None] - gone
        sides[0][:, :n] += next_one - gone[:, :n]
        sides[1][:, :n] = two.sum(1)[:, None] - next_one
        for side, total in enumerate(sides):
            m = total[..., 0] / n
            out[order[:, : 2 * n], 0, side, k, row] = m
            variance = (total[..., 1] - n * m**2) / (n - 1)
            out[order[:, : 2 * n], 1, side, k, row] = np.sqrt(np.maximum(variance, 0))
    return [(Panels(*m), Panels(*s)) for m, s in out]
