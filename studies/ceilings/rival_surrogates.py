"""Which ten raters could stand behind a published mean and SD? All of them, counted.

n whole numbers from 1 to 9, in any order, form a *multiset*; ten form one of 43,758. A
published pair (mean, SD) fixes the sum and the sum of squares, and so leaves a handful of
them. Give each its probability, and the panel behind a published pair is known up to a die.

The probability. Let a song's ratings be independent with

    P(rating = r) proportional to exp(a r + b r^2),

a normal seen through the scale. Place and width of each song are in (a, b), free and
unknown. A multiset with counts k_r then has the probability

    n! / prod(k_r!) * exp(a sum + b sum of squares) / Z ,

and given the sum and the sum of squares, (a, b) cancel: *the published pair is a sufficient
statistic*. So the weights need no fit: the multiplicity n! / prod(k_r!) is exact for every
such normal, whatever its place and width.

With ``lapses`` (see :mod:`rival_shape`) the tails are heavier and nothing cancels: then a
multiset is weighted by its probability under a normal, rounded and clipped, with lapses,
averaged over all places and over the widths of a fitted model.

From a multiset all splits into two halves are known, and so the exact average of s_A s_B.
Averaged over the multisets of a pair, this is the Rao-Blackwell estimate of that song's
E[s_A] E[s_B], unbiased for the family above. Over songs,

    Cov = mean(s_A s_B) - mean(s_A)^2   estimates   Var over songs of E[s of n/2 raters],

and since E[s_n] is proportional to sigma with nearly one factor for all songs,

    rho_n = Cov * (mean s_n / mean s_A)^2 / Var(s_n) .

No Spearman-Brown is needed for the step from half to all raters.

Fails where ratings are not of that family (heavy tails, two camps), since nothing in a mean
and an SD can tell; where the number of raters is not known; for odd n.
"""

from functools import lru_cache
from itertools import combinations, combinations_with_replacement
from typing import NamedTuple

import numpy as np
from rival_shape import with_lapses
from scipy.special import gammaln, logsumexp

from mer_utils.data.rating_distribution import rating_probabilities

RATINGS = np.arange(1, 10)


class Multisets(NamedTuple):
    """All multisets of n ratings; rows sorted by sum, then by sum of squares."""

    counts: np.ndarray  # (n_multisets, 9), how often each rating occurs
    total: np.ndarray  # (n_multisets,)
    squares: np.ndarray  # (n_multisets,)
    log_multiplicity: np.ndarray  # (n_multisets,), log of n! / prod(counts!)
    product: np.ndarray  # E[s_A s_B] over all splits into halves, ddof=1
    half: np.ndarray  # E[s_A]
    half_square: np.ndarray  # E[s_A^2]


