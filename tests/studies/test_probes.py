"""Simulated listeners with a known spread: the truth is found where it is, and nowhere else."""

import numpy as np
import pandas as pd
import probes
import pytest

from mer_utils.methods.listeners import maximum_entropy

N = 300
CLUSTER = np.arange(N) % 20
FOLD = np.arange(N) // 60


@pytest.fixture(scope="module")
def properties():
    rng = np.random.default_rng(0)
    return pd.DataFrame({"skewed": np.exp(2 * rng.normal(size=N)), "vocal": rng.random(N) < 0.25})


@pytest.fixture(scope="module")
def made(properties):
    mean = np.random.default_rng(1).uniform(-0.9, 0.9, N)
    return [probes.worlds(mean, properties, draw) for draw in range(8)]


def test_worlds_have_the_shapes_and_names_they_say(made):
    one = made[0]
    assert one.names == ("skewed", "vocal", "nothing")
    assert all(part.shape == (N, 3) for part in (one.mean, one.sd, one.true_sd, one.z))
    np.testing.assert_allclose(one.z.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(one.z.std(0), 1)
    ratings = one.mean * 2 * probes.LISTENERS  # whole ratings on 1 to 5: sums of halves
    np.testing.assert_allclose(ratings, ratings.round(), atol=1e-9)


def test_a_property_counts_by_its_ranks_and_a_yes_or_no_as_it_is(properties):
    z = probes.scores_of(properties)
    assert abs(z[:, 0]).max() < 3.2
    assert (np.argsort(z[:, 0]) == np.argsort(properties["skewed"])).all()
    assert len(np.unique(z[:, 1])) == 2
    assert (probes.scores_of({"flat": np.ones(5)}) == 0).all()


def test_the_true_sd_is_the_formula_and_what_many_listeners_show(properties, made):
    wanted = probes.BASE * np.exp(probes.STEEP * made[0].z)
    np.testing.assert_allclose(made[0].true_sd, wanted, rtol=1e-4)
    many = probes.worlds(np.zeros(N), properties, 0, n_listeners=20_000)
    np.testing.assert_allclose(many.sd, many.true_sd, rtol=0.03)
    np.testing.assert_allclose(many.mean, 0, atol=0.03)


def test_the_reliability_is_that_of_its_noise(made):
    """Var(true) / Var(observed), the noise by simulation of one clip at a time."""
    rng, one = np.random.default_rng(2), made[0]
    p = maximum_entropy(np.zeros(N), one.true_sd[:, 0], probes.LEVELS)
    noise = []
    for row in p:
        ratings = rng.choice(np.linspace(-1, 1, 5), (400, probes.LISTENERS), p=row / row.sum())
        noise.append(ratings.std(1, ddof=1).var())
    expected = one.true_sd[:, 0].var() / (one.true_sd[:, 0].var() + np.mean(noise))
    seen = np.mean([np.corrcoef(w.true_sd[:, 0], w.sd[:, 0])[0, 1] ** 2 for w in made])
    assert seen == pytest.approx(expected, abs=0.05)
    assert 0.6 < seen < 0.8


def test_nothing_is_another_number_in_each_draw_and_goes_with_no_property(made):
    nothing = np.array([world.z[:, 2] for world in made])
    assert np.abs(np.corrcoef(nothing) - np.eye(len(made))).max() < 0.25
    assert abs(np.corrcoef(nothing[0], made[0].z[:, 0])[0, 1]) < 0.2
    assert np.array_equal(made[0].z[:, :2], made[1].z[:, :2])


def test_scores_know_their_ends(made):
    truth = np.stack([world.true_sd for world in made])
    found = pd.DataFrame(probes.rows("known", "", truth, made, FOLD, CLUSTER))
    by = found.set_index(["judges", "score", "property"])
    assert (by.loc["truth", ["value", "ceiling"]] > 1 - 1e-9).all(axis=None)
    seen = by.loc["observed"]
    np.testing.assert_allclose(seen["value"], seen["ceiling"])
    assert (seen["low"] < seen["value"]).all() and (seen["value"] < seen["high"]).all()
    assert seen.loc["r2", "value"].between(0.5, 0.85).all()
    flat = pd.DataFrame(probes.rows("flat", "", np.full_like(truth, 0.5), made, FOLD, CLUSTER))
    assert (flat.loc[flat["score"].eq("pearson"), "value"] == 0).all()
    assert (flat.loc[flat["score"].eq("r2"), "value"] < 0).all()


def test_z_is_judged_by_z_and_a_gain_is_a_difference(made):
    one, rng = made[0], np.random.default_rng(3)
    worse = one.z + rng.normal(size=one.z.shape)
    found = pd.DataFrame(
        probes.rows("a", "", one.z, one, FOLD, CLUSTER, judges=("property",), against=worse)
    )
    other = pd.DataFrame(probes.rows("b", "", worse, one, FOLD, CLUSTER, judges=("property",)))
    np.testing.assert_allclose(found["gain"], found["value"] - other["value"])
    assert (found["gain_low"] > 0).all() and (found["gain_low"] < found["gain"]).all()


def test_an_interval_holds_the_luck_of_the_draws(made):
    """The same clips and predictions: the interval is wider where draws differ more."""
    names = made[0].names
    truth = np.stack([world.z for world in made])
    rng = np.random.default_rng(4)
    noise = rng.normal(size=truth.shape)
    apart = noise * np.linspace(0.1, 2, len(made))[:, None, None]
    widths = {}
    for kind, predicted in (("alike", truth + noise), ("apart", truth + apart)):
        found = pd.DataFrame(probes.scored(truth, predicted, names, FOLD, CLUSTER))
        found = found[found["score"].eq("pearson")]
        widths[kind] = (found["high"] - found["low"]).to_numpy()
    assert (widths["apart"] > 1.5 * widths["alike"]).all()
