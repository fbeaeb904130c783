"""From a score table to what a reader sees: small tables, and scores in words.

All functions read the tables of :mod:`mer_utils.study`. ``compare_with_paper`` puts our
scores beside the paper's words and keeps numbers as numbers, for
:func:`mer_utils.notebook.save_scores`; ``readable`` writes the same rows for a page.
``sd_beside_trivial`` puts the SD scores beside the two trivial predictors. Both show the share
of the highest possible score (:mod:`mer_utils.shares`) when they are given the ceilings.
``in_words``, ``share_in_words``, ``side_of`` and ``per_dimension`` make a part of a sentence, so
that a notebook's prose holds on any data.
"""

from __future__ import annotations

import zlib

import pandas as pd
from pandas.io.formats.style import Styler

from mer_utils import shares
from mer_utils.dataset import DIMENSIONS

NO_BREAK = "\u00a0"  # a space at which a narrow column does not break the line
KEPT = ["value", "low", "high", "seed_low", "seed_high"]
SD_SCORES = {
    "r2": "R2",
    "rmse": "RMSE",
    "spearman": "rank correlation",
    "mean_ratio": "average predicted / empirical",
    "spread_ratio": "spread predicted / empirical",
}
"""Which scores of the SD a notebook shows, and what the reader calls them."""
BEYOND_MEAN = "correlation beyond the mean"
"""What the reader calls the score ``pearson`` of the target ``sd_beyond_mean``."""
SHARE = "share of the highest possible"
SINGLE_HEADS = {
    "R2 of the mean": ("single", "mean", "r2", "0.6 to 0.7"),
    "R2 of the SD": ("single", "sd", "r2", "far below 0"),
    "rank correlation, SD": ("single", "sd", "spearman", "near 0 or below"),
    BEYOND_MEAN: ("single", "sd_beyond_mean", "pearson", ""),
    "average SD, predicted / empirical": ("single", "sd", "mean_ratio", ""),
    "spread of SDs, predicted / empirical": ("single", "sd", "spread_ratio", ""),
    "smallest predicted SD": ("single", "sd", "smallest", ""),
    "largest predicted SD": ("single", "sd", "largest", "(empirical: 0.00 to 0.60)"),
}
"""Rows for :func:`compare_with_paper`: what the paper says about heads of any loss."""


def compare_with_paper(scores: pd.DataFrame, rows: dict, data: str, ceilings=None):
    """Pick the scores that a notebook is about and put the paper's words beside them.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`mer_utils.study.score_table`; or several of them, told apart by a column
        ``loss``.
    rows : dict
        Quantity as the reader should see it -> ``(method, target, score, paper)``, where
        ``paper`` says what the paper found, in a few words (``""`` if it says nothing).
    data : str
        Name of the data, e.g. ``songs.name``; it stands in every row.
    ceilings : pandas.DataFrame, optional
        From :func:`mer_utils.ceiling_results.ceilings_of`.

    Returns
    -------
    pandas.DataFrame
        One row per quantity, dimension (and loss, if there is such a column): ``quantity,
        [loss,] dimension, value, low, high, seed_low, seed_high, paper, data``; with
        ``ceilings`` also ``ceiling, share, share_low, share_high`` before ``paper``.

    Raises
    ------
    ValueError
        If the score table has no row for a quantity.
    """
    parts = []
    for quantity, (method, target, score, paper) in rows.items():
        wanted = scores["method"].eq(method) & scores["target"].eq(target)
        part = scores[wanted & scores["score"].eq(score)]
        if part.empty:
            raise ValueError(
                f"{quantity!r}: the score table has no {method=}, {target=}, {score=}; its "
                f"methods are {', '.join(scores['method'].unique())}"
            )
        parts.append(part.assign(quantity=quantity, paper=paper, data=data))
    loss = ["loss"] if "loss" in scores else []
    table, more = pd.concat(parts, ignore_index=True), []
    if ceilings is not None:
        table, more = shares.with_shares(table, ceilings), ["ceiling", *shares.COLUMNS]
    return table[["quantity", *loss, "dimension", *KEPT, *more, "paper", "data"]]


def readable(comparison: pd.DataFrame, spec: str = ".2f"):
    """The rows of :func:`compare_with_paper` for a page: scores as ``0.64 [0.56, 0.70]``.

    Brackets hold the 95% bootstrap interval over songs; the column ``seeds`` the range over
    single training seeds. Scores of the SD show their share of the ceiling, if it is there. The
    caption names the data. Returns a ``pandas`` Styler.
    """

    def interval(row):
        if pd.isna(row["value"]):
            return "not defined"
        tail = "" if pd.isna(row["low"]) else f" [{row['low']:{spec}}, {row['high']:{spec}}]"
        return f"{row['value']:{spec}}{tail}".replace(" ", NO_BREAK)

    def seeds(row):
        low, high = row["seed_low"], row["seed_high"]
        return "" if pd.isna(low) else f"{low:{spec}} to {high:{spec}}".replace(" ", NO_BREAK)

    names = [name for name in ("quantity", "loss", "dimension") if name in comparison]
    table = comparison[names].assign(
        ours=comparison.apply(interval, axis=1),
        seeds=comparison.apply(seeds, axis=1),
    )
    if "share" in comparison:
        text = [shares.in_text(row).replace(" ", NO_BREAK) for row in comparison.itertuples()]
        table[SHARE] = text
    table["paper"] = comparison["paper"]
    # one name above its rows is easier to read than the name in every row
    for name in ("paper", *reversed(names[:-1])):
        keys = names[:1] if name == "paper" else names[: names.index(name) + 1]
        table[name] = table[name].mask(comparison.duplicated(keys), "")
    return captioned(table, f"Scores on {'; '.join(comparison['data'].unique())}")


