"""Intervals over songs against the spread over draws: right where they should be, and caught."""

from dataclasses import replace

import cv_intervals
import numpy as np
import pandas as pd
import pytest

from mer_utils.controls.data import simulated_control
from mer_utils.controls.methods import METHODS, false_alarms
from mer_utils.model.experiment import Experiment
from mer_utils.model.training import Protocol
from mer_utils.results import kept
from mer_utils.scoring.intervals import widened

FAST = Protocol(epochs=3, hidden=16, batch_size=64, learning_rate=5e-3, dropout=0.2)
FOLD = np.repeat(np.arange(5), 150)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return simulated_control(
        "planted", 10, n_songs=300, n_features=10, cache=tmp_path_factory.mktemp("c")
    )


def test_a_draw_takes_the_sds_of_other_songs_and_keeps_all_else(songs):
    one, again, other = (cv_intervals.without_signal(songs, k) for k in (3, 3, 4))
    np.testing.assert_array_equal(one.rating_sd, again.rating_sd)
    assert (one.rating_sd != other.rating_sd).any()
    np.testing.assert_array_equal(one.rating_mean, songs.rating_mean)
    assert one.features is songs.features and one.true_sd is None
    pairs = set(map(tuple, songs.rating_sd))
    assert set(map(tuple, one.rating_sd)) < pairs, "both dimensions come from one song"
    assert len(set(map(tuple, one.rating_sd))) < 0.8 * len(pairs), "with replacement"


def test_a_draw_scores_every_method_and_goes_on_from_the_cache(songs, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    tiny = Experiment(n_seeds=1, n_folds=2, protocol=FAST)
    one, again = (cv_intervals.one_draw(songs, 0, tiny, 20) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    assert len(list((tmp_path / "experiments").glob("*.npz"))) == 6  # 3 losses, 2 folds
    assert set(one["method"]) == set(METHODS) and set(one["score"]) == set(cv_intervals.SCORES)
    seeds = one.groupby("method")["n_seeds"].unique().map(list).to_dict()
    assert seeds["mse"] == seeds["mc_dropout"] == [1, 2, 4] and seeds["ensemble"] == [4]
    assert seeds["kld"] == seeds["nll"] == [1, 2]
    assert (one["low"] <= one["value"]).all() and (one["value"] <= one["high"]).all()
    cv_intervals.trained(songs, cv_intervals.NLL_TRAININGS, replace(tiny))
    assert len(list((tmp_path / "experiments").glob("nll-*.npz"))) == 2, "NLL is not trained anew"


def draws_of(predict, n_draws=60, seed=0):
    """Scores of a made-up method on draws without signal: ``predict(rng, sd)``."""
    rows = []
    for draw in range(n_draws):
        rng = np.random.default_rng([seed, draw])
        sd, mean = rng.normal(size=(2, len(FOLD), 2))
        sigma = predict(rng, sd)[None]
        rows += cv_intervals.scores_of("mse", sd, mean, sigma, FOLD, draw, 100, 1)
    names = ["draw", *cv_intervals.KEY, "dimension", "value", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def judged(predict, **how):
    table = cv_intervals.null_intervals(draws_of(predict, **how))
    return table.set_index("score"), false_alarms(table).loc["mse", "silent"]


def test_a_method_that_knows_nothing_has_honest_intervals():
    table, silent = judged(lambda rng, sd: rng.normal(size=sd.shape), n_draws=100)
    assert silent
    row = table.loc["spearman"]
    assert row["low"] < 1 < row["high"] and 0.8 < row["ratio"] < 1.2
    assert row["n"] == 200 and abs(row["average"]) < 0.015
    assert row["missed"] < 0.1 and row["alarms"] < 0.1 and row["alarms_widened"] < 0.1
    assert table.loc["r2", "missed"] < 0.12 and np.isnan(table.loc["r2", "alarms"])


def test_a_method_that_cheats_is_not_silent():
    """It has seen a little of the SDs that it is scored on."""
    table, silent = judged(lambda rng, sd: 0.3 * sd + rng.normal(size=sd.shape))
    assert not silent
    assert table.loc["spearman", "alarms_widened"] > 0.9, "and no factor mends that"


def test_a_noisy_method_is_not_silent_until_it_is_widened():
    """Its predictions lean on the SDs, one way or the other: each draw scores further from 0."""
    table, silent = judged(lambda rng, sd: 0.15 * rng.normal() * sd + rng.normal(size=sd.shape))
    assert not silent
    row = table.loc["spearman"]
    assert row["low"] > 1.3 and row["missed"] > 0.2
    assert row["alarms_widened"] < 0.5 * row["alarms"]


def test_an_average_that_differs_between_dimensions_is_no_spread():
    def predict(rng, sd):
        return np.stack([sd[:, 0] + rng.normal(size=len(sd)), rng.normal(size=len(sd))], axis=1)

    table = judged(predict)[0]
    assert table.loc["spearman", "ratio"] < 1.3


def test_widened_moves_both_ends():
    table = pd.DataFrame({"value": [0.1], "low": [0.05], "high": [0.2]})
    wide = widened(table, 2.0)
    assert wide["low"][0] == pytest.approx(0.0) and wide["high"][0] == pytest.approx(0.3)
    assert wide["value"][0] == 0.1


def test_committed_table_has_every_method_and_enough_draws():
    table = kept("controls", "intervals_networks")
    assert set(table["method"]) == set(METHODS) and (table["n"] >= 200).all()
    assert table["score"].nunique() == len(cv_intervals.SCORES)
    known = table[table["score"].ne("r2")]
    assert (known["average"].abs() < 3 * known["spread"] / np.sqrt(known["n"] / 2)).mean() > 0.9
    nll = table.query("method == 'nll' and score == 'spearman' and n_seeds == 1").iloc[0]
    assert nll["low"] < 1.1, "NLL is not shown the SDs, so its intervals need no widening"
