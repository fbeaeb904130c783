"""Scores, paired differences and verdicts, by the rules in ``RULES.md``."""

import numpy as np
import pandas as pd
from scipy.stats import t
from song_scores import correction, song_scores

from mer_utils.methods.registry import METHODS
from mer_utils.scoring import next_listener
from mer_utils.scoring.intervals import centred, resample_counts
from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.score_table import within_folds
from mer_utils.scoring.verdicts import holm

N_RESAMPLES, RANKED = 1000, 500
"""Resamples; of scores of the SD, in which ranks take long, the first of these."""
REFERENCES = ("mean_only", "mse")
PLACE = ["data", "design", "judges"]
OVER_SONGS = {"spearman": spearman, "r2": r2, "pearson": pearson}
"""Of the predicted SD with that of the judges."""


def weights_of(cases, n_resamples=N_RESAMPLES, seed=0):
    """How often each song counts when whole clusters are drawn: (n_resamples, n_songs)."""
    clusters, place = np.unique(cases[0].cluster, return_inverse=True)
    return resample_counts(len(clusters), n_resamples, seed)[:, place]


def clusters(case) -> int:
    """How many there are: 21 listening sets, artists, tracks."""
    return len(np.unique(case.cluster))


def reach(case) -> float:
    """Errors from a value to the end of its 95% interval: Student's t, as clusters may be few."""
    return t.ppf(0.975, clusters(case) - 1)


def together(cases, fits, name) -> tuple[dict, dict]:
    """One method on the turns of a design.

    Returns
    -------
    scores : (judges, score) -> (n, D)
        Turns weighted by their listeners, so that every listener counts once.
    pairs : judges -> list of (SD of the judges, predicted, mended), by turn
    """
    scores, pairs = {}, {}
    for panel in cases[0].judges:
        found, shares = [], []
        for case, fit in zip(cases, fits, strict=True):
            judges = case.judges[panel]
            found.append(song_scores(case, panel, fit[name], fit["mean_only"]))
            n = np.ones(judges.mean.shape) if judges.counts is None else judges.counts.sum(-1)
            shares.append(n)
            up = correction(case, panel)
            ours = fit[name].predicted.sigma * up, fit[name].mended * up
            pairs.setdefault(panel, []).append((judges.sd_of_all, *ours))
        total = sum(shares)
        for score in found[0]:
            parts = (f[score] * n for f, n in zip(found, shares, strict=True))
            scores[panel, score] = sum(parts) / total
    return scores, pairs


def averaged(score, pairs, which, weights=None):
    """A score of the SD, averaged over turns and seeds: (D,), or (n_resamples, D)."""
    found = []
    for sd, *predictions in pairs:
        value = np.asarray(score(sd, predictions[which], weights=weights))
        found.append(
            value.reshape(*value.shape[:1] if weights is not None else (), -1, sd.shape[1]).mean(-2)
        )
    return np.mean(found, axis=0)


def means(table, weights, n_clusters):
    """Mean over songs of (n, D), and its bootstrap error over clusters: two of (D,).

    Times the root of G / (G - 1) for G clusters: resamples vary about the mean of these G.
    """
    draws = weights @ table / weights.sum(1, keepdims=True)
    return table.mean(0), draws.std(0, ddof=1) * np.sqrt(n_clusters / (n_clusters - 1))


def factor_of(factors, method, score, against=""):
    """How much wider an interval must be; at least 1, and 1 where it was not measured."""
    if factors is None:
        return 1.0
    rows = factors[factors["method"].eq(method) & factors["score"].eq(score)]
    rows = rows[rows["against"].fillna("").eq(against)]
    return max(1.0, *rows["factor"]) if len(rows) else 1.0


def all_together(cases, fits) -> dict:
    """:func:`together` of every method, by name: made once for all tables."""
    return {name: together(cases, fits, name) for name in fits[0]}


