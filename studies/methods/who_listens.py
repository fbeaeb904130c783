"""How much of listeners' disagreement about a clip lies between groups of listeners?

MUSIFEAST-17: eight groups (two countries, four ages), 21 listening sets of 17 clips, one clip of
each genre, so clips are a layout of genres k by sets s. The mean of a group g for a clip is

    m_gks = clip_ks + a_g + f_gk + e_gks + mean over its listeners i of (u_i + v_iks)

``a`` general (a group rates all clips higher), ``f`` the genre's, ``e`` this clip's own; ``u`` a
listener's leniency, which the 17 clips of a set share; ``v`` all else within a group. Of the
centred m_gks, with P the projection on a comparison (rank d), K genres, S sets, per degree of
freedom:

    A, residual g x k x s:  e^2 + v^2 <1/n>
    B, g x s:               u^2 <1/n> + A / K
    F, g x k:               f^2 + A / S
    M, g:                   a^2 + B / S

and T, the mean of (variance within a cell) / n, is (u^2 + v^2) <1/n>. So U = B - A/K is what
leniency adds to a group's mean, e^2 = A - (T - U), f^2 = F - A/S, a^2 = M - (U + A/K)/S. All are
unbiased with unequal n, since the diagonal of P is constant. They can be below 0. It is assumed
that g x s holds nothing but people and their set's clips: clips were put into sets by number.

Shares are of the variance of single ratings of a clip, all groups counted alike; a comparison of
rank d adds d/8 of its component. ``any``: general, genre and clip together; ``seen``: the group
means as they are, chance included.
Intervals (95%) are over sets, that is other clips and other people of the same groups: the
delete-one-set jackknife with Student's t. ``table()`` takes a second or two.
"""

import numpy as np
import pandas as pd
from scipy.stats import t as student

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, listening_sets, tables


def _projections():
    """Projections (8, 8) of group effects on country, age and both, and their ranks."""
    country, age = np.full((2, 2), 0.5), np.full((4, 4), 0.25)
    apart = np.eye(2) - country, np.eye(4) - age
    found = {
        "country": np.kron(apart[0], age),
        "age": np.kron(country, apart[1]),
        "country_x_age": np.kron(*apart),
    }
    return found | {"groups": sum(found.values())}


PROJECTIONS = _projections()
LEVELS = ("general", "genre", "clip")


def cells(dimensions=DIMENSIONS):
    """Listeners (n_clips, 8), means and variances (ddof=1) of ratings 1-5, (n_clips, 8, D)."""
    ratings = tables()[0]
    kept = [ratings.loc[(slice(None), group), :] for group in GROUPS]
    n = np.stack([part["n"].to_numpy() for part in kept], 1)
    total, square = (
        np.stack([part[[f"{d}_{end}" for d in dimensions]].to_numpy() for part in kept], 1)
        for end in ("sum", "sumsq")
    )
    mean = total / n[..., None]
    return n, mean, (square - total * mean) / (n - 1)[..., None]


def places():
    """Genre and set of each clip as numbers from 0: two int arrays (n_clips,)."""
    genre = tables()[1]["genre"].to_numpy(str)
    return tuple(np.unique(found, return_inverse=True)[1] for found in (genre, listening_sets()))


def layout(values, genre, sets):
    """Values (n_clips, ...) as (S, K, ...); where no clip is, NaN."""
    found = np.full((sets.max() + 1, genre.max() + 1, *values.shape[1:]), np.nan)
    found[sets, genre] = values
    return found


def _filled(z):
    """The layout (S, K, ...) with its one empty cell filled so that it has no residual (Yates)."""
    empty = np.argwhere(np.isnan(z).reshape(*z.shape[:2], -1).any(2))
    if len(empty) > 1:
        raise ValueError(f"{len(empty)} cells without a clip: at most one can be filled")
    for s, k in empty:
        z, (n_s, n_k) = z.copy(), z.shape[:2]
        sums = n_s * np.nansum(z[s], 0) + n_k * np.nansum(z[:, k], 0) - np.nansum(z, (0, 1))
        z[s, k] = sums / ((n_s - 1) * (n_k - 1))
    return z, len(empty)


