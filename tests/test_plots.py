"""The palette is told apart in grey and by colour-blind eyes; every plot is labelled."""

import itertools

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pytest

from mer_utils import plots

# Severe colour blindness as linear-RGB matrices: Machado, Oliveira & Fernandes (2009), table 1.
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
METHODS = [m for m in plots.COLOURS if m != "truth"]


def linear_rgb(colour):
    c = np.array(matplotlib.colors.to_rgb(colour))
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE Lab of linear RGB."""
    ratio = TO_XYZ @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHT)
def test_methods_are_told_apart(sight):
    seen = {m: lab(SIGHT[sight] @ linear_rgb(plots.COLOURS[m])) for m in METHODS}
    for a, b in itertools.combinations(METHODS, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 11, (sight, a, b)


def test_methods_differ_in_grey_and_stand_out_from_white():
    lightness = {m: lab(linear_rgb(plots.COLOURS[m]))[0] for m in METHODS}
    for a, b in itertools.combinations(METHODS, 2):
        assert abs(lightness[a] - lightness[b]) > 4, (a, b)
    for method in METHODS:
        luminance = (TO_XYZ @ linear_rgb(plots.COLOURS[method]))[1]
        assert 1.05 / (luminance + 0.05) >= 3, f"{method} is too pale on white"


def test_methods_have_their_own_marker_and_line():
    assert len({plots.MARKERS[m] for m in METHODS}) == len(METHODS)
    solid = [m for m in METHODS if plots.LINESTYLES[m] == "-"]
    assert solid == ["empirical", "mse"]


@pytest.fixture
def songs():
    rng = np.random.default_rng(0)
    return rng.uniform(2.5, 7.5, (50, 2)), rng.uniform(0.5, 2.5, (50, 2))


@pytest.fixture(autouse=True)
def close():
    with plots.style():
        yield
    plt.close("all")


GRID = np.linspace(1, 9, 9)
DRAW = {
    "waveform": lambda m, s, **k: plots.plot_waveform(np.sin(GRID), 8000, ax=k["ax"]),
    "log_mel": lambda m, s, **k: plots.plot_log_mel(np.ones((8, 20)), 2.0, ax=k["ax"]),
    "ratings": lambda m, s, **k: plots.hist_ratings(np.round(m), **k),
    "mean_sd": lambda m, s, **k: plots.scatter_mean_sd(
        m[:, 0], s[:, 0], grid=GRID, bound=GRID / 4, fit=GRID / 3, **k
    ),
    "va_plane": lambda m, s, **k: plots.plot_va_plane(m, s[:, 0], value_label="SD", **k),
    "map": lambda m, s, **k: plots.plot_map(m, s[:, 0], value_label="SD (1-9 scale)", **k),
    "spread": lambda m, s, **k: plots.spread_hist(s[:, 0], {"mse": s[:, 1], "nll": s[:, 0]}, **k),
    "forest": lambda m, s, **k: plots.forest(
        ["a", "b"], [0.1, 0.2], [0, 0.1], [0.2, 0.3], xlabel="R2", methods=["mse", "kld"], **k
    ),
    "calibration": lambda m, s, **k: plots.plot_calibration(
        np.linspace(0, 1, 5), {"mse": np.linspace(0, 1, 5) ** 2}, **k
    ),
    "training": lambda m, s, **k: plots.plot_training_curves(
        {"training": np.ones((3, 5)), "validation": np.ones((3, 5))}, best_epoch=2, **k
    ),
}


@pytest.mark.parametrize("name", DRAW)
def test_draws_on_the_given_axes_with_labels(name, songs):
    _, ax = plt.subplots()
    simulated = {} if name in ("waveform", "log_mel") else {"simulated": True}
    assert DRAW[name](*songs, ax=ax, **simulated) is ax
    assert ax.get_xlabel()
    assert ax.get_ylabel() or name in ("spread", "forest"), "rows are named by their tick labels"
    if simulated:
        assert "simulated data" in ax.get_title(loc="left")
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", DRAW)
def test_makes_its_own_axes_and_does_not_claim_simulation(name, songs):
    ax = DRAW[name](*songs, ax=None)
    assert "simulated" not in ax.get_title(loc="left")


def test_scatter_predicted_puts_truth_on_the_horizontal_axis(songs):
    _, sd = songs
    axes = plots.scatter_predicted(sd, sd / 10, method="nll", simulated=True)
    line = axes[1].lines[-1]
    np.testing.assert_array_equal(line.get_xdata(), sd[:, 1])
    np.testing.assert_array_equal(line.get_ydata(), sd[:, 1] / 10)
    assert "empirical" in axes[0].get_xlabel() and "1-9 scale" in axes[0].get_ylabel()
    assert axes[0].get_xlim() == axes[0].get_ylim(), "unequal ranges hide a narrow prediction"


def test_histogram_shares_sum_to_one():
    ratings = np.array([[1, 9], [1, 5], [9, 5], [5, 5]])
    bars = plots.hist_ratings(ratings).containers
    assert [b.get_height() for b in bars[0]] == [0.5, 0, 0, 0, 0.25, 0, 0, 0, 0.25]
    assert sum(b.get_height() for b in bars[1]) == 1


def test_forest_shows_both_dimensions_and_refuses_unequal_shapes():
    value = np.array([[0.6, 0.5], [0.0, -0.2]])
    ax = plots.forest(["mean", "SD"], value, value - 0.1, value + 0.1, xlabel="R2", reference=0)
    assert "hollow: arousal" in ax.get_title(loc="left")
    with pytest.raises(ValueError, match="3 labels"):
        plots.forest(["a", "b", "c"], value, value, value, xlabel="R2")


def test_method_style_of_combinations_and_unknown_methods():
    assert plots.method_style("kld/ensemble")["color"] == plots.COLOURS["ensemble"]
    assert plots.method_style("something new")["color"] == plots.COLOURS["trivial"]
    with pytest.raises(ValueError, match="unit must be one of"):
        plots.spread_hist([1.0], {}, unit="percent")