def score_rows(cases, fits, factors=None, weights=None, found=None) -> pd.DataFrame:
    """Every score of every method: ``method, judges, score, dimension, value, low, high``.

    ``found`` is :func:`all_together`, if it was made before.
    """
    weights = weights_of(cases) if weights is None else weights
    case, rows = cases[0], []
    for name, (scores, pairs) in (found or all_together(cases, fits)).items():
        for (panel, score), table in scores.items():
            value, error = means(table, weights, clusters(case))
            half = reach(case) * error
            rows += _rows(name, panel, score, case.dimensions, value, value - half, value + half)
        for panel, of_turns in pairs.items():
            plan = [(label, score, 0) for label, score in OVER_SONGS.items()]
            for label, score, which in [*plan, ("r2_recalibrated", r2, 1)]:
                inside = within_folds(score, case.fold)
                value = averaged(inside, of_turns, which)
                ends = _ends(averaged(inside, of_turns, which, weights[:RANKED]), value)
                wider = factor_of(factors, name, label) * reach(case) / 1.96 if which == 0 else 1.0
                ends = [value + wider * (end - value) for end in ends]
                rows += _rows(name, panel, label, case.dimensions, value, *ends)
        for panel, judges in case.judges.items():
            inside = within_folds(r2, case.fold)
            value = np.mean(
                [inside(c.judges[panel].mean, f[name].predicted.mu).mean(0)
                 for c, f in zip(cases, fits, strict=True)], axis=0)  # fmt: skip
            nothing = np.full(judges.mean.shape[1], np.nan)
            rows += _rows(name, panel, "r2_mean", case.dimensions, value, nothing, nothing)
    table = pd.DataFrame(rows)
    table.insert(0, "data", case.data)
    table.insert(1, "design", case.design)
    return table


def _ends(draws, value):
    """Interval of a score, or nothing where the prediction is a constant and has none."""
    return centred(draws, value) if np.isfinite(value).all() else (value, value)


def _rows(method, judges, score, dimensions, value, low, high):
    for d, dimension in enumerate(dimensions):
        yield {
            "method": method, "family": METHODS[method].family, "judges": judges, "score": score,
            "dimension": dimension, "value": value[d], "low": low[d], "high": high[d],
        }  # fmt: skip


def best_rows(cases, weights=None) -> pd.DataFrame:
    """What could be reached, where it can be said without a model: ``crps`` (unbiased).

    And of the log score an end that is too good: the judges' own shares as the prediction.
    """
    weights = weights_of(cases) if weights is None else weights
    rows = []
    for panel, judges in cases[0].judges.items():
        if judges.counts is None:
            continue
        counts = sum(case.judges[panel].counts for case in cases)
        shares = counts / counts.sum(-1, keepdims=True)
        best = next_listener.best_crps(counts) * cases[0].half_range
        for score, table in {
            "crps": best, "log": next_listener.log_score(shares, counts),
        }.items():  # fmt: skip
            value, error = means(table, weights, clusters(cases[0]))
            half = reach(cases[0]) * error
            for d, dimension in enumerate(cases[0].dimensions):
                low, high = value[d] - half[d], value[d] + half[d]
                rows.append((panel, score, dimension, value[d], low, high))
    names = ["judges", "score", "dimension", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=names)
    table.insert(0, "data", cases[0].data)
    table.insert(1, "design", cases[0].design)
    return table


def primary_of(case, panel) -> tuple:
    """The scores that are compared, the primary one first."""
    known = case.judges[panel].counts is not None
    return ("crps_spread", "log_spread", "crps_own") if known else ("dss_spread", "dss_own")


def compared(case) -> str:
    """The judges of the comparisons: held-out listeners, or who there is."""
    return "held out" if "held out" in case.judges else "same"


def difference_rows(
    cases, fits, factors=None, weights=None, scores=None, references=REFERENCES, found=None
) -> pd.DataFrame:
    """Paired differences with the ``references``; below 0 the method is better.

    ``value``, ``low``, ``high``, ``error`` (bootstrap, before the factor), ``factor``, ``p``, and
    ``p_holm`` and ``verdict`` within each family: a reference and a score.
    """
    weights = weights_of(cases) if weights is None else weights
    case, panel = cases[0], compared(cases[0])
    found = found or all_together(cases, fits)
    tables = {name: of_method for name, (of_method, _) in found.items()}
    rows = []
    for score in scores or primary_of(case, panel):
        for reference in references:
            for name in tables:
                if name == reference:
                    continue
                gap = tables[name][panel, score] - tables[reference][panel, score]
                value, error = means(gap, weights, clusters(case))
                wider = factor_of(factors, name, score, reference)
                for d, dimension in enumerate(case.dimensions):
                    half = reach(case) * wider * error[d]
                    far = abs(value[d]) / max(wider * error[d], 1e-12)
                    p = 2 * t.sf(far, clusters(case) - 1)
                    rows.append({
                        "method": name, "family": METHODS[name].family, "against": reference,
                        "judges": panel, "score": score, "dimension": dimension,
                        "value": value[d], "low": value[d] - half, "high": value[d] + half,
                        "error": error[d], "factor": wider, "p": p,
                    })  # fmt: skip
    table = pd.DataFrame(rows)
    table["p_holm"] = table.groupby(["score", "against"])["p"].transform(holm)
    sure = table["p_holm"] < 0.05
    words = np.where(table["value"] < 0, "better", "worse")
    table["verdict"] = np.where(sure, words, "undecided")
    table.insert(0, "data", case.data)
    table.insert(1, "design", case.design)
    return table
