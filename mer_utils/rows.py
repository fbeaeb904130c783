"""All methods side by side: tidy tables with one row per method and dimension.

Columns ``row, dimension, value, low, high``; ``row`` is the name that a reader sees.
:func:`for_forest` hands such a table to :func:`mer_utils.plots.forest`.
"""

from __future__ import annotations

import pandas as pd

from mer_utils.dataset import DIMENSIONS
from mer_utils.metrics import bootstrap, r2
from mer_utils.study import PAPER_LOSSES
from mer_utils.style import NAMES


def method_rows(loss: str) -> dict[str, tuple]:
    """What a comparison of all methods shows: name -> (loss, method, style).

    Three losses, their seed ensembles, their MC dropout, and the two trivial predictors;
    the quadratic uses the predicted means of ``loss``.
    """
    rows = {NAMES[name]: (name, "single", name) for name in PAPER_LOSSES}
    sampled = {"seeds": ("seed_ensemble", "ensemble"), "dropout": ("mc_dropout", "mc_dropout")}
    for text, (method, look) in sampled.items():
        rows |= {f"{text}, {NAMES[name]}": (name, method, look) for name in PAPER_LOSSES}
    rows["training mean SD"] = (loss, "training_mean_sd", "trivial")
    rows["quadratic"] = (loss, "quadratic_in_mu", "trivial")
    return rows


def pick(scores: pd.DataFrame, rows: dict, target: str, score: str) -> pd.DataFrame:
    """One score of all ``rows``, from the table of :func:`mer_utils.study.run_study`.

    Columns ``row, look, dimension, value, low, high``. A row that does not have this score
    (a constant has no rank correlation) is left out.
    """
    table = scores[scores["target"].eq(target) & scores["score"].eq(score)]
    table = table.dropna(subset="value")
    parts = [
        table[table["loss"].eq(loss) & table["method"].eq(method)].assign(row=row, look=look)
        for row, (loss, method, look) in rows.items()
    ]
    return pd.concat(parts, ignore_index=True)[["row", "look", "dimension", "value", "low", "high"]]


def score_each(score, y_true, predicted: dict, n_resamples=500) -> pd.DataFrame:
    """One score of several predictions, with bootstrap intervals over songs.

    Parameters
    ----------
    score : callable(y_true, y_pred, weights=None)
        From :mod:`mer_utils.metrics`, or from :func:`gain_over`.
    y_true : array, (n_songs, 2)
    predicted : dict of name -> array, (n_members, n_songs, 2)

    Returns
    -------
    pandas.DataFrame
        ``row, dimension, value, low, high``, one row per name and dimension.
    """
    rows = []
    for name, y_pred in predicted.items():
        figures = bootstrap(score, y_true, y_pred, n_resamples=n_resamples)
        rows += [(name, d, *(f[i] for f in figures)) for i, d in enumerate(DIMENSIONS)]
    return pd.DataFrame(rows, columns=["row", "dimension", "value", "low", "high"])


def gain_over(baseline):
    """A score: R2 minus that of ``baseline`` (1, n_songs, 2) on the same songs. Higher is better.

    Both are resampled together, so songs that are hard for both do not widen the interval.
    """

    def gain(y_true, y_pred, weights=None):
        return r2(y_true, y_pred, weights) - r2(y_true, baseline, weights)

    return gain


def for_forest(table: pd.DataFrame, dimensions=DIMENSIONS) -> dict:
    """Keywords ``labels, value, low, high`` (and ``methods``) of :func:`mer_utils.plots.forest`.

    ``table`` has the columns ``row, dimension, value, low, high``, and perhaps ``look``. The
    arrays have a column for each of ``dimensions``.
    """
    names = table["row"].unique()
    wide = table.pivot(index="row", columns="dimension", values=["value", "low", "high"])
    drawn = {c: wide[c].loc[names, list(dimensions)].to_numpy() for c in ("value", "low", "high")}
    if "look" in table:
        drawn["methods"] = table.drop_duplicates("row")["look"].tolist()
    return {"labels": names.tolist()} | drawn


def in_words(table: pd.DataFrame, row: str, spec: str = ".2f") -> str:
    """``0.15 (0.05 to 0.25) for valence and 0.15 (0.06 to 0.23) for arousal``."""
    return " and ".join(
        f"{r.value:{spec}} ({r.low:{spec}} to {r.high:{spec}}) for {r.dimension}"
        for r in table[table["row"] == row].itertuples()
    )
