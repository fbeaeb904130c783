"""Scores of the draws of ``clips.py``, and the ceilings they stand under.

Truth is a panel of listeners. ``own``: those who taught. ``judges``: the last four groups of the
draw. ``one``: the last group alone. ``rest``: all groups that did not teach. Intervals are those of
``scores.py``, over clips. They leave out what other people would show: there are eight groups, and
draws share them.
"""

from itertools import combinations

import clips
import numpy as np
import pandas as pd
from scores import one_score

from mer_utils.ceiling.listener_groups import mean_alone, pairs_of_panels, sd_alone
from mer_utils.ceiling.reliability import Panels, interval
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, load_musifeast, panel
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.scoring.intervals import centred
from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.parts import partial_pearson

LEARNERS = ("ridge", *PAPER_LOSSES)
SCORES = {score.__name__: score for score in (r2, pearson, spearman)}


def judged_by(order, groups: int) -> dict[str, list[str]]:
    """Name of a truth -> the groups that give it, for a draw in which ``groups`` teach."""
    found = {"own": order[:groups]}
    if groups < len(order):
        found |= {"rest": order[groups:], "one": order[-1:]}
    if groups <= len(order) - clips.JUDGES:
        found["judges"] = order[-clips.JUDGES :]
    return found


def plan(order, groups, mu, sigma):
    """All ``(statistic, against, score name, score, arrays)`` of one learner in one draw."""
    for against, names in judged_by(order, groups).items():
        truth = load_musifeast(names)
        for name, score in SCORES.items():
            yield "mean", against, name, score, (truth.mean, mu)
            yield "sd", against, name, score, (truth.sd, sigma)
        yield "sd beyond the mean", against, "pearson", partial_pearson, (
            truth.sd, sigma, truth.mean,
        )  # fmt: skip
    third = order[groups : -clips.JUDGES]
    if third:  # the mean of listeners who neither taught nor judge
        truth, other = load_musifeast(order[-clips.JUDGES :]), load_musifeast(third).mean
        yield "sd beyond others' mean", "judges", "pearson", partial_pearson, (
            truth.sd, sigma, other,
        )  # fmt: skip


def all_draws(draws, cells, weights) -> dict:
    """Key -> list of ``(value, draws of the bootstrap)``, an entry for each draw.

    ``draws`` maps the number of a draw to its arrays. A key is as :data:`KEY` says; a value is
    (2,), its bootstrap (n_resamples, 2).
    """
    found = {}
    for draw, arrays in draws.items():
        order, fold = clips.order_of(draw), arrays["fold"]
        for groups, n_clips in cells:
            for learner in LEARNERS:
                names = [f"{learner}:{groups}:{n_clips}:{part}" for part in ("mu", "sigma")]
                if names[0] not in arrays:
                    continue
                for *key, score, data in plan(order, groups, *(arrays[n] for n in names)):
                    one = one_score(score, fold, data, weights)
                    found.setdefault((learner, groups, n_clips, *key), []).append(one)
    return found


KEY = ["learner", "groups", "clips", "statistic", "against", "score"]


CHANGES = {
    "four times the listeners, few clips": ((1, 71), (4, 71)),
    "four times the listeners, all clips": ((1, clips.FULL), (4, clips.FULL)),
    "four times the clips, few listeners": ((1, 71), (1, clips.FULL)),
    "four times the clips, many listeners": ((4, 71), (4, clips.FULL)),
    "same ratings: more clips, fewer listeners": ((4, 71), (1, clips.FULL)),
}
"""What is changed, from one cell to another."""


OWN = "judged by the own group, not by another"


def _pair(found, learner, statistic, cells, against=("judges", "judges")):
    """Correlations in two cells: values and resamples, draws in front."""
    pairs = zip(cells, against, strict=True)
    keys = [(learner, *cell, statistic, who, "pearson") for cell, who in pairs]
    return [[np.stack(part) for part in zip(*found[key], strict=True)] for key in keys]


