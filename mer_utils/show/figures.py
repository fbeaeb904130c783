"""Figures that several pages draw, in one style; what one page alone draws stands on that page.

Each function takes ``ax=None`` (or ``axes``), draws, and returns it; it computes nothing beyond
what drawing needs (bins of a histogram). ``unit`` names the axis of ratings: ``songs.unit``, or
"model" for model space. ``simulated=True`` writes "simulated data" above the plot.

Style and colours per method: :mod:`mer_utils.show.style`.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.show.layout import for_forest
from mer_utils.show.style import COLOURS, NAMES, UNITS, method_style
from mer_utils.show.words import listed

BAND = {"facecolor": "#e4e4e4", "edgecolor": "#9a9a9a", "hatch": "//", "linewidth": 0, "zorder": 0}


def pair(height: float = 3.1, n: int = 2, **kwargs):
    """Figure with a panel for each of two, or of ``n`` dimensions. Returns the Axes."""
    return plt.subplots(1, n, figsize=(5.6, height), squeeze=False, **kwargs)[1][0]


def new_axes(ax, figsize=None):
    """``ax`` itself, or new Axes if there are none."""
    return plt.subplots(figsize=figsize)[1] if ax is None else ax


def finish(ax, xlabel, ylabel, title="", simulated=False, source=""):
    """Labels, title and the source note, which stands in a line of its own."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    note = "simulated data" if simulated else source
    ax.set_title("\n".join(part for part in (title, note) if part))
    return ax


def _label(what: str, unit: str) -> str:
    return f"{what} ({UNITS.get(unit, unit)})"


def scatter_predicted(
    y_true, y_pred, *, what="SD", method="mse", unit="rating", axes=None, simulated=False,
    dimensions=DIMENSIONS,
):  # fmt: skip
    """Predicted against empirical mean or SD, (n, n_dimensions); the line is a perfect prediction.

    Truth is on the horizontal axis. Both axes span the same range, so a narrow cloud shows
    a narrow prediction. Returns the Axes, one for each dimension.
    """
    axes = pair(n=len(dimensions)) if axes is None else axes
    look = method_style(method)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    low = min(y_true.min(), y_pred.min())
    high = max(y_true.max(), y_pred.max())
    pad = 0.04 * (high - low or 1)
    for d, (ax, name) in enumerate(zip(axes, dimensions, strict=True)):
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.plot([low, high], [low, high], color=COLOURS["trivial"], linewidth=1.2)
        edge = 0.5 if look["marker"] == "x" else 0
        how = {"color": look["color"], "markersize": 3, "alpha": 0.5, "markeredgewidth": edge}
        ax.plot(y_true[:, d], y_pred[:, d], look["marker"], **how, rasterized=True)
        ax.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), aspect="equal")
        finish(
            ax,
            _label(f"empirical {what}", unit).replace(" (", "\n("),
            "" if d else _label(f"predicted {what}", unit),
            f"{name}, {look['label']}",
            simulated,
        )
    return axes


def spread_hist(
    empirical_sd, predicted_sd, *, dimension="", unit="rating", bins=40, ax=None, simulated=False
):
    """Distributions of SDs, one row per method, the empirical one on top.

    ``empirical_sd`` is (n,); ``predicted_sd`` a dict method -> (n,). Rows share the horizontal
    axis; each row's height is scaled to its own peak, so compare widths and places.
    """
    rows = {"empirical": np.asarray(empirical_sd)} | {
        k: np.asarray(v) for k, v in predicted_sd.items()
    }
    ax = new_axes(ax, (4.8, 1.2 + 0.55 * len(rows)))
    edges = np.histogram_bin_edges(np.concatenate(list(rows.values())), bins)
    for i, (method, values) in enumerate(rows.items()):
        count = np.histogram(values, edges)[0]
        base = len(rows) - 1 - i
        ax.stairs(
            base + 0.85 * count / max(count.max(), 1),
            edges,
            baseline=base,
            fill=True,
            color=method_style(method)["color"],
        )
        ax.axhline(base, color="#777777", linewidth=0.6)
    ax.set_yticks(np.arange(len(rows))[::-1] + 0.3, [method_style(m)["label"] for m in rows])
    ax.tick_params(axis="y", length=0)
    ax.grid(False, axis="y")
    return finish(ax, _label("SD", unit), "", dimension, simulated)


