"""The book's one figure style: colours, markers and line styles per method.

A method keeps one colour, marker and line style throughout. The colours differ in lightness, so
they survive grey printing, and stay apart for the common kinds of colour blindness
(tests/show/test_style.py measures both). Sizes suit a phone: no text falls below about 9 px at
360 px page width.
"""

import matplotlib as mpl

COLOURS = {
    "empirical": "#1a1a1a",
    "mse": "#37208a",
    "kld": "#9c2410",
    "nll": "#0a6e4e",
    "trivial": "#777777",
    "ensemble": "#3a89cc",
    "mc_dropout": "#c38500",
}
COLOURS["truth"] = COLOURS["empirical"]
# fmt: off
MARKERS = {
    "empirical": "o", "truth": "o", "mse": "s", "kld": "D", "nll": "^",
    "trivial": "x", "ensemble": "v", "mc_dropout": "P",
}
LINESTYLES = {
    "empirical": "-", "truth": "-", "mse": "-", "kld": "--", "nll": "-.",
    "trivial": ":", "ensemble": (0, (6, 2, 1, 2, 1, 2)), "mc_dropout": (0, (3, 1)),
}
NAMES = {
    "empirical": "empirical", "truth": "truth", "mse": "MSE", "kld": "KLD", "nll": "NLL",
    "trivial": "trivial", "ensemble": "seed ensemble", "mc_dropout": "MC dropout",
}
DIMENSION_COLOURS = ("#1f4e9c", "#c46a10")  # valence, arousal
DIMENSION_MARKERS = ("o", "^")
HATCHES = ("", "///")
UNITS = {"rating": "rating scale", "model": "model space"}

STYLE = {
    "figure.figsize": (4.8, 3.4), "figure.dpi": 144, "savefig.dpi": 144,
    "figure.constrained_layout.use": True, "figure.facecolor": "white",
    "font.size": 11, "axes.titlesize": 11, "axes.labelsize": 11, "legend.fontsize": 10,
    "xtick.labelsize": 10, "ytick.labelsize": 10, "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
    "axes.grid": True, "grid.color": "#e4e4e4", "grid.linewidth": 0.7,
    "legend.frameon": False, "image.cmap": "cividis", "lines.markersize": 5,
}


def use_style():
    """Switch the whole process (a notebook) to the book's style."""
    mpl.rcParams.update(STYLE)


def style():
    """Context manager: the book's style inside a ``with`` block only."""
    return mpl.rc_context(STYLE)


def method_style(method: str) -> dict:
    """``color``, ``marker``, ``linestyle``, ``label`` of a method; grey if it is unknown.

    ``"kld/ensemble"`` and ``"kld+mc_dropout"`` take the style of the part after the sign.
    """
    key = method.replace("+", "/").split("/")[-1]
    return {
        "color": COLOURS.get(key, COLOURS["trivial"]),
        "marker": MARKERS.get(key, "o"),
        "linestyle": LINESTYLES.get(key, "-"),
        "label": NAMES.get(method, method),
    }
