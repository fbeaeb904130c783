"""Every plot is labelled, says what is simulated, and draws what it was given."""

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from mer_utils.show import figures, style
from mer_utils.show.layout import for_forest

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


@pytest.fixture
def songs():
    rng = np.random.default_rng(0)
    return rng.uniform(2.5, 7.5, (50, 2)), rng.uniform(0.5, 2.5, (50, 2))


@pytest.fixture(autouse=True)
def close():
    with style.style():
        yield
    plt.close("all")


DRAW = {
    "spread": lambda m, s, **k: figures.spread_hist(s[:, 0], {"mse": s[:, 1], "nll": s[:, 0]}, **k),
    "forest": lambda m, s, **k: figures.forest(
        ["a", "b"], [0.1, 0.2], [0, 0.1], [0.2, 0.3], xlabel="R2", methods=["mse", "kld"], **k
    ),
    "curves": lambda m, s, **k: figures.plot_curves(
        {"mse": (m[:, 0], s[:, 0])}, xlabel="x", ylabel="y", **k
    ),
}


@pytest.mark.parametrize("name", DRAW)
def test_draws_on_the_given_axes_with_labels(name, songs):
    _, ax = plt.subplots()
    assert DRAW[name](*songs, ax=ax, simulated=True) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name in ("spread", "forest"), "rows are named by their tick labels"
    assert "simulated data" in ax.get_title(loc="left")
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", DRAW)
def test_makes_its_own_axes_and_does_not_claim_simulation(name, songs):
    ax = DRAW[name](*songs, ax=None)
    assert "simulated" not in ax.get_title(loc="left")


def test_scatter_predicted_puts_truth_on_the_horizontal_axis(songs):
    _, sd = songs
    axes = figures.scatter_predicted(sd, sd / 10, method="nll", simulated=True)
    line = axes[1].lines[-1]
    np.testing.assert_array_equal(line.get_xdata(), sd[:, 1])
    np.testing.assert_array_equal(line.get_ydata(), sd[:, 1] / 10)
    assert "empirical" in axes[0].get_xlabel() and "rating scale" in axes[0].get_ylabel()
    assert axes[0].get_xlim() == axes[0].get_ylim(), "unequal ranges hide a narrow prediction"


def test_forest_shows_both_dimensions_and_refuses_unequal_shapes():
    value = np.array([[0.6, 0.5], [0.0, -0.2]])
    ax = figures.forest(["mean", "SD"], value, value - 0.1, value + 0.1, xlabel="R2", reference=0)
    assert "hollow: arousal" in ax.get_title(loc="left")
    with pytest.raises(ValueError, match="3 labels"):
        figures.forest(["a", "b", "c"], value, value, value, xlabel="R2")


def test_units_are_names_or_say_what_they_are():
    units = {"rating": "rating scale", "model": "model space", "1-5 scale": "1-5 scale"}
    for unit, text in units.items():
        assert figures.spread_hist([1.0], {}, unit=unit).get_xlabel() == f"SD ({text})"


@pytest.mark.parametrize("dimensions", [("quality",), ("beauty", "interest", "colour")])
def test_dimensions_follow_the_data(dimensions, songs):
    """One, or three: as many panels, and no word of valence or arousal."""
    d = len(dimensions)
    truth = np.tile(songs[1][:, :1], d)
    names = {"dimensions": dimensions}
    axes = [figures.scatter_predicted(truth, truth, unit="1-5 scale", **names)]
    table = pd.concat([TABLE[TABLE["dimension"].eq("valence")].assign(dimension=n)
                       for n in dimensions])  # fmt: skip
    tops = pd.DataFrame({"dimension": dimensions, "value": np.nan, "low": np.nan, "high": np.nan})
    axes.append(figures.forest_under(table, tops, xlabel="x"))
    assert not [p for ax in axes[-1] for p in ax.patches], "no ceiling is known, and one is drawn"
    index = pd.MultiIndex.from_product([["mse"], dimensions], names=["method", "dimension"])
    parts = pd.DataFrame({"predicted": 0.1, "means": 0.1, "raters": 0.2}, index)
    axes.append(figures.plot_variance_parts(parts))
    for panels in axes:
        titles = [ax.get_title(loc="left") for ax in panels]
        assert len(titles) == d and all(n in t for n, t in zip(dimensions, titles, strict=True))
    ax = figures.forest(**for_forest(table), xlabel="x")
    heights = [line.get_ydata()[0] for line in ax.lines]
    assert len(set(heights)) == 2 * d and all(
        b - a > 0.1 for a, b in zip(heights, heights[1:], strict=False)
    )
    note = "" if d == 1 else "filled: beauty, hollow: interest and colour"
    assert ax.get_title(loc="left") == note


def test_curves_draw_their_points_and_say_simulated():
    curves = {"mse": ([1, 2], [3.0, 4.0]), "other": ([1, 2], [1.0, 2.0], [0.1, 0.2])}
    ax = figures.plot_curves(curves, xlabel="x", ylabel="y", looks={"other": "kld"}, simulated=True)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["MSE", "other"]
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3.0, 4.0])
    assert "simulated" in ax.get_title(loc="left")
    assert len(ax.containers[1].lines[2]) == 1  # only "other" has error bars


def test_variance_parts_stack_to_the_total():
    index = pd.MultiIndex.from_product(
        [["mse", "nll"], ["valence", "arousal"]], names=["method", "dimension"]
    )
    parts = pd.DataFrame(
        {"predicted": [0.1, 0.2, 0.3, 0.4], "means": 0.05, "share": 0.1, "raters": 0.16}, index
    )
    valence, arousal = figures.plot_variance_parts(parts)
    tops = [bar.get_y() + bar.get_height() for bar in arousal.containers[1]]
    np.testing.assert_allclose(tops, [0.25, 0.45])
    assert valence.lines[0].get_ydata()[0] == 0.16
    assert "simulated" not in valence.get_title(loc="left")


def test_each_dimension_has_its_own_rows_and_band():
    axes = figures.forest_under(TABLE, TOPS, xlabel="x", simulated=True)
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


def test_the_band_is_told_by_hatching_and_not_by_colour():
    for part in ("facecolor", "edgecolor"):
        red, green, blue = to_rgb(figures.BAND[part])
        assert red == green == blue
    assert figures.BAND["hatch"]
