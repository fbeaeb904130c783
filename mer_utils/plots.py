"""Every figure of the book, in one style.

Each function takes ``ax=None``, draws, and returns the ``Axes``; it computes nothing beyond
what drawing needs (bins of a histogram). Ratings are on 1-9, unless ``unit="model"``
says model space. ``simulated=True`` writes "simulated data" above the plot.

Style and colours per method: :mod:`mer_utils.style`, whose names can be imported from here.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from .dataset import DIMENSIONS
from .style import (  # noqa: F401  (re-exported: the notebooks import them from here)
    COLOURS,
    DIMENSION_COLOURS,
    DIMENSION_MARKERS,
    HATCHES,
    LINESTYLES,
    MARKERS,
    NAMES,
    UNITS,
    method_style,
    style,
    use_style,
)


def pair(height: float = 3.1, **kwargs):
    """Figure with one panel for valence and one for arousal. Returns the two Axes."""
    return plt.subplots(1, 2, figsize=(5.6, height), **kwargs)[1]


def _axes(ax, figsize=None):
    return plt.subplots(figsize=figsize)[1] if ax is None else ax


def _finish(ax, xlabel, ylabel, title="", simulated=False, source=""):
    """Labels, title and the source note, which stands in a line of its own."""
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    note = "simulated data" if simulated else source
    ax.set_title("\n".join(part for part in (title, note) if part))
    return ax


def _label(what: str, unit: str) -> str:
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {sorted(UNITS)}, got {unit!r}")
    return f"{what} ({UNITS[unit]})"


# --- sound ---------------------------------------------------------------------------------


def plot_waveform(samples, rate, *, ax=None, title="", source=""):
    """Waveform of ``samples`` (n,) in [-1, 1] at ``rate`` Hz."""
    ax = _axes(ax, (4.8, 2.2))
    ax.plot(np.arange(len(samples)) / rate, samples, color=DIMENSION_COLOURS[0], linewidth=0.5)
    ax.set_ylim(-1.05, 1.05)
    return _finish(ax, "time (s)", "amplitude", title, source=source)


def plot_log_mel(log_mel, seconds, *, ax=None, title="", source="", limits=None):
    """Log-mel spectrogram ``(n_mels, n_frames)`` in dB that lasts ``seconds``.

    ``limits`` is the ``(lowest, highest)`` dB of the colour scale, to share it between panels.
    """
    ax = _axes(ax, (4.8, 2.8))
    low, high = limits or (None, None)
    image = ax.imshow(
        log_mel,
        origin="lower",
        aspect="auto",
        vmin=low,
        vmax=high,
        extent=(0, seconds, 0, len(log_mel)),
        interpolation="nearest",
    )
    ax.grid(False)
    ax.figure.colorbar(image, ax=ax, label="level (dB)")
    return _finish(ax, "time (s)", "mel band", title, source=source)


# --- ratings -------------------------------------------------------------------------------


def hist_by_dimension(values, bins, *, xlabel, ylabel="share of songs", ax=None, **note):
    """Histograms of ``values`` (n, 2), valence beside arousal, as shares that sum to 1."""
    ax = _axes(ax)
    values = np.asarray(values, dtype=float)
    edges = np.asarray(bins, dtype=float)
    for d, name in enumerate(DIMENSIONS):
        share = np.histogram(values[:, d], edges)[0] / len(values)
        width = np.diff(edges) * 0.42
        middle = (edges[:-1] + edges[1:]) / 2 + (d - 0.5) * width
        ax.bar(
            middle,
            share,
            width,
            color=DIMENSION_COLOURS[d],
            hatch=HATCHES[d],
            edgecolor="white",
            linewidth=0,
            label=name,
        )
    ax.legend()
    return _finish(ax, xlabel, ylabel, **note)


def hist_ratings(ratings, *, ax=None, title="", simulated=False):
    """Share of each rating 1, 2, ..., 9; ``ratings`` is (n_ratings, 2)."""
    ax = hist_by_dimension(
        ratings,
        np.arange(0.5, 10),
        xlabel="rating (1-9 scale)",
        ylabel="share of ratings",
        ax=ax,
        title=title,
        simulated=simulated,
    )
    ax.set_xticks(range(1, 10))
    return ax


def scatter_mean_sd(
    mean, sd, *, grid=None, bound=None, fit=None, dimension=0, ax=None, title=None, simulated=False
):
    """SD against mean of each song, both (n,), 1-9 scale.

    ``bound`` (Bhatia-Davis) and ``fit`` (a quadratic) are curves over ``grid``.
    """
    ax = _axes(ax)
    ax.plot(
        mean,
        sd,
        DIMENSION_MARKERS[dimension],
        color=DIMENSION_COLOURS[dimension],
        markersize=2.5,
        alpha=0.35,
        markeredgewidth=0,
        label="one song",
        rasterized=True,
    )
    if bound is not None:
        ax.plot(grid, bound, color="black", linestyle="--", label="largest possible")
    if fit is not None:
        ax.plot(grid, fit, color="black", linewidth=2, label="quadratic fit")
    ax.set_xlim(1, 9)
    ax.set_ylim(0, 5.3)
    ax.set_xticks(range(1, 10, 2))
    ax.legend(loc="upper center", ncols=2, columnspacing=1, markerscale=2)
    title = DIMENSIONS[dimension] if title is None else title
    return _finish(
        ax, _label("rating mean", "rating"), _label("rating SD", "rating"), title, simulated
    )


def plot_va_plane(
    rating_mean, value=None, *, value_label="", ax=None, title="", simulated=False, **points
):
    """Songs in the valence-arousal plane; ``rating_mean`` (n, 2), colour = ``value`` (n,).

    Further keywords go to ``Axes.scatter``. A discrete ``value`` needs its own legend.
    """
    ax = _axes(ax, (4.8, 3.8))
    options = {"s": 10, "alpha": 0.75, "linewidths": 0, "rasterized": True} | points
    if value is None:
        options.setdefault("color", DIMENSION_COLOURS[0])
    else:
        options["c"] = value
    drawn = ax.scatter(rating_mean[:, 0], rating_mean[:, 1], **options)
    if value is not None:
        ax.figure.colorbar(drawn, ax=ax, label=value_label)
    ax.axhline(5, color="#777777", linewidth=0.8)
    ax.axvline(5, color="#777777", linewidth=0.8)
    ax.set(xlim=(1, 9), ylim=(1, 9), xticks=range(1, 10, 2), yticks=range(1, 10, 2))
    ax.set_aspect("equal")
    return _finish(ax, "valence (1-9 scale)", "arousal (1-9 scale)", title, simulated)


def plot_map(place, value, *, value_label, ax=None, title="", simulated=False):
    """Songs at ``place`` (n, 2), e.g. two principal components, coloured by ``value`` (n,).

    The axes have no unit; the colour scale spans the 2nd to 98th percentile of ``value``.
    """
    ax = _axes(ax, (4.8, 3.6))
    low, high = np.percentile(value, [2, 98])
    drawn = ax.scatter(
        place[:, 0], place[:, 1], c=value, s=8, linewidths=0, vmin=low, vmax=high, rasterized=True
    )
    ax.figure.colorbar(drawn, ax=ax, label=value_label, extend="both")
    return _finish(ax, "first component", "second component", title, simulated)


# --- predictions ---------------------------------------------------------------------------


def scatter_predicted(
    y_true, y_pred, *, what="SD", method="mse", unit="rating", axes=None, simulated=False
):
    """Predicted against empirical mean or SD, both (n, 2); the line is a perfect prediction.

    Truth is on the horizontal axis. Both axes span the same range, so a narrow cloud shows
    a narrow prediction. Returns the two Axes, valence and arousal.
    """
    axes = pair() if axes is None else axes
    look = method_style(method)
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    low = min(y_true.min(), y_pred.min())
    high = max(y_true.max(), y_pred.max())
    pad = 0.04 * (high - low or 1)
    for d, (ax, name) in enumerate(zip(axes, DIMENSIONS, strict=True)):
        ax.xaxis.set_major_locator(MaxNLocator(4))
        ax.yaxis.set_major_locator(MaxNLocator(4))
        ax.plot([low, high], [low, high], color=COLOURS["trivial"], linewidth=1.2)
        ax.plot(
            y_true[:, d],
            y_pred[:, d],
            look["marker"],
            color=look["color"],
            markersize=3,
            alpha=0.5,
            markeredgewidth=0.5 if look["marker"] == "x" else 0,
            rasterized=True,
        )
        ax.set(xlim=(low - pad, high + pad), ylim=(low - pad, high + pad), aspect="equal")
        _finish(
            ax,
            f"empirical {what}\n({UNITS[unit]})",
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
    ax = _axes(ax, (4.8, 1.2 + 0.55 * len(rows)))
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
    return _finish(ax, _label("SD", unit), "", dimension, simulated)


def forest(
    labels,
    value,
    low,
    high,
    *,
    xlabel,
    methods=None,
    reference=None,
    ax=None,
    title="",
    simulated=False,
):
    """Dot and interval per row. ``value``, ``low``, ``high``: (n_rows,) or (n_rows, 2).

    With two columns, valence is filled and arousal hollow. ``methods`` (n_rows,) sets colours and
    markers; ``reference`` draws a vertical line (0 for an R2).
    """
    value, low, high = (np.asarray(a, dtype=float) for a in (value, low, high))
    if not (value.shape == low.shape == high.shape and len(labels) == len(value)):
        raise ValueError(
            f"forest needs equal shapes: {len(labels)} labels, value {value.shape}, "
            f"low {low.shape}, high {high.shape}"
        )
    value, low, high = (a[:, None] if a.ndim == 1 else a for a in (value, low, high))
    ax = _axes(ax, (4.8, 1.3 + (0.38 if value.shape[1] == 1 else 0.52) * len(labels)))
    if reference is not None:
        ax.axvline(reference, color=COLOURS["trivial"], linestyle="--", linewidth=1)
    columns = value.shape[1]
    for i in range(len(labels)):
        look = method_style(methods[i] if methods is not None else "empirical")
        for d in range(columns):
            y = i + (0.32 * (d - 0.5) if columns == 2 else 0)
            ax.hlines(y, low[i, d], high[i, d], color=look["color"], linewidth=2)
            ax.plot(
                value[i, d],
                y,
                "o" if look["marker"] == "x" else look["marker"],
                markersize=7,
                color=look["color"],
                markeredgewidth=1.5,
                markerfacecolor="white" if d else look["color"],
            )
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.grid(False, axis="y")
    note = "filled: valence, hollow: arousal" if columns == 2 else ""
    return _finish(ax, xlabel, "", "\n".join(t for t in (title, note) if t), simulated)


def plot_calibration(nominal, observed, *, ax=None, title="", simulated=False):
    """Observed against nominal coverage; ``observed`` is a dict method -> (n,), shares 0-1.

    Below the diagonal: intervals too narrow. Above it: too wide.
    """
    ax = _axes(ax, (4.8, 4.0))
    ax.plot([0, 1], [0, 1], color=COLOURS["trivial"], linewidth=1.2)
    for method, share in observed.items():
        ax.plot(nominal, share, markevery=max(len(nominal) // 8, 1), **method_style(method))
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ax.legend()
    return _finish(ax, "nominal coverage", "observed coverage", title, simulated)


def plot_training_curves(
    curves, *, best_epoch=None, ax=None, title="", ylabel="loss", simulated=False
):
    """Loss per epoch; ``curves`` is a dict name -> (n_epochs,) or (n_members, n_epochs).

    Members are thin lines. ``best_epoch`` (counted from 1) marks the weights that were kept.
    """
    ax = _axes(ax)
    looks = ((COLOURS["mse"], "-"), (COLOURS["mc_dropout"], "--"), (COLOURS["kld"], ":"))
    for i, (name, values) in enumerate(curves.items()):
        colour, line = looks[i % len(looks)]
        members = np.atleast_2d(np.asarray(values, dtype=float))
        thin = len(members) > 1
        for k, member in enumerate(members):
            ax.plot(
                np.arange(1, len(member) + 1),
                member,
                line,
                color=colour,
                linewidth=0.7 if thin else 1.6,
                alpha=0.7 if thin else 1,
                label=None if k else name,
            )
    if best_epoch is not None:
        ax.axvline(best_epoch, color=COLOURS["trivial"], linewidth=1, label="kept weights")
    ax.legend()
    return _finish(ax, "epoch", ylabel, title, simulated)