def forest(
    labels, value, low, high, *, xlabel, methods=None, reference=None, ax=None, title="",
    simulated=False, dimensions=DIMENSIONS,
):  # fmt: skip
    """Dot and interval per row. ``value``, ``low``, ``high``: (n_rows,) or (n_rows, n_dimensions).

    With two columns, the first is filled and the second hollow; of more, all but the first are
    hollow, one below the other. ``methods`` (n_rows,) sets colours and
    markers; ``reference`` draws a vertical line (0 for an R2).
    """
    value, low, high = (np.asarray(a, dtype=float) for a in (value, low, high))
    if not (value.shape == low.shape == high.shape and len(labels) == len(value)):
        raise ValueError(
            f"forest needs equal shapes: {len(labels)} labels, value {value.shape}, "
            f"low {low.shape}, high {high.shape}"
        )
    value, low, high = (a[:, None] if a.ndim == 1 else a for a in (value, low, high))
    ax = new_axes(ax, (4.8, 1.3 + (0.38 if value.shape[1] == 1 else 0.52) * len(labels)))
    if reference is not None:
        ax.axvline(reference, color=COLOURS["trivial"], linestyle="--", linewidth=1)
    columns = value.shape[1]
    for i in range(len(labels)):
        look = method_style(methods[i] if methods is not None else "empirical")
        for d in range(columns):
            y = i + 0.64 / columns * (d - (columns - 1) / 2)
            ax.hlines(y, low[i, d], high[i, d], color=look["color"], linewidth=2)
            marker = "o" if look["marker"] == "x" else look["marker"]
            how = {"color": look["color"], "markersize": 7, "markeredgewidth": 1.5}
            ax.plot(value[i, d], y, marker, markerfacecolor="white" if d else look["color"], **how)
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(False, axis="y")
    note = "" if columns == 1 else f"filled: {dimensions[0]}, hollow: {listed(dimensions[1:])}"
    return finish(ax, xlabel, "", "\n".join(t for t in (title, note) if t), simulated)


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
    ax = new_axes(ax)
    for name, (x, y, *error) in curves.items():
        look = method_style((looks or {}).get(name, name)) | {"label": NAMES.get(name, name)}
        ax.errorbar(x, y, *error, capsize=4 if error else 0, markersize=4, **look)
    if legend:
        ax.legend()
    return finish(ax, xlabel, ylabel, title, simulated)


def ceiling_band(ceiling, ax):
    """Mark one highest possible score: hatched from ``low`` to ``high``, a line at ``value``.

    Of a bracket the ends are marked, since it has no value.
    """
    ax.axvspan(ceiling["low"], ceiling["high"], **BAND)
    known = np.isfinite(ceiling["value"])
    for place in [ceiling["value"]] if known else [ceiling["low"], ceiling["high"]]:
        ax.axvline(place, color="black", linewidth=1.4 if known else 0.8, linestyle="-.", zorder=1)


def forest_under(table, tops, *, xlabel, axes=None, title="", simulated=False):
    """One panel for each dimension: the rows of a score, and the band of its ceiling.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`mer_utils.show.tables.pick`.
    tops : pandas.DataFrame
        From :func:`mer_utils.ceiling.shares.highest`.

    Returns
    -------
    The Axes.
    """
    dimensions = table["dimension"].unique()
    if axes is None:
        height = 1.6 + 0.36 * table["row"].nunique()
        axes = pair(height, len(dimensions), sharex=True, sharey=True)
    for ax, dimension in zip(axes, dimensions, strict=True):
        rows = for_forest(table[table["dimension"].eq(dimension)])
        name = "\n".join(part for part in (title, dimension) if part)
        forest(**rows, xlabel=xlabel, reference=0, ax=ax, title=name, simulated=simulated)
        ax.tick_params(labelbottom=True)  # also where rows of panels share the axis
        top = tops.set_index("dimension").loc[dimension]
        if np.isfinite(top["high"]):
            ceiling_band(top, ax)
    return axes


def plot_variance_parts(parts: pd.DataFrame, *, axes=None, simulated=False):
    """Stacked bars: mean predicted variance, and on top (hatched) the variance of the means.

    ``parts`` is the table of :func:`mer_utils.scoring.parts.variance_parts`; the dashed line is the
    raters' mean variance. Returns the Axes, one for each dimension.
    """
    dimensions = parts.index.unique("dimension")
    axes = pair(n=len(dimensions), sharey=True) if axes is None else axes
    for ax, dimension in zip(axes, dimensions, strict=True):
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
        finish(ax, "", "", dimension, simulated)
    axes[0].set_ylabel("variance (model space)")
    return axes
