"""Intervals over songs: right for one split, too narrow for cross-validation."""

import numpy as np
import pandas as pd
import pytest
from cv_intervals import null_intervals, one_target

from mer_utils.results import kept
from mer_utils.scoring.intervals import widened


@pytest.fixture(scope="module")
def table():
    features = np.random.default_rng(0).normal(size=(500, 60))
    found = null_intervals(features, n_draws=150, n_resamples=100)
    return found.set_index(["share", "evaluation"])


def test_one_split_has_honest_intervals(table):
    for share in (0.0, 0.1):
        row = table.loc[share, "holdout"]
        assert 0.85 < row["ratio"] < 1.15
        assert row["missed"] < 0.11


def test_cross_validation_has_narrow_intervals(table):
    row = table.loc[0.0, "5-fold"]
    assert row["ratio"] > 1.1 and row["low"] > 1
    assert abs(row["average"]) < 0.02  # narrow, but not biased


def test_a_planted_signal_is_found(table):
    assert table.loc[0.1, "5-fold"]["average"] > 0.1


def test_draws_differ_and_repeat():
    features = np.random.default_rng(0).normal(size=(200, 10))
    a, b, c = (one_target(features, 0.0, k, n_resamples=20) for k in (0, 0, 1))
    assert (a == b).all() and (a != c).any()
    assert (a[1] <= a[0]).all() and (a[0] <= a[2]).all()


def test_widened_moves_both_ends():
    table = pd.DataFrame({"value": [0.1], "low": [0.05], "high": [0.2]})
    wide = widened(table, 2.0)
    assert wide["low"][0] == pytest.approx(0.0) and wide["high"][0] == pytest.approx(0.3)
    assert wide["value"][0] == 0.1


def test_committed_table_says_the_same():
    table = kept("controls", "intervals_deam").set_index(["share", "evaluation"])
    assert table.loc[(0.0, "5-fold"), "low"] > 1.1
    assert 0.9 < table.loc[(0.0, "holdout"), "ratio"] < 1.15