@lru_cache(maxsize=4)
def multisets(n: int = 10) -> Multisets:
    """Enumerate all multisets of ``n`` ratings and all their splits into halves.

    ``n`` is 4, 6, 8 or 10. Arrays are not to be written to.
    """
    if n not in (4, 6, 8, 10):
        raise ValueError(f"n={n}: panels of 4, 6, 8 or 10 raters can be enumerated")
    values = np.array(list(combinations_with_replacement(RATINGS, n)), dtype=np.int16)
    total, squares = values.sum(1), (values**2).sum(1)
    order = np.lexsort((squares, total))
    values, total, squares = values[order], total[order], squares[order]
    counts = (values[:, :, None] == RATINGS).sum(1)
    # by symmetry the first rater may always sit in half A
    chosen = np.array([[0, *rest] for rest in combinations(range(1, n), n // 2 - 1)])
    inside = np.zeros((n, len(chosen)), dtype=np.float32)
    inside[chosen, np.arange(len(chosen))[:, None]] = 1
    k = n // 2
    sum_a, sq_a = values.astype(np.float32) @ inside, (values**2).astype(np.float32) @ inside
    var_a = np.maximum(sq_a - sum_a**2 / k, 0) / (k - 1)
    var_b = np.maximum(squares[:, None] - sq_a - (total[:, None] - sum_a) ** 2 / k, 0) / (k - 1)
    s_a, s_b = np.sqrt(var_a), np.sqrt(var_b)
    found = Multisets(
        counts,
        total,
        squares,
        gammaln(n + 1) - gammaln(counts + 1).sum(1),
        (s_a * s_b).mean(1, dtype=float),
        (s_a + s_b).mean(1, dtype=float) / 2,
        (var_a + var_b).mean(1, dtype=float) / 2,
    )
    for array in found:
        array.setflags(write=False)
    return found


def pairs_of(mean, sd, n: int = 10, ddof: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Sum and sum of squares, integers (n_songs,), behind published means and SDs.

    -1 for a song that no ``n`` ratings fit to within the rounding of two decimals.
    """
    mean, sd = np.asarray(mean, float), np.asarray(sd, float)
    total = np.rint(mean * n).astype(int)
    exact = total / n
    # sum and sum of squares are both odd or both even
    squares = sd**2 * (n - ddof) + n * exact**2
    squares = (2 * np.rint((squares - total) / 2) + total).astype(int)
    fitted = np.sqrt(np.maximum(squares / n - exact**2, 0) * n / (n - ddof))
    good = (abs(exact - mean) < 0.0051) & (abs(fitted - sd) < 0.0051)
    known = multisets(n)
    good &= np.isin(total * 10_000 + squares, known.total.astype(int) * 10_000 + known.squares)
    return np.where(good, total, -1), np.where(good, squares, -1)


class Surrogates(NamedTuple):
    """Averages over the possible panels of each song, (n_songs,); NaN where there is none."""

    product: np.ndarray  # E[s_A s_B]
    half: np.ndarray  # E[s_A]
    half_square: np.ndarray  # E[s_A^2]
    possible: np.ndarray  # int: number of multisets with this mean and SD


@lru_cache(maxsize=8)
def _log_weights(n, lapses, scale, spread):
    """Log probability of each multiset, up to a factor for each (sum, sum of squares)."""
    known = multisets(n)
    if not lapses:
        return known.log_multiplicity
    places, steps = np.linspace(-2, 12, 43), np.linspace(-2.5, 2.5, 11)
    p = rating_probabilities(places[:, None], scale * np.exp(spread * steps)).reshape(-1, 9)
    log_p = np.log(with_lapses(p, lapses)).astype(np.float32)
    prior = np.tile(-(steps**2) / 2, len(places)).astype(np.float32)
    blocks = np.array_split(known.counts.astype(np.float32), 16)
    found = np.concatenate([logsumexp(block @ log_p.T + prior, axis=1) for block in blocks])
    return known.log_multiplicity + found


def surrogates(
    mean,
    sd,
    n: int = 10,
    ddof: int = 0,
    lapses: float = 0.0,
    scale: float = 1.7,
    spread: float = 0.15,
) -> Surrogates:
    """Exact split-half moments of the possible panels behind each song's mean and SD.

    Parameters
    ----------
    mean, sd : arrays, (n_songs,), rating scale, two decimals or more
    n : {4, 6, 8, 10}
        Raters per song.
    ddof : int
        Of ``sd``.
    lapses : float
        Share of answers that are any number from 1 to 9. Then ``scale`` and ``spread`` must
        say how the songs' normals are sized: median scale, and SD of its logarithm (from
        :func:`rival_latent.fit_latent`).
    """
    known = multisets(n)
    log_weight = _log_weights(n, float(lapses), float(scale), float(spread))
    key = known.total.astype(int) * 10_000 + known.squares
    start = np.flatnonzero(np.r_[True, np.diff(key) != 0])
    size = np.diff(np.r_[start, len(key)])
    weight = np.exp(log_weight - np.repeat(np.maximum.reduceat(log_weight, start), size))
    mass = np.add.reduceat(weight, start)
    columns = [
        np.add.reduceat(weight * c, start) / mass
        for c in (known.product, known.half, known.half_square)
    ]
    total, squares = pairs_of(mean, sd, n, ddof)
    place = np.minimum(np.searchsorted(key[start], total * 10_000 + squares), len(start) - 1)
    fits = total >= 0
    return Surrogates(
        *(np.where(fits, c[place], np.nan) for c in columns), np.where(fits, size[place], 0)
    )


def surrogate_reliability(found: Surrogates, sd, weights=None):
    """Reliability of the SD of all n raters, see the top of this module.

    ``weights`` (n_resamples, n_songs) says how often a song counts; then (n_resamples,).
    Songs that no panel fits are left out. Not limited to 0..1.
    """
    sd = np.asarray(sd, float)
    fits = found.possible > 0
    weights = np.ones((1, len(sd))) if weights is None else np.asarray(weights, float)
    share = weights[:, fits] / weights[:, fits].sum(1, keepdims=True)
    s = sd[fits]
    product, half = share @ found.product[fits], share @ found.half[fits]
    level, square = share @ s, share @ s**2
    rho = (product - half**2) * (level / half) ** 2 / (square - level**2)
    return rho if len(rho) > 1 else float(rho[0])
