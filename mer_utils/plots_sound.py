"""Figures about encoders: steps over time, layers that agree, windows on a map.

Same rules as :mod:`mer_utils.plots`: draw, compute nothing, return the ``Axes``. ``source``
says where the sound comes from, e.g. "synthesised"; it stands in the title.
"""

from __future__ import annotations

import numpy as np

from .plots import _axes, _finish
from .style import COLOURS, MARKERS


def plot_steps(steps, seconds, *, ylabel="unit", limit=3.0, ax=None, title="", source=""):
    """Heat map of ``steps`` (n_steps, n_units), standardised, over a clip of ``seconds``.

    Colours span -``limit`` to ``limit`` SDs; what lies beyond has the last colour.
    """
    ax = _axes(ax, (4.8, 2.6))
    image = ax.imshow(
        np.asarray(steps).T,
        origin="lower",
        aspect="auto",
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        extent=(0, seconds, 0, np.shape(steps)[1]),
        interpolation="antialiased",
    )
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label="SDs", extend="both")
    return _finish(ax, "time (s)", ylabel, title, source=source)


def plot_agreement(table, *, ax=None, title="", source=""):
    """Matrix of rank correlations, from ``listen.agreement``; numbers in the cells if few."""
    n = len(table)
    ax = _axes(ax, (4.8, 4.0) if n > 5 else (4.8, 3.6))
    image = ax.imshow(table.to_numpy(), vmin=min(0, table.to_numpy().min()), vmax=1)
    tilt = {"rotation": 90, "va": "center"} if n > 5 else {"rotation": 30}
    ax.set_xticks(range(n), table.columns, ha="right", rotation_mode="anchor", **tilt)
    ax.set_yticks(range(n), table.index)
    ax.grid(False)
    if n <= 5:
        for i in range(n):
            for j in range(n):
                value = table.iat[i, j]
                colour = "black" if value > 0.6 else "white"
                ax.text(j, i, f"{value:.2f}", ha="center", va="center", color=colour)
    ax.figure.colorbar(image, ax=ax, label="rank correlation")
    return _finish(ax, "", "", title, source=source)


def plot_windows(places, *, ax=None, title="", source=""):
    """Windows of clips on a map; ``places`` is clip -> (n_windows, 2), in order of time.

    A thin line joins the windows of a clip; its first window has a black edge.
    """
    ax = _axes(ax, (4.8, 3.8))
    colours = [c for name, c in COLOURS.items() if name not in ("empirical", "truth", "trivial")]
    markers = list(dict.fromkeys(MARKERS.values()))
    for i, (name, place) in enumerate(places.items()):
        look = {"color": colours[i % len(colours)], "marker": markers[i % len(markers)]}
        ax.plot(*place.T, linewidth=0.8, alpha=0.8, markersize=7, label=name, **look)
        ax.plot(*place[:1].T, look["marker"], markersize=11, color="none", markeredgecolor="black")
    ax.legend(fontsize=9)
    return _finish(ax, "first component", "second component", title, source=source)
