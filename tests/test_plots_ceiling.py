import matplotlib

matplotlib.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from mer_utils.plots_ceiling import BAND, forest_under, plot_needed

ROWS = [
    (row, look, d, value, value - 0.1, value + 0.1)
    for row, look, value in (("MSE", "mse", 0.2), ("NLL", "nll", 0.1))
    for d in ("valence", "arousal")
]
TABLE = pd.DataFrame(ROWS, columns=["row", "look", "dimension", "value", "low", "high"])
TOPS = pd.DataFrame(
    [("valence", 0.4, 0.2, 0.5), ("arousal", 0.3, 0.0, 0.45)],
    columns=["dimension", "value", "low", "high"],
)


def test_each_dimension_has_its_own_rows_and_band():
    axes = forest_under(TABLE, TOPS, xlabel="x", simulated=True)
    assert [ax.get_title(loc=plt.rcParams["axes.titlelocation"]).splitlines() for ax in axes] == [
        ["valence", "simulated data"],
        ["arousal", "simulated data"],
    ]
    for ax, top in zip(axes, TOPS.itertuples(), strict=True):
        (band,) = [p for p in ax.patches if p.get_hatch()]
        assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((top.low, top.high))
        lines = [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
        assert top.value in lines and 0 in lines
    assert [t.get_text() for t in axes[0].get_yticklabels()] == ["MSE", "NLL"]  # shared
    plt.close("all")


def test_the_band_is_told_by_hatching_and_not_by_colour():
    for part in ("facecolor", "edgecolor"):
        red, green, blue = to_rgb(BAND[part])
        assert red == green == blue
    assert BAND["hatch"]


def test_raters_needed_show_their_intervals_and_no_end():
    table = pd.DataFrame(
        {
            "label": ["A", "A", "B", "B"],
            "target": [0.5, 0.9, 0.5, 0.9],
            "raters": [20, 200, 50, 500],
            "low": [10, 100, 30, 300],
            "high": [40, 400, np.inf, np.inf],
        }
    )
    ax = plot_needed(table)
    assert ax.get_xscale() == "log" and list(ax.get_yticks()) == [0.5, 0.9]
    marks = {line.get_label(): line for line in ax.lines if line.get_label() in "AB"}
    assert list(marks["A"].get_xdata()) == [20, 200]
    arrows = [line for line in ax.lines if line.get_marker() == ">" and len(line.get_xdata())]
    assert len(arrows) == 1 and min(arrows[0].get_xdata()) >= 500
    plt.close("all")