def components(n, mean, variance) -> dict:
    """Parts of the variance of single ratings, in rating^2, from layouts (S, K, 8), (S, K, 8, D).

    Returns
    -------
    dict of (D,) arrays: (comparison, level) for :data:`PROJECTIONS` and :data:`LEVELS`, weighted
    by d/8; ("groups", "seen"); ("listeners", "leniency" and "rest"); ("all", "total").
    """
    z, lost = _filled(mean - mean.mean(2, keepdims=True))
    n_s, n_k, n_g, _ = z.shape
    by_set, by_genre, grand = z.mean(1), z.mean(0), z.mean((0, 1))
    residual = z - by_set[:, None] - by_genre + grand
    df = (n_s - 1) * (n_k - 1) - lost

    def square(effect, projection):
        projected = np.einsum("gh,...hd->...gd", projection, effect)
        return np.square(projected).reshape(-1, effect.shape[-1]).sum(0)

    def parts(projection):
        d = np.trace(projection)
        a = square(residual, projection) / (d * df)
        f = square(by_genre - grand, projection) / (d * (n_k - 1))
        return d / n_g, a, f, square(grand, projection) / d

    whole = PROJECTIONS["groups"]
    within, noise = (np.nanmean(x, (0, 1, 2)) for x in (variance, variance / n[..., None]))
    b = square(by_set - grand, whole) / ((n_g - 1) * (n_s - 1))
    leniency = b - parts(whole)[1] / n_k
    found = {}
    for name, projection in PROJECTIONS.items():
        share, a, f, m = parts(projection)
        found[name, "general"] = share * (m - (leniency + a / n_k) / n_s)
        found[name, "genre"] = share * (f - a / n_s)
        found[name, "clip"] = share * (a - (noise - leniency))
        found[name, "any"] = sum(found[name, level] for level in LEVELS)
    found["groups", "seen"] = np.nanmean(np.square(mean - mean.mean(2, keepdims=True)), (0, 1, 2))
    found["listeners", "leniency"] = leniency / np.nanmean(1 / n)
    found["listeners", "rest"] = within - found["listeners", "leniency"]
    found["all", "total"] = within + found["groups", "any"]
    return found


def jackknife(statistic, *layouts, level=0.95):
    """A statistic of layouts, and ends of its interval over sets, which are deleted one at a time.

    The standard error is that of Efron & Tibshirani (1993), equation 11.5; Student's t, S - 1.
    """
    n_s = len(layouts[0])
    value = statistic(*layouts)
    without = np.array([statistic(*(np.delete(x, s, 0) for x in layouts)) for s in range(n_s)])
    error = np.sqrt((n_s - 1) / n_s * np.square(without - without.mean(0)).sum(0))
    half = student.ppf(0.5 + level / 2, n_s - 1) * error
    return value, value - half, value + half


def shares(n, mean, variance):
    """Components as shares of the total, (n_components, D); last, the root of the total."""
    found = components(n, mean, variance)
    total = found.pop(("all", "total"))
    return np.array([*(part / total for part in found.values()), np.sqrt(total)])


def share_names():
    """Rows of :func:`shares`."""
    names = [(name, level) for name in PROJECTIONS for level in (*LEVELS, "any")]
    last = ("groups", "seen"), ("listeners", "leniency"), ("listeners", "rest"), ("all", "sd")
    return [*names, *last]


def table(dimensions=DIMENSIONS, data=None) -> pd.DataFrame:
    """Shares: ``comparison, level, dimension, value, low, high, n`` (sets); "sd" in ratings."""
    n, mean, variance = cells(dimensions) if data is None else data
    genre, sets = places()
    found = jackknife(shares, *(layout(x.astype(float), genre, sets) for x in (n, mean, variance)))
    rows = [
        (*name, dimension, *(end[i, d] for end in found), sets.max() + 1)
        for i, name in enumerate(share_names()) for d, dimension in enumerate(dimensions)
    ]  # fmt: skip
    names = ["comparison", "level", "dimension", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=names)


def by_genre(dimensions=DIMENSIONS, data=None) -> pd.DataFrame:
    """Which music divides listeners: differences of groups by genre, in rating points.

    Older (46 to 75) minus younger, and US minus UK, each less its average over the clips of the
    set, which its people's leniency would move. ``comparison, genre, dimension, value, low, high,
    n`` (clips). The clips of a genre are from different sets and so from different people:
    Student's t over clips. Of 17 genres about one lies off 0 by chance.
    """
    mean = (cells(dimensions) if data is None else data)[1]
    genre, sets = places()
    names, rows = np.unique(tables()[1]["genre"].to_numpy(str)), []
    for comparison, second in (("age", ("46to60", "61to75")), ("country", ("US",))):
        side = [0.25 if g.startswith(second) or g.endswith(second) else -0.25 for g in GROUPS]
        found = layout(np.einsum("g,cgd->cd", side, mean), genre, sets)
        found = found - np.nanmean(found, 1, keepdims=True)
        n = (~np.isnan(found)).sum(0)
        half = student.ppf(0.975, n - 1) * np.nanstd(found, 0, ddof=1) / np.sqrt(n)
        value = np.nanmean(found, 0)
        rows += [
            (comparison, name, dimension, value[k, d], *(value[k, d] + [-half[k, d], half[k, d]]),
             n[k, d])
            for k, name in enumerate(names) for d, dimension in enumerate(dimensions)
        ]  # fmt: skip
    return pd.DataFrame(rows, columns="comparison genre dimension value low high n".split())
