"""Scores under a ceiling: dots and intervals, with the highest possible score as a band."""

from __future__ import annotations

import matplotlib.pyplot as plt

from .dataset import DIMENSIONS
from .plots import forest
from .rows import for_forest

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
