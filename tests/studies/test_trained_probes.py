"""Probes of trained encoders: nothing is found in random numbers, and its spread is measured."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import trained_probes
from encoder_scores import cluster_weights
from probes import worlds
from trained_probes import factors, table, with_nulls

N, FOLD = 300, np.arange(300) % 5
CLUSTER = np.random.default_rng(1).permutation(N) % 20


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    few = partial(cluster_weights, n_resamples=150)
    monkeypatch.setattr(trained_probes, "cluster_weights", few)


@pytest.fixture(scope="module")
def made():
    rng = np.random.default_rng(0)
    properties = pd.DataFrame({"tempo": rng.normal(size=N)})
    return worlds(rng.uniform(-0.5, 0.5, N), with_nulls(properties, 40), 0)


def arm(made, rng, noise, shift=0.0):
    """Knows tempo; of random columns it says noise, and a fold may be wrong as a whole."""
    sd = made.sd.mean(0) + noise * rng.normal(size=made.sd.shape)
    sd[:, 0] = made.true_sd[:, 0]
    return sd + shift * rng.normal(size=(5, made.sd.shape[1]))[FOLD]


def test_random_columns_are_added_and_are_left_out_of_the_table(made):
    assert made.names[0] == "tempo" and len(made.names) == 42
    said = {"frozen": arm(made, np.random.default_rng(2), 0.03)}
    found = table(said, made, {"frozen": "frozen"}, FOLD, CLUSTER)
    assert set(found["property"]) == {"tempo", "nothing"}
    best = found[found["property"].eq("tempo") & found["judges"].eq("truth")]
    assert best.set_index("score")["value"]["r2"] == pytest.approx(1)


def test_a_factor_is_near_1_where_only_clips_vary(made):
    said = {
        name: arm(made, np.random.default_rng(seed), 0.03)
        for seed, name in enumerate(("frozen", "all"))
    }
    found = factors(said, made, "frozen", FOLD, CLUSTER).set_index("score")
    assert (found["n"] == 41).all() and set(found["arm"]) == {"all"}
    assert 0.7 < found["ratio"]["pearson"] < 1.4


def test_a_factor_is_large_where_training_varies_more_than_clips(made):
    rng = np.random.default_rng(5)
    said = {"frozen": arm(made, rng, 0.03), "all": arm(made, rng, 0.03, shift=0.06)}
    found = factors(said, made, "frozen", FOLD, CLUSTER).set_index("score")
    assert found["ratio"]["r2"] > 2


def test_more_seeds_are_no_better_than_one(made):
    """Scores are averaged, not predictions: four seeds of one quality score as one does."""
    rng = np.random.default_rng(6)
    seeds = np.stack([made.true_sd + 0.1 * rng.normal(size=made.sd.shape) for _ in range(4)])
    said = {"frozen": seeds, "all": seeds[0]}
    found = table(said, made, {arm: arm for arm in said}, FOLD, CLUSTER)
    found = found[found["judges"].eq("truth") & found["score"].eq("pearson")]
    value = found.set_index(["layer", "property"])["value"]
    assert value["frozen"].to_numpy() == pytest.approx(value["all"].to_numpy(), abs=0.06)
    together = table({"all": seeds.mean(0)}, made, {"all": "all"}, FOLD, CLUSTER)
    together = together[together["judges"].eq("truth") & together["score"].eq("pearson")]
    assert (together["value"].to_numpy() > value["frozen"].to_numpy() + 0.1).all()
    assert factors(said, made, "frozen", FOLD, CLUSTER)["ratio"].gt(0).all()


def test_the_factor_is_blind_to_luck(made):
    """The same lucky trainings: where there is nothing to find, luck changes no score."""
    rng, shape = np.random.default_rng(7), made.sd.shape
    signal, common = rng.normal(size=(2, *shape))
    said = {}
    for name in ("frozen", "all"):
        share = (0.6 + 0.25 * rng.normal(size=(5, shape[1])))[FOLD]
        said[name] = share * signal + 0.6 * common + 0.25 * rng.normal(size=shape)
    told = made._replace(sd=signal + rng.normal(size=shape))
    blind, seeing = (
        factors(said, of, "frozen", FOLD, CLUSTER).set_index("score")["ratio"]["pearson"]
        for of in (made, told)
    )
    assert 0.7 < blind < 1.4 and seeing > 1.6


def test_the_gain_of_an_arm_is_over_the_reference_with_its_seeds(made):
    rng = np.random.default_rng(6)
    blind = np.broadcast_to(made.sd.mean(0), made.sd.shape) + 0.01 * rng.normal(size=made.sd.shape)
    knows = arm(made, rng, 0.03)
    said = {"frozen": np.stack([blind, knows]), "all": knows}
    titles = {"frozen": "frozen", "all": "all layers trained"}
    found = table(said, made, titles, FOLD, CLUSTER, "frozen")
    tempo = found[found["property"].eq("tempo") & found["judges"].eq("truth")]
    gains = tempo[tempo["score"].eq("pearson")].set_index("layer")["gain"]
    assert gains["all"] > 0.8 and np.isnan(gains["frozen"])
