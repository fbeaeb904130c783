"""Scores of arms, and paired differences between them, with intervals over listening sets.

All scores are computed within each fold and averaged over folds, then over seeds. The
interval asks what other clips would have given: clips are drawn by the set to which the same people
listened (other data: by artist), 1,000 times, for all arms alike. That a training with another seed
gives other weights is added (:func:`luck`); that other clips train is not. ``factor`` is by how
much a difference is widened for all of this. The rules are in ``RULES.md``.
"""

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from mer_utils.scoring.intervals import centred, resample_counts
from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.parts import partial_pearson
from mer_utils.scoring.score_table import within_folds
from mer_utils.scoring.verdicts import holm

RESAMPLES = 1000
SCORES = {
    ("mean", "r2"): r2,
    ("sd", "r2"): r2,
    ("sd", "spearman"): spearman,
    ("sd", "pearson"): pearson,
    ("sd_beyond_mean", "pearson"): partial_pearson,
}
PRIMARY = (("mean", "r2"), ("sd", "spearman"))
"""Families of verdicts."""


def cluster_weights(cluster, n_resamples=RESAMPLES, seed=(0, 61)):
    """How often each song counts where whole clusters are drawn: (n_resamples, n_songs)."""
    names, of = np.unique(cluster, return_inverse=True)
    return resample_counts(len(names), n_resamples, seed)[:, of]


def reach(n_clusters: int) -> float:
    """How much wider than by the normal distribution an interval is: clusters may be few."""
    return t.ppf(0.975, n_clusters - 1) / norm.ppf(0.975)


def by_seed(design, mu, sigma, judge, target, score, weights):
    """A score and its draws: (n_seeds, D) and (n_resamples, n_seeds, D).

    ``mu`` and ``sigma`` are (n_seeds, n, D), of test songs.
    """
    mean, sd = design.judges[judge]
    arrays = {"mean": (mean, mu), "sd": (sd, sigma), "sd_beyond_mean": (sd, sigma, mean)}[target]
    of = within_folds(SCORES[target, score], design.fold)
    draws = of(*arrays, weights=weights)
    value = np.asarray(of(*arrays)).reshape(-1, mean.shape[1])
    return value, draws.reshape(len(weights), -1, mean.shape[1])


def luck(value, draws) -> float:
    """Variance of a score over seeds, averaged over dimensions: how far one training is luckier.

    Two seeds also differ on these clips alone. What resamples of clips say of that is taken off,
    for an interval has it already; so it may be below 0. NaN for one seed. Shapes: :func:`by_seed`.
    """
    if len(value) < 2:
        return np.nan
    apart = (draws - draws.mean(1, keepdims=True)).var(0).sum(0) / (len(value) - 1)
    return float((value.var(0, ddof=1) - apart).mean())


def lucks(gaps: dict, own: list) -> dict:
    """Arm -> what luck adds to the variance of its average difference to the reference.

    ``gaps`` maps (arm, loss) to differences seed by seed, ``own`` has the scores of the reference
    for each loss, all in the shapes of :func:`by_seed`. Luck is averaged over losses. An arm of one
    seed has the largest of the arms of several that were trained in the same way ("clip ..." were
    not) and of two trainings of the reference.
    """
    seeds = {arm: len(value) for (arm, _), (value, _) in gaps.items()}
    of = {
        arm: max(0.0, np.mean([luck(*both) for (name, _), both in gaps.items() if name == arm]))
        for arm, n in seeds.items() if n > 1
    }  # fmt: skip
    known = [v for arm, v in of.items() if not arm.startswith("clip ")]
    two = 2 * np.mean([luck(*both) for both in own])
    most = max([0.0, *known, *([two] if np.isfinite(two) else [])])
    return {arm: of.get(arm, most) / n for arm, n in seeds.items()}


def table(design, said: dict, reference: str, factors=None) -> pd.DataFrame:
    """A row for each arm, loss, judge, score and dimension.

    ``said`` maps (arm, loss) to mu and sigma, as :func:`by_seed` takes them. ``difference`` and
    its ends are those to the arm ``reference`` with the same loss and the same seeds. ``factors``
    maps (arm, target, score) to what widens a difference, at least 1 (:func:`widening`); luck
    widens it further. Rows of the loss "both" and the dimension "both" are averages over losses
    and dimensions.
    """
    weights, rows = cluster_weights(design.cluster), []
    n_clusters = len(np.unique(design.cluster))
    for judge in design.judges:
        for target, score in SCORES:
            found = {
                key: by_seed(design, *both, judge, target, score, weights)
                for key, both in said.items()
            }
            for part, dimensions in (
                (found, design.songs.dimensions), (averaged(found), ("both",))
            ):  # fmt: skip
                gaps = differences(part, reference)
                lucky = lucks(gaps, [part[key] for key in part if key[0] == reference])
                for (arm, loss), scored in part.items():
                    known = {} if arm == reference else factors or {}
                    wide = widening(known, arm, target, score)
                    more = lucky[arm] * (arm != reference)
                    columns = ends_of(scored, gaps[arm, loss], wide, more, n_clusters)
                    rows += [
                        {"design": design.name, "arm": arm, "loss": loss, "judges": judge,
                         "target": target, "score": score, "dimension": dimension}
                        | {name: values[d] for name, values in columns.items()}
                        | {"n_seeds": len(scored[0])}
                        for d, dimension in enumerate(dimensions)
                    ]  # fmt: skip
    return pd.DataFrame(rows)


