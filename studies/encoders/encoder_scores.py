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

from mer_utils.scoring.intervals import centred
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


def cluster_weights(cluster, n_resamples=RESAMPLES, seed=0):
    """How often each song counts where whole clusters are drawn: (n_resamples, n_songs)."""
    names, of = np.unique(cluster, return_inverse=True)
    rng = np.random.default_rng([seed, 61])
    share = np.full(len(names), 1 / len(names))
    return rng.multinomial(len(names), share, n_resamples)[:, of].astype(float)


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
    maps (arm, target, score) to what widens a difference, at least 1; luck widens it further.
    """
    weights, rows = cluster_weights(design.cluster), []
    n_clusters = len(np.unique(design.cluster))
    reach = t.ppf(0.975, n_clusters - 1) / norm.ppf(0.975)  # clusters may be few
    for judge in design.judges:
        for target, score in SCORES:
            found = {
                key: by_seed(design, *both, judge, target, score, weights)
                for key, both in said.items()
            }
            gaps = {}
            for (arm, loss), (value, draws) in found.items():
                own, against = found[reference, loss]
                n = min(len(value), len(own))
                gaps[arm, loss] = value[:n] - own[:n], draws[:, :n] - against[:, :n]
            lucky = lucks(gaps, [both for (arm, _), both in found.items() if arm == reference])
            for (arm, loss), (value, draws) in found.items():
                middle, (by, gap_draws) = value.mean(0), gaps[arm, loss]
                ends = middle + reach * (np.stack(centred(draws.mean(1), middle)) - middle)
                gap, gap_draws = by.mean(0), gap_draws.mean(1)
                clips = np.maximum(gap_draws.std(0), 1e-12)
                wide = max(1.0, (factors or {}).get((arm, target, score), 1.0))
                wide = np.sqrt(wide**2 + (arm != reference) * lucky[arm] / clips**2)
                gap_ends = gap + reach * wide * (np.stack(centred(gap_draws, gap)) - gap)
                p = 2 * t.sf(np.abs(gap) / (wide * clips), n_clusters - 1)
                for d, dimension in enumerate(design.songs.dimensions):
                    rows.append({
                        "design": design.name, "arm": arm, "loss": loss, "judges": judge,
                        "target": target, "score": score, "dimension": dimension,
                        "value": middle[d], "low": ends[0, d], "high": ends[1, d],
                        "difference": gap[d], "difference_low": gap_ends[0, d],
                        "difference_high": gap_ends[1, d], "factor": wide[d], "p": p[d],
                        "n_seeds": len(value),
                    })  # fmt: skip
    return pd.DataFrame(rows)


def with_verdicts(scores: pd.DataFrame, arms) -> pd.DataFrame:
    """Columns ``p_holm`` and ``verdict``, for the trained ``arms`` and :data:`PRIMARY` scores."""
    scores = scores.assign(p_holm=np.nan, verdict="")
    for target, score in PRIMARY:
        family = scores["arm"].isin(arms) & scores["target"].eq(target) & scores["score"].eq(score)
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
    }  # fmt: skip
    return [
        {"design": design.name, "arm": arm, "loss": loss, "seed": seed, "target": target,
         "dimension": dimension, "r2_taught": values[i, d]} | how
        for i, target in enumerate(("mean", "sd"))
        for d, dimension in enumerate(design.songs.dimensions)
    ]  # fmt: skip
