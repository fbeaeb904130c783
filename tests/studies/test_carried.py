"""Noise carried from one collection to another: by hand, and where the truth is simulated."""

import numpy as np
import pytest
from carried import Source, Target, all_ways, carry, curve
from seen import Seen, drawn
from worlds import SHAPES, Observed, World

FILM = Observed(np.random.default_rng(0).normal(5, 1.6, 110), 10, (1, 9), 1.33, 0.15, 0.02, 2.7)
DEAM = Observed(np.random.default_rng(1).normal(4.9, 1.1, 900), 10, (1, 9), 1.6, 0.165, 0.018, 1.4)


def target_of(world, seed=0):
    rng = np.random.default_rng(seed)
    panel = world.ratings(world.listeners((len(world.z), 10), rng))
    return Target(panel.mean(1), panel.std(1, ddof=1), 10, (1, 9))


def test_the_noise_share_gives_the_reliability_by_hand():
    rng = np.random.default_rng(2)
    target = Target(rng.normal(5, 1, 500), np.abs(rng.normal(1.6, 0.4, 500)), 10, (1, 9))
    t = target.sd.var() / (target.sd**2).mean()
    assert target.shares()[0] == pytest.approx(t)
    flat = {shape: np.linspace(0.02, 0.09, len(v)) for shape, v in SHAPES.items()}
    both = {shape: np.stack([c, c / 2]) for shape, c in flat.items()}
    table = carry(Source("a", "b", 0.05, 1e-9, flat), target, both, 50)
    whole = table[table["part"].eq("all")]
    np.testing.assert_allclose(whole["value"], 1 - 0.05 / t)  # the same curves: as it is
    rest = table[table["part"].ne("all")]["value"]
    np.testing.assert_allclose(rest, 1 - 0.025 / target.shares()[1])
    assert table["fits"].all()
    assert not carry(Source("a", "b", 0.2, 0.01, flat), target, both, 50)["fits"][1:].any()


@pytest.mark.parametrize(("shape", "value"), [("lapses", 0.02), ("heavy", 1.4), ("heavy", 3.0)])
def test_the_right_shape_finds_the_truth_though_the_level_is_another(shape, value):
    film, deam = World(FILM, shape, value, draws=60).fit(), World(DEAM, shape, value).fit()
    curves = {s: curve(FILM, s, 40)[0] for s in (shape,)}
    there = np.interp(value, *_sorted(SHAPES[shape], curves[shape]))
    assert there == pytest.approx(film.truth()["noise"], rel=0.04)
    here = curve(DEAM, shape, 6)
    assert np.interp(value, *_sorted(SHAPES[shape], here[0])) == pytest.approx(
        deam.truth()["noise"], rel=0.04
    )


def _sorted(x, y):
    order = np.argsort(x)
    return np.array(x)[order], np.array(y)[order]


def test_no_lapses_are_normal_ratings_and_exponent_2_is_one_too():
    curves = {shape: curve(DEAM, shape, 8)[0] for shape in SHAPES}
    normal = curves["lapses"][0]
    assert curves["heavy"][SHAPES["heavy"].index(2.0)] == pytest.approx(normal, rel=0.04)
    assert curves["skewed"][0] == pytest.approx(normal, rel=0.04)
    for found in curves.values():  # heavier tails, more noise
        assert found[-1] > found[0] * 1.2


def test_all_ways_from_simulated_film_music():
    world = World(FILM, "lapses", 0.02, draws=30).fit()
    rng = np.random.default_rng(5)
    heard = world.ratings(world.listeners((110, 58), rng))
    pair = drawn(heard, 10, 40)
    seen = Seen("film", "valence", 10, "58", (1, 9), *pair, np.arange(110), [])
    target = World(DEAM, "lapses", 0.02, draws=12).fit()
    table = all_ways([Source.of(seen, draws=16)], target_of(target), draws=3)
    whole = table[table["part"].eq("all")].set_index("way")
    assert set(whole.index) == {"normal", "as it is", *SHAPES}
    truth = target.truth()["all"]
    assert whole.loc["lapses", "low"] <= truth <= whole.loc["lapses", "high"]
    assert whole.loc["as it is", "value"] < truth - 0.05  # the shift of the level, left out
    assert (table["low"] <= table["high"]).all()
