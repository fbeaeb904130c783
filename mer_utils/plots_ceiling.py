"""Scores under a ceiling, with the highest possible score as a band; and the raters needed."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from .dataset import DIMENSIONS
from .plots import forest
from .rows import for_forest
from .style import method_style

BAND = {"facecolor": "#e4e4e4", "edgecolor": "#9a9a9a", "hatch": "//", "linewidth": 0, "zorder": 0}


def ceiling_band(ceiling, ax):
    """Mark one highest possible score: hatched from ``low`` to ``high``, a line at ``value``."""
    ax.axvspan(ceiling["low"], ceiling["high"], **BAND)
    ax.axvline(ceiling["value"], color="black", linewidth=1.4, linestyle="-.", zorder=1)


def forest_under(table, tops, *, xlabel, axes=None, title="", simulated=False):
    """One panel for each dimension: the rows of a score, and the band of its ceiling.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`mer_utils.rows.pick`.
    tops : pandas.DataFrame
        From :func:`mer_utils.shares.highest`.

    Returns
    -------
    The two Axes.
    """
    if axes is None:
        height = 1.6 + 0.36 * table["row"].nunique()
        axes = plt.subplots(1, 2, figsize=(5.6, height), sharex=True, sharey=True)[1]
    for ax, dimension in zip(axes, DIMENSIONS, strict=True):
        rows = for_forest(table[table["dimension"].eq(dimension)], [dimension])
        name = "\n".join(part for part in (title, dimension) if part)
        forest(**rows, xlabel=xlabel, reference=0, ax=ax, title=name, simulated=simulated)
        ax.tick_params(labelbottom=True)  # also where rows of panels share the axis
        ceiling_band(tops.set_index("dimension").loc[dimension], ax)
    return axes


def plot_needed(needed: pd.DataFrame, ax=None):
    """Raters per song (log axis) for each target reliability, with 95% intervals.

    ``needed`` has ``label, target, raters, low, high``; an infinite end becomes an arrow. One
    colour and marker for each label.
    """
    ax = ax or plt.subplots(figsize=(4.8, 5.2))[1]
    labels = list(needed["label"].unique())
    looks = ("mse", "kld", "nll", "ensemble", "mc_dropout", "trivial")
    edge = 2 * needed[["raters", "high"]].where(np.isfinite).max().max()
    for k, label in enumerate(labels):
        look, rows = method_style(looks[k % len(looks)]), needed[needed["label"].eq(label)]
        height = rows["target"] + 0.022 * ((len(labels) - 1) / 2 - k)
        high = rows["high"].where(np.isfinite(rows["high"]), edge)
        ax.hlines(height, rows["low"], high, color=look["color"], linewidth=2)
        endless = ~np.isfinite(rows["high"])
        ax.plot(high[endless], height[endless], ">", color=look["color"])
        ax.plot(rows["raters"], height, look["marker"], color=look["color"], label=label)
    ax.set(xscale="log", xlabel="raters per song", ylabel="reliability")
    ax.set_yticks(sorted(needed["target"].unique()))
    ax.figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return ax
