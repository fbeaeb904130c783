"""The palette is told apart in grey and by colour-blind eyes; each method keeps its look."""

import itertools

import matplotlib
import numpy as np
import pytest

from mer_utils.show import style

# Severe colour blindness as linear-RGB matrices: Machado, Oliveira & Fernandes (2009), table 1.
SIGHT = {
    "normal": np.eye(3),
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritan": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
METHODS = [m for m in style.COLOURS if m != "truth"]


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
    seen = {m: lab(SIGHT[sight] @ linear_rgb(style.COLOURS[m])) for m in METHODS}
    for a, b in itertools.combinations(METHODS, 2):
        assert np.linalg.norm(seen[a] - seen[b]) > 11, (sight, a, b)


def test_methods_differ_in_grey_and_stand_out_from_white():
    lightness = {m: lab(linear_rgb(style.COLOURS[m]))[0] for m in METHODS}
    for a, b in itertools.combinations(METHODS, 2):
        assert abs(lightness[a] - lightness[b]) > 4, (a, b)
    for method in METHODS:
        luminance = (TO_XYZ @ linear_rgb(style.COLOURS[method]))[1]
        assert 1.05 / (luminance + 0.05) >= 3, f"{method} is too pale on white"


def test_methods_have_their_own_marker_and_line():
    assert len({style.MARKERS[m] for m in METHODS}) == len(METHODS)
    solid = [m for m in METHODS if style.LINESTYLES[m] == "-"]
    assert solid == ["empirical", "mse"]


def test_method_style_of_combinations_and_unknown_methods():
    assert style.method_style("kld/ensemble")["color"] == style.COLOURS["ensemble"]
    assert style.method_style("something new")["color"] == style.COLOURS["trivial"]