def captioned(table: pd.DataFrame, caption: str, spec: str = ".2f"):
    """A table for a page: a caption, no row numbers, numbers as ``spec`` says, NaN as a dash.

    Returns a ``pandas`` Styler. pandas would draw a random id for it; here the same table
    gives the same page.
    """
    name = f"{zlib.crc32((caption + table.to_csv()).encode()):08x}"
    page = Styler(table, uuid=name, cell_ids=False).hide(axis="index").set_caption(caption)
    page = page.set_table_attributes('class="dataframe"')  # the book's style for tables
    numbers = list(table.select_dtypes("number"))
    return page.format(f"{{:{spec}}}", subset=numbers, na_rep="-") if numbers else page


def sd_beside_trivial(scores: pd.DataFrame, data: str, ceilings=None, method: str = "single"):
    """The scores of a predicted SD beside those of the two trivial predictors.

    One row per score and dimension; a page table from :func:`captioned`. ``scores`` is the
    table of one loss. A constant has no correlation: that shows as a dash. With ``ceilings``,
    from :func:`mer_utils.ceiling_results.ceilings_of`, the table ends with the highest possible
    score and the share of it that this method reaches.
    """
    columns = {method: "this model", "training_mean_sd": "training mean SD"}
    columns |= {"quadratic_in_mu": "quadratic in predicted mean"}
    known = scores["target"].eq("sd") & scores["score"].isin(SD_SCORES)
    beyond = scores["target"].eq("sd_beyond_mean") & scores["score"].eq("pearson")
    rows = scores[(known | beyond) & scores["method"].isin(columns)]
    names = rows["score"].map(SD_SCORES).where(rows["target"].eq("sd"), BEYOND_MEAN)
    rows = rows.assign(name=names)
    wide = rows.pivot(index=["name", "dimension"], columns="method", values="value")
    order = [  # pivot sorts by name, so ask for the order of reading
        (name, d) for name in (*SD_SCORES.values(), BEYOND_MEAN) for d in DIMENSIONS
    ]
    order = [place for place in order if place in wide.index]
    table = wide.loc[order, list(columns)].rename(columns=columns)
    if ceilings is not None:
        ours = shares.with_shares(rows[rows["method"].eq(method)], ceilings)
        ours = ours.set_index(["name", "dimension"]).loc[order]
        table["highest possible"] = ours["ceiling"]
        table["this model's share"] = [
            shares.in_text(row).replace(" ", NO_BREAK) or "-" for row in ours.itertuples()
        ]
    table = table.rename_axis(["score", "dimension"]).reset_index().rename_axis(columns=None)
    table["score"] = table["score"].mask(table["score"].duplicated(), "")
    return captioned(table, f"Predicted SD of the raters, {data}")


def _cells(scores, method, target, score):
    """The two rows of one score, valence first; a ``ValueError`` if they are not there."""
    wanted = scores["method"].eq(method) & scores["target"].eq(target) & scores["score"].eq(score)
    cells = scores[wanted]
    if list(cells["dimension"]) != list(DIMENSIONS):
        raise ValueError(
            f"the score table has {len(cells)} rows for {method=}, {target=}, {score=}; one "
            f"for each of {', '.join(DIMENSIONS)} is needed: check the names, or pass one loss"
        )
    return cells


def in_words(scores: pd.DataFrame, method: str, target: str, score: str, spec: str = ".2f") -> str:
    """``0.64 (0.56 to 0.70) for valence and 0.73 (0.67 to 0.77) for arousal``."""
    parts = []
    for row in _cells(scores, method, target, score).itertuples():
        known = pd.notna(row.low)
        tail = f" ({row.low:{spec}} to {row.high:{spec}})" if known else ""
        parts.append(f"{row.value:{spec}}{tail} for {row.dimension}")
    return " and ".join(parts)


def share_in_words(scores: pd.DataFrame, ceilings, method: str, target: str, score: str) -> str:
    """``46% (34% to 61%) for valence and ...``: shares of the highest possible score."""
    return shares.in_words(shares.with_shares(_cells(scores, method, target, score), ceilings))


def side_of(scores: pd.DataFrame, method: str, target: str, score: str, border: float) -> str:
    """On which side of ``border`` a score lies, as far as its 95% interval can tell.

    >>> side_of(scores, "single", "sd", "r2", 0)  # doctest: +SKIP
    'below 0 for valence and not distinguishable from 0 for arousal'
    """
    sides = []
    for row in _cells(scores, method, target, score).itertuples():
        if row.high < border:
            sides.append("below")
        else:
            sides.append("above" if row.low > border else "not distinguishable from")
    if sides[0] == sides[1]:
        return f"{sides[0]} {border:g} for {' and '.join(DIMENSIONS)}"
    return " and ".join(f"{s} {border:g} for {d}" for s, d in zip(sides, DIMENSIONS, strict=True))


def per_dimension(values, spec: str) -> str:
    """``0.17 (valence) and 0.16 (arousal)``, from two numbers."""
    return " and ".join(f"{v:{spec}} ({d})" for v, d in zip(values, DIMENSIONS, strict=True))
