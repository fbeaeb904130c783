"""Every estimator where the truth is known, in the configuration in which it is used.

Source: 110 songs and 58 listeners who hear all of them, with the places, level and spread of SDs of
the film music's valence. Target: 1,744 songs with ten new listeners each, with those of DEAM's
valence. So the level of the SDs is another one, as in reality. In the first worlds both have
listeners of the same kind; in the last, listeners of the target differ from all that was seen.

Each repeat draws both anew, goes through everything that the study does (panels, errors over songs
and people, worlds fitted to what is seen) and looks up whether the interval holds the reliability
of the SD in the target. Estimators are the ways of :mod:`carried`, ``normal``, the withdrawn
``transferred`` (:mod:`transferred`), and ``bracket``: up to the highest end of those shapes that
fit. Its low end is 0 here; on real songs a learner sets it.
"""

import numpy as np
import pandas as pd
from carried import Source, Target, all_ways
from seen import Seen, drawn
from transferred import RaterPanels, transferred_ceiling
from worlds import SHAPES, Observed, World

LISTENERS = 58
KINDS = {  # name -> (shape, weight of the tails, spread of the raters' own spreads)
    "normal": ("lapses", 0.0, 0.0),
    "lapses": ("lapses", 0.02, 0.0),
    "heavy tails": ("heavy", 1.3, 0.0),
    "light tails": ("heavy", 3.0, 0.0),
    "skewed": ("skewed", 3.0, 0.0),
    "two camps": ("camps", 0.6, 0.0),
    "raters differ": ("lapses", 0.0, 0.25),
}
PAIRS = {kind: (kind, kind) for kind in KINDS} | {
    "raters differ, target only": ("normal", "raters differ"),
    "two camps, target only": ("lapses", "two camps"),
    "skewed, target only": ("lapses", "skewed"),
    "light tails, target only": ("lapses", "light tails"),
}
"""World -> kinds of listeners of the source and of the target."""
ENOUGH, OFF = 0.8, 0.05
"""An estimator passes a world if its intervals hold the truth so often and its bias is so small."""


def world_of(kind: str, like: Observed, draws: int, seed: int) -> World:
    """The world with listeners of this kind that looks like these songs."""
    shape, value, spread = KINDS[kind]
    return World(like, shape, value, spread, draws=draws, seed=seed).fit()


def seen_of(ratings, n, scale, n_draws, n_groups=12) -> Seen:
    """As :func:`seen.of_matrix`, with groups of people left out in turn instead of each one."""
    groups = np.array_split(np.arange(ratings.shape[1]), n_groups)
    without = [drawn(ratings, n, n_draws, without=group) for group in groups]
    mean, sd = drawn(ratings, n, n_draws)
    units = np.arange(len(ratings))
    return Seen("film music", "valence", n, "58", scale, mean, sd, units, without)


def one_repeat(source_world: World, target_world: World, seed, n_draws=60) -> pd.DataFrame:
    """Every estimator on one draw: ``way, value, low, high``."""
    rng = np.random.default_rng([seed, 1])
    n, scale = target_world.like.n, target_world.like.scale
    songs = len(source_world.like.places)
    own = source_world.spread_of_raters * rng.standard_normal(LISTENERS)
    heard = source_world.ratings(source_world.listeners((songs, LISTENERS), rng, own))
    panel = target_world.ratings(target_world.listeners((len(target_world.like.places), n), rng))
    target = Target(panel.mean(1), panel.std(1, ddof=1), n, scale)
    seen = seen_of(heard, n, scale, n_draws)
    table = all_ways([Source.of(seen, draws=24)], target, draws=3).query("part == 'all'")
    rows = list(table[["way", "value", "low", "high", "fits"]].itertuples(index=False))
    panels = np.stack([np.stack(p, axis=-1) for p in (
        (seen.mean.first, seen.mean.second), (seen.sd.first, seen.sd.second))])  # fmt: skip
    old = transferred_ceiling(target.mean, target.sd, RaterPanels(n, panels), 1, n_resamples=300)
    rows.append(("transferred", *old, True))
    fits = table[table["way"].isin(SHAPES) & table["fits"]]
    rows.append(("bracket", np.nan, 0.0, fits["high"].max(), True))
    return pd.DataFrame(rows, columns=["way", "value", "low", "high", "fits"])


def one_world(name: str, film: Observed, deam: Observed, repeats: int) -> pd.DataFrame:
    """All repeats of one world, with its ``truth``; ways that do not fit are left out."""
    kinds = PAIRS[name]
    source = world_of(kinds[0], film, 60, 1)
    target = world_of(kinds[1], deam, 12, 2)
    truth = target.truth()["all"]
    tables = [one_repeat(source, target, k).assign(repeat=k) for k in range(repeats)]
    table = pd.concat(tables, ignore_index=True)
    return table[table["fits"]].drop(columns="fits").assign(world=name, truth=truth)


def bias_and_coverage(repeats: pd.DataFrame) -> pd.DataFrame:
    """``world, way, n, truth, average, bias, coverage, width, passes``, worlds in their order.

    ``n`` counts the repeats in which the way fits what is seen. A bracket has no average.
    """
    rows = []
    for (world, way), part in repeats.groupby(["world", "way"], sort=False):
        truth, value = part["truth"].iloc[0], part["value"].mean()
        held = ((part["low"] <= truth) & (truth <= part["high"])).mean()
        good = held >= ENOUGH and (np.isnan(value) or abs(value - truth) <= OFF)
        width = (part["high"] - part["low"]).mean()
        rows.append((world, way, len(part), truth, value, value - truth, held, width, bool(good)))
    names = ["world", "way", "n", "truth", "average", "bias", "coverage", "width", "passes"]
    return pd.DataFrame(rows, columns=names)
