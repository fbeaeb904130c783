"""Figures about many predictions at once: curves per method, and the parts of a variance.

Same rules as :mod:`mer_utils.plots`: draw, compute nothing, return the ``Axes``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from .dataset import DIMENSIONS
from .plots import _axes, _finish, pair
from .style import NAMES, method_style


def plot_curves(
    curves, *, xlabel, ylabel, looks=None, ax=None, title="", simulated=False, legend=True
):
    """One line with marks per method.

    Parameters
    ----------
    curves : dict of name -> ``(x, y)`` or ``(x, y, error)``
        Arrays (n,); ``error`` draws bars of plus and minus one error.
    looks : dict of name -> method, optional
        Whose colour, marker and line a name takes; the name's own by default.
    """
    ax = _axes(ax)
    for name, (x, y, *error) in curves.items():
        look = method_style((looks or {}).get(name, name)) | {"label": NAMES.get(name, name)}
        ax.errorbar(x, y, *error, capsize=4 if error else 0, markersize=4, **look)
    if legend:
        ax.legend()
    return _finish(ax, xlabel, ylabel, title, simulated)


def plot_variance_parts(parts: pd.DataFrame, *, axes=None, simulated=False):
    """Stacked bars: mean predicted variance, and on top (hatched) the variance of the means.

    ``parts`` is the table of :func:`mer_utils.spread.variance_parts`; the dashed line is the
    raters' mean variance. Returns the two Axes, valence and arousal.
    """
    axes = pair(sharey=True) if axes is None else axes
    for ax, dimension in zip(axes, DIMENSIONS, strict=True):
        rows = parts.xs(dimension, level="dimension")
        names = [NAMES.get(m, m) for m in rows.index]
        colours = [method_style(m)["color"] for m in rows.index]
        ax.bar(names, rows["predicted"], color=colours)
        ax.bar(
            names, rows["means"], bottom=rows["predicted"],
            color="white", edgecolor="black", linewidth=0.8, hatch="////",
        )  # fmt: skip
        ax.axhline(np.mean(rows["raters"]), color="black", linestyle="--")
        ax.grid(False, axis="x")
        _finish(ax, "", "", dimension, simulated)
    axes[0].set_ylabel("variance (model space)")
    return axes
