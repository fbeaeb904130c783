"""Probes of trained encoders: nothing is found in random numbers, and its spread is measured."""

import numpy as np
import pandas as pd
import pytest
from probes import worlds
from trained_probes import factors, table, with_nulls

N, FOLD = 300, np.arange(300) % 5
CLUSTER = np.random.default_rng(1).permutation(N) % 20


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