def changes(found: dict) -> pd.DataFrame:
    """Paired differences of a correlation, over the same clips and draws.

    For :data:`CHANGES` with the judges. For :data:`OWN` one group teaches, and judges itself or is
    judged by one other group: what is gained belongs to this kind of people.
    """
    rows = []
    plan = {what: (cells, ("judges", "judges")) for what, cells in CHANGES.items()}
    plan[OWN] = (2 * ((1, clips.FULL),), ("one", "own"))
    for what, which in plan.items():
        for learner in LEARNERS:
            for statistic in ("mean", "sd"):
                before, after = _pair(found, learner, statistic, *which)
                value = after[0] - before[0]
                ends = centred((after[1] - before[1]).mean(0), value.mean(0))
                for d, dimension in enumerate(DIMENSIONS):
                    row = (learner, what, statistic, dimension, value[:, d].mean(), *ends[:, d])
                    rows.append((*row, (value[:, d] > 0).mean(), len(value)))
    names = ["learner", "change", "statistic", "dimension", "value", "low", "high"]
    return pd.DataFrame(rows, columns=[*names, "draws_above_0", "n_draws"])


def factors(found: dict, weights) -> pd.DataFrame:
    """What four groups in place of one do to a correlation with the SD, as factors.

    ``learns``: of the correlation with the same judges, so of what was learnt. ``shows``: root of
    the ratio of the panels' reliabilities, so of what a panel shows of the same prediction.
    ``shows / learns`` is above 1 where few listeners hide more than they keep from being learnt.
    NLL is left out: it is not told the SD, and a factor of nearly nothing means nothing. Intervals
    over clips.
    """
    few, many = (_reliability(n, "sd", weights) for n in (1, 4))
    rows = []
    for learner in LEARNERS[:-1]:
        before, after = _pair(found, learner, "sd", ((1, clips.FULL), (4, clips.FULL)))
        learns = [a.mean(0) / b.mean(0) for a, b in zip(after, before, strict=True)]
        shows = [np.sqrt(m / f) for m, f in zip(many[:2], few[:2], strict=True)]
        ratio = [s / r for s, r in zip(shows, learns, strict=True)]
        named = {"learns": learns, "shows": shows, "shows / learns": ratio}
        for name, (value, boot) in named.items():
            for d, dimension in enumerate(DIMENSIONS):
                rows.append((learner, name, dimension, value[d], *interval(boot[:, d])))
    return pd.DataFrame(rows, columns=["learner", "factor", "dimension", "value", "low", "high"])


def _reliability(groups, statistic, weights):
    """Value (2,), resamples (n_resamples, 2), listeners and number of pairs; see below."""
    pairs = pairs_of_panels(min(groups, 4), {"mean": mean_alone, "sd": sd_alone}[statistic])
    whole = [panel(names) for names in combinations(GROUPS, groups)]
    found = []
    for d, both in enumerate(pairs):
        own = np.stack([getattr(p, statistic)[:, d] for p in whole])
        every = np.ones((1, own.shape[1]))
        found.append([both.covariance(w) / Panels(own, own).covariance(w)
                      for w in (every, weights)])  # fmt: skip
    value, boot = (np.stack(part, axis=-1) for part in zip(*found, strict=True))
    return value[0], boot, np.mean([p.n.mean() for p in whole]), len(pairs[0].first)


def reliability(weights, sizes=clips.SIZES) -> pd.DataFrame:
    """Reliability of mean and SD of unions of groups, from pairs of unions that share nobody.

    Up to four groups all pairs of that size are used. Above, no pair fits: there the covariance is
    that of the pairs of four, and only the variance is that of the larger unions.
    """
    rows = []
    for groups in sizes:
        for statistic in ("mean", "sd"):
            value, boot, n, n_pairs = _reliability(groups, statistic, weights)
            ends = interval(boot)
            for d, dimension in enumerate(DIMENSIONS):
                rows.append((groups, n, statistic, dimension, value[d], *ends[:, d], n_pairs))
    names = ["groups", "listeners", "statistic", "dimension", "value", "low", "high", "n_pairs"]
    return pd.DataFrame(rows, columns=names)
