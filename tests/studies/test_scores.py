"""Averages over draws, and intervals that are moved to the value."""

import numpy as np
import pytest
import scores

from mer_utils.scoring.intervals import resample_counts
from mer_utils.scoring.metrics import r2


def test_r2_of_nothing_has_an_interval_around_it():
    rng = np.random.default_rng(1)
    truth, fold = rng.normal(size=(355, 2)), np.arange(355) % 5
    guess = np.broadcast_to(truth.mean(0), (3, 355, 2))
    one = scores.one_score(r2, fold, (truth, guess), resample_counts(355, 200))
    row = scores.table({("a", 1): [one]}, ["learner", "songs"]).iloc[0]
    assert row["low"] < row["value"] < row["high"] and abs(row["value"]) < 0.02
    assert np.quantile(one[1][:, 0], 0.5) < row["value"] - 0.005, "what the move mends"


def test_a_curve_scores_each_learner_and_size():
    rng = np.random.default_rng(2)
    mean, sd = rng.normal(size=(60, 2)), rng.normal(size=(60, 2))
    right = {"fold": np.arange(60) % 3, "x:mu": mean[None], "x:sigma": sd[None]}
    wrong = right | {"x:mu": -mean[None]}
    table = scores.curve([(10, right), (10, wrong), (20, right)], mean, sd, 20)
    table = table.set_index(["songs", "statistic", "score", "dimension"]).sort_index()
    assert table.loc[10, "mean", "pearson"]["value"].to_numpy() == pytest.approx(0)
    assert table.loc[10, "mean", "pearson"]["draw_low"].to_numpy() == pytest.approx(-1)
    assert table.loc[20, "sd", "r2"]["value"].to_numpy() == pytest.approx(1)
    assert table["n_draws"].tolist().count(2) == 8
