"""Words made of numbers: the one place that turns figures into parts of a sentence or a cell.

A *row* is anything with ``value``, ``low`` and ``high`` (and ``dimension``), such as a row of a
score table from ``itertuples()``. Brackets, ``0.20 [0.14, 0.25]``, are for cells of tables; words,
``0.20 (0.14 to 0.25) for valence and ...``, are for sentences. ``spec`` is a format of one number.
Shares of a ceiling: :mod:`mer_utils.ceiling.shares`.
"""

import numpy as np
import pandas as pd

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.show.style import NAMES

NO_BREAK = "\u00a0"  # a space at which a narrow column does not break the line


def bracket(value, low, high, spec: str = ".2f") -> str:
    """``0.20 [0.14, 0.25]``; without an interval if it is not known, "" if nothing is.

    Two ends without a value, as of a ceiling that is bracketed: ``0.14 to 0.25``.
    """
    if pd.isna(value):
        return "" if pd.isna(low) else f"{low:{spec}} to {high:{spec}}"
    tail = "" if pd.isna(low) else f" [{low:{spec}},{NO_BREAK}{high:{spec}}]"
    return f"{value:{spec}}{tail}"


def brackets(table: pd.DataFrame, spec: str = ".2f", names=("value", "low", "high")) -> list[str]:
    """:func:`bracket` of each row of a table; ``names`` are its three columns."""
    return [bracket(*row, spec) for row in zip(*(table[name] for name in names), strict=True)]


def sentence(rows: pd.DataFrame, spec: str = ".2f") -> str:
    """``0.20 (0.14 to 0.25) for valence and 0.10 (...) for arousal``, one part for each row.

    Of a bracket, ``0.14 to 0.25 for valence``.
    """
    parts = []
    for row in rows.itertuples():
        ends = "" if pd.isna(row.low) else f"{row.low:{spec}} to {row.high:{spec}}"
        text = ends
        if pd.notna(row.value):
            text = f"{row.value:{spec}}" + (f" ({ends})" if ends else "")
        parts.append(f"{text or 'not known'} for {row.dimension}")
    return listed(parts)


def per_dimension(values, spec: str = ".2f", dimensions=DIMENSIONS) -> str:
    """``0.17 (valence) and 0.16 (arousal)``, one number for each of ``dimensions``."""
    return listed(f"{v:{spec}} ({d})" for v, d in zip(values, dimensions, strict=True))


def side_of(rows: pd.DataFrame, border: float) -> str:
    """On which side of ``border`` scores lie, as far as their 95% intervals can tell.

    >>> side_of(rows, 0)  # doctest: +SKIP
    'below 0 for valence and not distinguishable from 0 for arousal'
    """
    sides = {}
    for row in rows.itertuples():
        clear = "below" if row.high < border else "above" if row.low > border else ""
        sides.setdefault(clear or "not distinguishable from", []).append(row.dimension)
    return " and ".join(f"{s} {border:g} for {listed(d)}" for s, d in sides.items())


def listed(names) -> str:
    """``a, b and c``; "" for nothing."""
    names = list(names)
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def percent(share) -> str:
    """``38%``; ``any`` for an infinite share, ``not known`` for NaN, ``below -100%`` there."""
    if np.isnan(share):
        return "not known"
    if np.isinf(share):
        return "any"
    return "below -100%" if share < -1 else f"{share:.0%}".replace("-0%", "0%")


def _ends(row, between: str) -> str:
    """``17%, any`` with ``between`` as ", "; one word where both ends have no limit."""
    if np.isinf(row.share_low) and np.isinf(row.share_high):
        return "any"
    return f"{percent(row.share_low)}{between}{percent(row.share_high)}"


def share(row) -> str:
    """``38% [17%, any]`` for a row of ``with_shares``; empty where there is no ceiling.

    Where the ceiling is a bracket, ``17% to any``.
    """
    if pd.isna(row.ceiling_high) or pd.isna(row.value):
        return ""
    if row.share_high < -1:
        return percent(row.share_high)
    if pd.isna(row.ceiling):
        return _ends(row, " to ")
    return f"{percent(row.share)} [{_ends(row, f',{NO_BREAK}')}]"


def top(row) -> str:
    """The ceiling of a row of ``with_shares``: ``0.36``, ``0.17 to 0.52``, or "" if not known."""
    if pd.notna(row.ceiling):
        return f"{row.ceiling:.2f}"
    return "" if pd.isna(row.ceiling_high) else f"{row.ceiling_low:.2f} to {row.ceiling_high:.2f}"


def shares(rows: pd.DataFrame) -> str:
    """``38% (17% to any) for valence and ...``, for the rows of one method and score.

    Where the ceiling is a bracket, ``17% to any for valence``.
    """
    parts = []
    for row in rows.itertuples():
        text = percent(np.nan)
        if pd.notna(row.ceiling_high):
            text = _ends(row, " to ")
            text = text if pd.isna(row.ceiling) else f"{percent(row.share)} ({text})"
        parts.append(f"{text} for {row.dimension}")
    return listed(parts)


def methods_that(verdicts: pd.DataFrame, column: str, passes: bool = True) -> str:
    """Methods whose verdict is True in all dimensions (or those where it is not), in words."""
    both = verdicts.groupby("method", sort=False)[column].agg(lambda v: all(x is True for x in v))
    return listed(NAMES.get(name, name) for name in both.index[both == passes]) or "no method"


def lost_most(parts: pd.DataFrame) -> str:
    """Which of the two losses is larger, in words: ``by the level for valence and arousal``."""
    where = parts[["spread", "level"]].idxmin(axis=1)
    if where.nunique() == 1:
        return f"by the {where.iloc[0]} for {listed(where.index)}"
    return " and ".join(f"by the {part} for {name}" for name, part in where.items())
