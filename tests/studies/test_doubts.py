"""Data and model uncertainty: an aggregate by hand, and a small run."""

import doubts
import numpy as np
import pytest
from many_songs import many_songs

from mer_utils.model.sampling import Aggregate
from mer_utils.model.training import Protocol


def test_the_numbers_of_a_known_aggregate():
    rng = np.random.default_rng(0)
    true_sd = rng.uniform(0.3, 0.6, (50, 2))
    error = rng.uniform(0.01, 0.1, (50, 2))
    found = Aggregate(mean=error, spread=2 * error, predicted=true_sd)
    predicted, spread, data_rank, model_rank = doubts.describe(found, np.zeros((50, 2)), true_sd)
    assert predicted == pytest.approx(np.sqrt((true_sd**2).mean()))
    assert spread == pytest.approx(2 * np.sqrt((error**2).mean()))
    assert data_rank == pytest.approx(1) and model_rank == pytest.approx(1)
    several = Aggregate(*(np.stack([a, a]) for a in (error, 2 * error, true_sd)))
    assert doubts.describe(several, np.zeros((50, 2)), true_sd)[3] == pytest.approx(1)


def test_more_songs_take_model_uncertainty_away():
    songs = many_songs(1500, seed=1)
    fast = Protocol(epochs=15, hidden=32, learning_rate=3e-3)
    cells = {
        (n, 10): [doubts.one_cell(songs, n, 10, 0, protocol=fast, seeds=range(3), tested=200)]
        for n in (40, 1200)
    }
    table = doubts.table(cells)
    assert set(table["quantity"]) == set(doubts.QUANTITIES)
    alone = table[table["method"].eq("single")]
    assert set(alone["quantity"]) == {"predicted", "data_rank"}, "a single head has no spread"
    values = table.set_index(["loss", "method", "quantity", "songs"])["value"]
    assert (
        values["mse", "seed_ensemble", "spread", 1200]
        < values["mse", "seed_ensemble", "spread", 40]
    )
    sd = table["true_sd"].iloc[0]
    assert values["kld", "single", "predicted", 1200] == pytest.approx(sd, rel=0.25)
    assert values["nll", "single", "predicted", 1200] < 0.8 * sd
    error = table.groupby(["songs", "loss"])["error_of_mean"].mean()
    assert (error[1200] < error[40]).all()
