"""Ceilings from averaged data: each estimator where the truth is known."""

import numpy as np
import pytest
import side_by_side
from ceiling_worlds import world
from side_by_side import ceilings_table, headline, tails_of

from mer_utils.ceiling.headline import simulated_raters
from mer_utils.data.deam import load_deam
from mer_utils.data.load import load
from mer_utils.data.ratings import quadratic_r2


@pytest.mark.parametrize("spread", [0.1, 0.25])
def test_estimators_find_the_truth_when_ratings_are_normal(spread):
    mean, sd, rho, expected = world(spread=spread)
    oracle = 1 - np.mean((sd - expected) ** 2) / sd.var()
    assert oracle == pytest.approx(rho, abs=0.04)
    table = side_by_side.estimate_ceilings(mean, sd, n_resamples=60)
    rows = table[table["shape"].eq("normal") & table["part"].eq("all")]
    assert set(rows["estimator"]) == {"surrogates", "null", "hierarchical"}
    for row in rows.itertuples():
        assert row.value == pytest.approx(rho, abs=0.06), row.estimator
        assert row.low < row.value < row.high


def test_wrong_kurtosis_gives_a_wrong_ceiling():
    _, sd, rho, _ = world()
    flat, heavy = (side_by_side.analytic_reliability(sd, 10, k) for k in (-1.2, 0.5))
    assert flat > rho + 0.1 and heavy < rho - 0.1


def test_a_normal_shape_fails_with_light_tails():
    # this is why the rule of the notebook is there: it must be able to say no
    mean, sd, rho, _ = world("light")
    table = side_by_side.estimate_ceilings(mean, sd, n_resamples=30)
    for row in table[table["shape"].eq("normal") & table["part"].eq("all")].itertuples():
        assert row.value < rho - 0.05, row.estimator


def test_weights_of_one_are_the_estimate():
    _, sd, _, _ = world(n_songs=400)
    weighted = side_by_side.analytic_reliability(sd, 10, -0.3, weights=np.ones((1, 400)))
    assert weighted[0] == pytest.approx(side_by_side.analytic_reliability(sd, 10, -0.3))


def test_headline_comes_first_in_the_table():
    songs = load("simulated")
    table = ceilings_table(songs, tails_of(simulated_raters(), 5), 20)
    rows = headline(table)
    assert list(rows["dimension"]) == ["valence", "arousal"]
    assert set(rows["estimator"]) == {"transferred"}
    assert headline(table, ("none", "such")).empty


def test_deam_ceilings_are_low_but_above_what_the_mean_gives(deam_root):
    songs = load_deam(deam_root, features=None)
    for d in (0, 1):
        table = side_by_side.estimate_ceilings(
            songs.rating_mean[:, d], songs.rating_sd[:, d], n_resamples=40
        ).set_index(["estimator", "shape", "part"])
        normal = table.xs(("normal", "all"), level=("shape", "part"))["value"]
        assert normal.between(0.14, 0.27).all()
        assert normal["hierarchical"] > quadratic_r2(songs.rating_mean, songs.rating_sd)[d]
        assert table["value"]["analytic", "kurtosis -1.2", "all"] > 0.5
