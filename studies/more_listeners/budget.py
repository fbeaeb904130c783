"""A fixed number of ratings: few raters on many songs, or many on few? Simulated listeners.

DEAM's 17,440 ratings are spent in different ways on simulated DEAM-like songs, again and again.
The truth is known, so each purpose has its own measure:

``learn``    correlation of ridge's predictions with the true SD of songs that nobody rated; and of
             the heads', in fewer repeats
``compare``  two methods correlate 0.6 and 0.4 with the true SD (made so). z: the average difference
             of their correlations with the panels' SDs, over its SD between repeats
``ceiling``  SD between repeats of the estimated variance of songs (variance of the panels' SDs less
             the known average noise), as a share of the truth

:mod:`mer_utils.ceiling.design` says beforehand where each is best, from K alone.
"""

from functools import partial

import numpy as np
import pandas as pd
from learners import heads, kept_draw, ridge
from many_songs import many_songs, panels, some

from mer_utils.ceiling.design import noise_odds
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.scoring.metrics import pearson

RATINGS, TESTED, POPULATION = 17_440, 3000, 20_000
RATERS = (2, 3, 4, 5, 7, 10, 15, 20, 40, 60, 100)
HEAD_RATERS, HEAD_SEEDS = (3, 10, 40), range(2)
REPEATS, HEAD_REPEATS = 100, 3
METHODS = (0.6, 0.4)
"""Correlations of the two compared methods with the true SD."""


def repeat(songs, n_raters: int, k: int, ratings=RATINGS, tested=TESTED, losses=()) -> dict:
    """One way to spend the ratings, once.

    Returns a dict of arrays (2,), one value for each dimension: ``learn``, ``compare`` (a
    difference of correlations), ``variance`` (of the panels' SDs), ``noise`` (its part that is no
    song), and a correlation with the truth for each of ``losses``.
    """
    rng = np.random.default_rng([22, k])
    rows = rng.permutation(len(songs.song_id))
    asked, rated = rows[:tested], rows[tested : tested + ratings // n_raters]
    if len(rated) < ratings // n_raters:
        raise ValueError(f"{len(rows)} songs are too few for {ratings} ratings by {n_raters} each")
    mean, sd = panels(some(songs, rated), n_raters, k)
    truth = songs.true_sd / 4
    taught = np.concatenate([rated, asked])
    x, own = songs.features[taught], np.arange(len(rated))
    target = np.zeros((len(taught), 2))
    target[own] = sd
    found = {"learn": pearson(truth[asked], ridge(x, target, own)[len(rated) :])}
    z = (truth[rated] - truth[rated].mean(0)) / truth[rated].std(0)
    one, other = (r * z + np.sqrt(1 - r**2) * rng.normal(size=z.shape) for r in METHODS)
    found["compare"] = pearson(sd, one) - pearson(sd, other)
    slope = (z * sd).mean(0)  # what panels show on average is close to a line in the truth
    found["variance"] = sd.var(0)
    found["noise"] = (sd - sd.mean(0) - slope * z).var(0)
    for loss in losses:
        means = np.zeros_like(target)
        means[own] = mean
        sigma = heads(x, means, target, own, loss, HEAD_SEEDS)[1][:, len(rated) :]
        found[loss] = pearson(truth[asked], sigma).mean(0)
    return found


def kept(songs, n_raters: int, repeats: int, losses=()) -> dict:
    """Arrays (repeats, 2) of :func:`repeat`, from the cache where they were made before."""

    def compute():
        each = [repeat(songs, n_raters, k, losses=losses) for k in range(repeats)]
        return {name: np.stack([one[name] for one in each]) for name in each[0]}

    described = {"n": n_raters, "repeats": repeats, "losses": losses}
    described |= {"ratings": RATINGS, "songs": len(songs.song_id), "tested": TESTED}
    functions = (many_songs, panels, some, repeat)
    return kept_draw(f"budget-{n_raters}-{len(losses)}", described, functions, compute)


def _row(n_raters, dimension, what, value, error=np.nan):
    return {"raters": n_raters, "songs": RATINGS // n_raters, "dimension": dimension,
            "purpose": what, "value": value, "low": value - 1.96 * error,
            "high": value + 1.96 * error}  # fmt: skip


def table(found: dict) -> pd.DataFrame:
    """Rows of each purpose, ``found`` maps (raters, losses) to the arrays of :func:`kept`.

    ``value`` with ``low`` and ``high``: 95% over repeats (for spreads: of a normal's SD).
    """
    rows = []
    for (n, losses), arrays in found.items():
        for d, dimension in enumerate(DIMENSIONS):
            row = partial(_row, n, dimension)
            one = {name: values[:, d] for name, values in arrays.items()}
            repeats = len(one["learn"])
            for name in losses or ("learn",):
                rows.append(row(name, one[name].mean(), one[name].std(ddof=1) / repeats**0.5))
            if losses:
                continue
            noise = one["noise"].mean()
            songs = one["variance"].mean() - noise
            share = songs / one["variance"].mean()
            off = 1 / np.sqrt(2 * (repeats - 1))  # relative error of an SD
            z = one["compare"].mean() / one["compare"].std(ddof=1)
            error = one["variance"].std(ddof=1) / songs
            rows += [row("compare", z, z * off), row("ceiling", error, error * off)]
            rows += [row("reliability", share), row("odds", noise_odds(share, n))]
    return pd.DataFrame(rows)


def run(progress=iter) -> pd.DataFrame:
    """Every number of raters; those with heads last."""
    songs = many_songs(POPULATION)
    plan = [(n, (), REPEATS) for n in RATERS]
    plan += [(n, ("mse", "kld"), HEAD_REPEATS) for n in HEAD_RATERS]
    return table({(n, losses): kept(songs, n, k, losses) for n, losses, k in progress(plan)})
