"""Figures of encoders: what is drawn is what was given."""

import matplotlib

matplotlib.use("Agg")

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt

from mer_utils.plots_sound import plot_agreement, plot_steps, plot_windows


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_steps_run_along_time_and_units_upwards():
    steps = np.arange(12.0).reshape(4, 3)
    ax = plot_steps(steps, 2.0, title="calm", source="synthesised")
    image = ax.images[0]
    np.testing.assert_array_equal(image.get_array(), steps.T)
    assert image.get_extent() == [0, 2, 0, 3] and image.get_clim() == (-3, 3)
    assert ax.get_title(loc="left") + ax.get_title() == "calm\nsynthesised"


@pytest.mark.parametrize("n, written", [(3, 9), (13, 0)])
def test_agreement_writes_numbers_where_there_is_room(n, written):
    names = [f"layer {i}" for i in range(n)]
    ax = plot_agreement(pd.DataFrame(np.eye(n), names, names))
    assert len(ax.texts) == written
    assert [label.get_text() for label in ax.get_yticklabels()] == names


def test_windows_keep_their_clip_and_order():
    places = {"calm": np.array([[0.0, 1], [2, 3]]), "busy": np.array([[4.0, 5], [6, 7]])}
    ax = plot_windows(places)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["calm", "busy"]
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), places["calm"])
    np.testing.assert_array_equal(ax.lines[3].get_xydata(), [[4, 5]])  # the ring of the first
    assert ax.lines[0].get_marker() != ax.lines[2].get_marker()
