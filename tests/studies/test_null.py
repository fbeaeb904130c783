"""Where nothing is to be found: factors and alarms of differences that are known."""

import null as study
import numpy as np
import pandas as pd
import pytest


def table(rng, draws=200, true=0.0, spread=1.0, error=1.0, against="mean_only", score="crps_own"):
    """Draws of a difference: its truth, its spread, and the error that a bootstrap says."""
    rows = [
        ("some", score, against, d, rng.normal(true + d, spread), error, 2.086, k)
        for k in range(draws) for d in (0, 1)
    ]  # fmt: skip
    names = ["method", "score", "against", "dimension", "value", "error", "reach", "draw"]
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize("spread", [0.7, 1.0, 1.6])
def test_the_factor_is_spread_over_error_whatever_the_level(spread):
    rng = np.random.default_rng(0)
    found = [study.factors(table(rng, 100, 5.0, spread)).iloc[0] for _ in range(200)]
    assert np.mean([f["factor"] for f in found]) == pytest.approx(spread, rel=0.02)
    held = np.mean([f["low"] < spread < f["high"] for f in found])
    assert 0.9 < held <= 0.99  # the interval of the factor


def test_alarms_are_counted_after_the_factor_and_only_of_gains():
    rng = np.random.default_rng(1)
    for score, against, sign in (("crps_own", "constant", -1), ("spearman", "", 1)):
        rows = table(rng, 2000, 0.0, 1.5, against=against, score=score)
        rows["value"] -= rows["dimension"]  # no truth
        quiet = study.factors(rows).iloc[0]
        assert quiet["alarms"] == pytest.approx(0.0185, abs=0.006)  # t of 20 beyond 2.086
        assert not quiet["out"] and quiet["n"] == 4000
        better = study.factors(rows.assign(value=rows["value"] + sign * 2)).iloc[0]
        worse = study.factors(rows.assign(value=rows["value"] - sign * 2)).iloc[0]
        assert better["out"] and better["gain"] == pytest.approx(2, abs=0.1)
        assert worse["alarms"] < 0.001 and not worse["out"]


def test_a_factor_below_one_counts_as_one():
    rows = table(np.random.default_rng(2), 2000, 0.0, 0.5)
    rows["value"] -= rows["dimension"]
    assert study.factors(rows).iloc[0]["alarms"] < 0.001


def test_who_is_out_is_asked_in_the_one_true_comparison():
    names = ["method", "score", "against", "out"]
    rows = [
        ("a", "crps_own", "constant", True), ("b", "crps_own", "constant", False),
        ("c", "crps_spread", "mean_only", True), ("d", "crps_own", "mean_only", True),
    ]  # fmt: skip
    assert study.out_of(pd.DataFrame(rows, columns=names)) == {"a"}


def test_draws_of_the_absent_world_say_nothing_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    names = ["constant", "mean_only", "ridge", "mse"]
    rows = study.draws(2, epochs=1, names=names)
    assert set(rows["draw"]) == {0, 1} and set(rows["method"]) == set(names)
    assert set(rows["against"]) == {"", "constant", "mean_only", "mse"}
    assert set(rows["score"]) == {*study.SCORES, "spearman", "r2"}
    known = rows.dropna(subset="value")
    assert (known["error"] > 0).all() and known["reach"].round(3).eq(2.086).all()
    missing = rows[rows["value"].isna()]
    assert set(missing["method"]) <= {"constant"} and set(missing["score"]) <= {"spearman"}
    again = study.draw(0, 1, names)
    first = rows[rows["draw"].eq(0)].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, first)
    found = study.factors(rows).set_index(study.KEY)
    assert found.loc[("ridge", "crps_own", "constant"), "n"] == 4
    assert (found["factor"] > 0).all()
