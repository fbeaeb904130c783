"""Figures of the label audit. Same rules as :mod:`mer_utils.plots`: draw, compute nothing."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .dataset import DIMENSIONS
from .exchange import NOT_AT_HAND
from .plots import _axes, _finish
from .style import COLOURS, DIMENSION_COLOURS, DIMENSION_MARKERS, method_style


def plot_evidence(table: pd.DataFrame, *, ax=None, title="", simulated=False):
    """Differences "as distributed minus exchanged" with intervals, one line of evidence per row.

    ``table`` is that of :func:`mer_utils.exchange.exchange_evidence`. The control, where there
    is one, stands below its line, hollow and grey.
    """
    rows = table[table["supports"].ne(NOT_AT_HAND)]
    ax = _axes(ax, (4.8, 1.4 + 0.6 * len(rows)))
    ax.axvline(0, color=COLOURS["trivial"], linestyle="--", linewidth=1)
    dark = {"color": COLOURS["empirical"], "marker": "o", "markersize": 4}
    pale = {"color": COLOURS["trivial"], "marker": "s", "markersize": 4, "markerfacecolor": "white"}
    for column, ends, shift, look in (
        ("difference", ("low", "high"), -0.12, dark),
        ("control", ("control_low", "control_high"), 0.18, pale),
    ):
        value, low, high = (rows[c].to_numpy() for c in (column, *ends))
        known = np.isfinite(value)
        error = np.stack([value - low, high - value])[:, known]
        place = np.flatnonzero(known) + shift
        ax.errorbar(value[known], place, xerr=error, linestyle="", capsize=3, **look)
    labels = [text.replace(", ", ",\n").replace(" trained", "\ntrained") for text in rows.evidence]
    ax.set_yticks(range(len(rows)), labels, fontsize="small")
    ax.set(xlim=(-1.08, 1.08), ylim=(len(rows) - 0.5, -0.5))
    ax.grid(False, axis="y")
    note = "filled: ids up to 1000, hollow: control"
    label = "as distributed minus exchanged"
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
        ax.legend(loc="lower right")
    return _finish(ax, "song id", "evidence per song (nats)", title, simulated)


def plot_trial(trial: pd.DataFrame, *, axes=None, title=""):
    """Scores against the share of exchanged songs, one panel per score; "simulated exchange".

    ``trial`` is the table of :func:`mer_utils.exchange_effects.exchange_trial`. Broad lines are
    the formula. Returns the three Axes.
    """
    axes = plt.subplots(3, 1, figsize=(4.8, 8), sharex=True)[1] if axes is None else axes
    panels = {
        "R2 of the mean": ("mean", "r2"),
        "R2 of the SD": ("sd", "r2"),
        "rank correlation, SD": ("sd", "spearman"),
    }
    for ax, (label, cell) in zip(axes, panels.items(), strict=True):
        rows = trial[trial["target"].eq(cell[0]) & trial["score"].eq(cell[1])]
        for d, dimension in enumerate(DIMENSIONS):
            part = rows[rows["dimension"].eq(dimension)]
            error = [part["value"] - part["low"], part["high"] - part["value"]]
            colour, shift = DIMENSION_COLOURS[d], 0.004 * (2 * d - 1)  # bars beside each other
            ax.plot(part["share"], part["expected"], color=colour, linewidth=6, alpha=0.25)
            look = {"color": colour, "marker": DIMENSION_MARKERS[d], "capsize": 3}
            ax.errorbar(part["share"] + shift, part["value"], error, label=dimension, **look)
        _finish(ax, "", label)
    axes[0].legend()
    axes[0].set_title("\n".join(part for part in ("simulated exchange", title) if part))
    axes[-1].set_xlabel("share of the songs that is exchanged")
    return axes