def widening(factors: dict, arm, target, score) -> float:
    """The factor of an arm, at least 1; one that was not tried has the largest of the others.

    "clip ..." are trained in another way, and have none.
    """
    if arm.startswith("clip "):
        return 1.0
    known = [v for (_, *what), v in factors.items() if what == [target, score]]
    return max(1.0, factors.get((arm, target, score), max(known, default=1.0)))


def differences(found: dict, reference: str) -> dict:
    """Seed by seed, arm less ``reference`` with the same loss; shapes of :func:`by_seed`."""
    gaps = {}
    for (arm, loss), (value, draws) in found.items():
        own, against = found[reference, loss]
        n = min(len(value), len(own))
        gaps[arm, loss] = value[:n] - own[:n], draws[:, :n] - against[:, :n]
    return gaps


def averaged(found: dict) -> dict:
    """(arm, "both") -> averages over losses and dimensions, seed by seed, as one dimension."""
    out = {}
    for arm in dict.fromkeys(arm for arm, _ in found):
        parts = [both for (name, _), both in found.items() if name == arm]
        value, draws = (np.mean([part[i] for part in parts], 0) for i in (0, 1))
        out[arm, "both"] = value.mean(-1, keepdims=True), draws.mean(-1, keepdims=True)
    return out


def ends_of(scored, gap, wide, luck_of_gap, n_clusters) -> dict:
    """Columns of :func:`table`, (D,) each, of a score and a difference as in :func:`by_seed`."""
    wider = reach(n_clusters)
    (value, draws), (gap, gap_draws) = ((a.mean(0), b.mean(1)) for a, b in (scored, gap))
    low, high = value + wider * (np.stack(centred(draws, value)) - value)
    clips = np.maximum(gap_draws.std(0), 1e-12)
    wide = np.sqrt(wide**2 + luck_of_gap / clips**2)
    gap_low, gap_high = gap + wider * wide * (np.stack(centred(gap_draws, gap)) - gap)
    p = 2 * t.sf(np.abs(gap) / (wide * clips), n_clusters - 1)
    return {
        "value": value, "low": low, "high": high, "difference": gap, "difference_low": gap_low,
        "difference_high": gap_high, "factor": wide, "p": p,
    }  # fmt: skip


def with_verdicts(scores: pd.DataFrame, arms) -> pd.DataFrame:
    """Columns ``p_holm`` and ``verdict``, for the trained ``arms`` and :data:`PRIMARY` scores."""
    scores = scores.assign(p_holm=np.nan, verdict="")
    for target, score in PRIMARY:
        family = scores["arm"].isin(arms) & scores["target"].eq(target) & scores["score"].eq(score)
        family &= scores["loss"].ne("both")  # averages describe
        adjusted = holm(scores.loc[family, "p"])
        words = np.where(scores.loc[family, "difference"] > 0, "better", "worse")
        scores.loc[family, "p_holm"] = adjusted
        scores.loc[family, "verdict"] = np.where(adjusted < 0.05, words, "undecided")
    return scores


def training_rows(design, arm, loss, seed, fits) -> list[dict]:
    """Of the fits of all folds: R2 on training clips; seconds of an epoch, epochs, weights."""
    found = []
    for fit, (mean, sd) in zip(fits, design.taught, strict=True):
        rows = fit.taught
        pairs = ((mean, fit.taught_mu), (sd, fit.taught_sigma))
        found.append([r2(truth[rows], said) for truth, said in pairs])
    values, seconds = np.mean(found, 0), np.concatenate([fit.seconds for fit in fits])
    how = {
        "epoch_seconds": np.median(seconds), "epochs": np.mean([len(f.seconds) for f in fits]),
        "best_epoch": np.mean([fit.best_epoch for fit in fits]), "weights": fits[0].n_trained,
        "restarts": sum(fit.restarts for fit in fits),
    }  # fmt: skip
    return [
        {"design": design.name, "arm": arm, "loss": loss, "seed": seed, "target": target,
         "dimension": dimension, "r2_taught": values[i, d]} | how
        for i, target in enumerate(("mean", "sd"))
        for d, dimension in enumerate(design.songs.dimensions)
    ]  # fmt: skip
