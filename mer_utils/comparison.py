"""The small result table at the end of a notebook: our scores beside the paper's words.

``compare_with_paper`` picks rows of a score table (:mod:`mer_utils.study`) and keeps numbers
as numbers, for :func:`mer_utils.notebook.save_scores`. ``readable`` writes the same rows for
a reader, each score with its interval.
"""

from __future__ import annotations

import zlib

import pandas as pd
from pandas.io.formats.style import Styler

KEPT = ["value", "low", "high", "seed_low", "seed_high"]


def compare_with_paper(scores: pd.DataFrame, rows: dict, data: str) -> pd.DataFrame:
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

    Returns
    -------
    pandas.DataFrame
        One row per quantity, dimension (and loss, if there is such a column): ``quantity,
        [loss,] dimension, value, low, high, seed_low, seed_high, paper, data``.

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
    columns = ["quantity", *loss, "dimension", *KEPT, "paper", "data"]
    return pd.concat(parts, ignore_index=True)[columns]


def readable(comparison: pd.DataFrame, spec: str = ".2f"):
    """The rows of :func:`compare_with_paper` for a page: scores as ``0.64 [0.56, 0.70]``.

    Brackets hold the 95% bootstrap interval over songs; the column ``seeds`` the range over
    single training seeds. The caption names the data. Returns a ``pandas`` Styler.
    """

    def interval(row):
        known = pd.notna(row["low"])
        tail = f" [{row['low']:{spec}}, {row['high']:{spec}}]" if known else ""
        return f"{row['value']:{spec}}{tail}"

    def seeds(row):
        return f"{row['seed_low']:{spec}} to {row['seed_high']:{spec}}"

    names = [name for name in ("quantity", "loss", "dimension") if name in comparison]
    table = comparison[names].assign(
        ours=comparison.apply(interval, axis=1),
        seeds=comparison.apply(seeds, axis=1),
        paper=comparison["paper"],
    )
    # one name above its rows is easier to read than the name in every row
    for name in ("paper", *reversed(names[:-1])):
        keys = names[:1] if name == "paper" else names[: names.index(name) + 1]
        table[name] = table[name].mask(comparison.duplicated(keys), "")
    caption = "; ".join(comparison["data"].unique())
    # pandas would draw a random id for the table: the same scores must give the same page
    name = f"{zlib.crc32(table.to_csv().encode()):08x}"
    page = Styler(table, uuid=name, cell_ids=False).hide(axis="index")
    return page.set_caption(f"Scores on {caption}")
