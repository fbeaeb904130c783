"""Reliability of means and SDs from disjoint panels of raters."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from ceiling_worlds import gaussian_ratings, normal_odds

from mer_utils.ceiling import reliability
from mer_utils.data.agreement import spearman_brown


def test_reliability_of_the_sd_steps_up_and_spearman_brown_is_too_low():
    sigma, values = gaussian_ratings()
    q = np.mean(sigma**2) / sigma.var()
    five, ten = (reliability.draw_panels(values, n, n_draws=20).reliability() for n in (5, 10))
    assert ten == pytest.approx(1 / (1 + q * normal_odds(10)), abs=0.03)
    assert reliability.stepped_up(five, 5, 10) == pytest.approx(ten, abs=0.015)
    assert spearman_brown(five) < ten - 0.02


def test_panels_of_the_mean_follow_theory():
    sigma, values = gaussian_ratings()
    found = reliability.draw_panels(values, 8, "mean", n_draws=10).reliability()
    assert found == pytest.approx(1 / (1 + np.mean(sigma**2) / 8), abs=0.02)


def test_equal_songs_have_no_reliability():
    values = np.random.default_rng(3).normal(size=(2000, 20))
    assert abs(reliability.draw_panels(values, 10, n_draws=20).reliability()) < 0.03


def test_weights_count_songs():
    _, values = gaussian_ratings(n_songs=30)
    panels = reliability.draw_panels(values, 5, n_draws=5)
    twice = reliability.Panels(*(np.repeat(a, 2, axis=1) for a in (panels.first, panels.second)))
    assert panels.reliability(np.full((1, 30), 2.0))[0] == pytest.approx(twice.reliability())


def test_panels_that_do_not_fit_are_refused():
    values = np.random.default_rng(0).normal(size=(5, 9))
    values[2, 3] = np.nan
    with pytest.raises(ValueError, match="a song has 8 raters"):
        reliability.draw_panels(values, 5)
    with pytest.raises(ValueError, match="statistic must be"):
        reliability.draw_panels(values, 2, "median")


def test_panels_share_no_rater():
    values = np.arange(40.0).reshape(2, 20)
    panels = reliability.draw_panels(values, 10, "mean", n_draws=5)
    np.testing.assert_allclose(panels.first + panels.second, 2 * values.mean(1) * np.ones((5, 1)))


def test_tables_are_checked():
    table = pd.DataFrame({"song_id": [1, 1], "rater": [1, 1], "valence": [2, 3]})
    with pytest.raises(ValueError, match="twice"):
        reliability.rating_matrix(table, "valence")
    with pytest.raises(ValueError, match="lack the columns"):
        reliability.rating_matrix(table, "energy")


def test_curves_are_those_of_the_panels():
    _, values = gaussian_ratings(n_songs=40)
    ratings = pd.DataFrame(values).rename_axis("song_id").reset_index()
    ratings = ratings.melt("song_id", var_name="rater", value_name="valence")
    table = reliability.panel_curves(
        SimpleNamespace(ratings=ratings, dimensions=("valence",)), (3, 10), 5, 30
    )
    assert list(table["n"]) == [3, 10] * 2 and list(table["statistic"]) == ["mean"] * 2 + ["sd"] * 2
    sd = reliability.draw_panels(values, 10, "sd", 5)
    assert table["value"].iloc[-1] == pytest.approx(sd.reliability())
    assert (table["low"] < table["high"]).all()


def test_one_step_is_that_of_spearman_and_brown_for_large_panels():
    assert reliability.stepped_up(0.2, 17, 34) == pytest.approx(1 / (1 + 4 * 16 / 33))
    assert reliability.stepped_up(0.2, 1000, 2000) == pytest.approx(2 * 0.2 / 1.2, abs=1e-3)
