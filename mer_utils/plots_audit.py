"""Figures of the label audit. Same rules as :mod:`mer_utils.plots`: draw, compute nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .exchange import NOT_AT_HAND
from .plots import _axes, _finish, forest
from .style import COLOURS, DIMENSION_COLOURS, method_style


def plot_evidence(table: pd.DataFrame, *, ax=None, title="", simulated=False):
    """Differences "as distributed minus exchanged" with intervals, one line of evidence per row.

    ``table`` is that of :func:`mer_utils.exchange.exchange_evidence`. The control, where there
    is one, stands below its line, hollow and grey.
    """
    rows = table[table["supports"].ne(NOT_AT_HAND)]
    ax = _axes(ax, (4.8, 1.4 + 0.62 * len(rows)))
    labels = [text.replace(", ", ",\n").replace(" trained", "\ntrained") for text in rows.evidence]
    value, low, high = (rows[c].to_numpy() for c in ("difference", "low", "high"))
    forest(labels, value, low, high, xlabel="", reference=0, ax=ax)
    for i, row in enumerate(rows.itertuples()):
        y = i + 0.28
        if np.isfinite(row.control):
            ax.hlines(y, row.control_low, row.control_high, color=COLOURS["trivial"], linewidth=2)
            ax.plot(row.control, y, "s", color=COLOURS["trivial"], markerfacecolor="white")
    ax.set_xlim(-1.08, 1.08)
    ax.tick_params(axis="y", labelsize="small")
    label = "agreement: as distributed minus exchanged"
    note = "filled: ids up to 1000, hollow: control, ids above"
    return _finish(ax, label, "", "\n".join(t for t in (title, note) if t), simulated)


def plot_blocks(table: pd.DataFrame, border: dict, *, ax=None, title="", simulated=False):
    """Average evidence per song in blocks of ids, and the most likely border.

    ``table`` is that of :func:`mer_utils.exchange_border.block_evidence`, ``border`` the result of
    :func:`mer_utils.exchange_border.find_border`; a border whose interval holds 0 is not drawn.
    """
    ax = _axes(ax, (4.8, 3.0))
    middle = (table["first"] + table["last"]) / 2
    error = [table["value"] - table["low"], table["high"] - table["value"]]
    look = method_style("empirical") | {"linestyle": "", "marker": "o", "label": None}
    ax.errorbar(middle, table["value"], error, capsize=3, **look)
    ax.axhline(0, color=COLOURS["trivial"], linestyle="--", linewidth=1)
    if border["low"] > 0:
        ax.axvline(border["border"], color=DIMENSION_COLOURS[1], label="most likely border")
        ax.legend(loc="upper left")
    return _finish(ax, "song id", "evidence per song (nats)", title, simulated)
