"""Figures of curves and variance parts: what is drawn is what was given."""

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")

from mer_utils.plots_spread import plot_curves, plot_variance_parts


def test_curves_draw_their_points_and_say_simulated():
    curves = {"mse": ([1, 2], [3.0, 4.0]), "other": ([1, 2], [1.0, 2.0], [0.1, 0.2])}
    ax = plot_curves(curves, xlabel="x", ylabel="y", looks={"other": "kld"}, simulated=True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["MSE", "other"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3.0, 4.0])
    assert "simulated" in ax.get_title()
    assert len(ax.containers[1].lines[2]) == 1  # only "other" has error bars


def test_variance_parts_stack_to_the_total():
    index = pd.MultiIndex.from_product(
        [["mse", "nll"], ["valence", "arousal"]], names=["method", "dimension"]
    )
    parts = pd.DataFrame(
        {"predicted": [0.1, 0.2, 0.3, 0.4], "means": 0.05, "share": 0.1, "raters": 0.16}, index
    )
    valence, arousal = plot_variance_parts(parts)
    tops = [bar.get_y() + bar.get_height() for bar in arousal.containers[1]]
    np.testing.assert_allclose(tops, [0.25, 0.45])
    assert valence.lines[0].get_ydata()[0] == 0.16
    assert "simulated" not in valence.get_title()
