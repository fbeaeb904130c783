"""Ways to spend ratings on simulated songs: known differences, closed form against what is seen."""

import budget
import numpy as np
import pytest
from many_songs import many_songs

from mer_utils.ceiling.design import noise_odds, precision

SONGS = many_songs(1500)


def test_many_raters_show_what_was_planted():
    found = [budget.repeat(SONGS, 150, k, ratings=150 * 900, tested=300) for k in range(3)]
    mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
    # the methods' true correlations differ by 0.2; 150 raters show most of it
    assert mean["compare"] == pytest.approx(0.2, abs=0.05)
    assert mean["noise"] < 0.5 * mean["variance"]
    few = [budget.repeat(SONGS, 150, k, ratings=150 * 30, tested=300) for k in range(3)]
    assert mean["learn"] > 0.1 + np.mean([one["learn"] for one in few])


def test_too_few_songs_are_named():
    with pytest.raises(ValueError, match="1500 songs are too few"):
        budget.repeat(SONGS, 2, 0, ratings=10_000, tested=300)


def test_the_table_has_each_purpose_and_the_heads():
    rng = np.random.default_rng(0)
    names = ("learn", "compare", "variance", "noise")
    one = {name: 1 + 0.1 * rng.normal(size=(400, 2)) for name in names}
    one["compare"] = rng.normal(0.2, 0.1, (400, 2))
    one["variance"] += 1
    table = budget.table({(10, ()): one, (10, ("mse",)): one | {"mse": one["learn"]}})
    rows = table.query("dimension == 'arousal'").set_index("purpose")
    assert rows.loc["compare", "value"] == pytest.approx(2, rel=0.1)
    assert rows.loc["reliability", "value"] == pytest.approx(0.5, abs=0.02)
    assert rows.loc["odds", "value"] == pytest.approx(noise_odds(0.5, 10), rel=0.05)
    assert rows.loc["mse", "value"] == rows.loc["learn", "value"]
    assert rows.loc["learn", "low"] < 1.01 and rows.loc["learn", "high"] > 0.99


def test_the_formula_foresees_the_reliability_in_this_world():
    """K from ten raters gives the reliability of 40, on the simulated songs themselves."""
    seen = {}
    for n in (10, 40):
        each = [budget.repeat(SONGS, n, k, ratings=n * 1100, tested=300) for k in range(6)]
        noise, whole = (np.mean([one[name] for one in each], 0) for name in ("noise", "variance"))
        seen[n] = 1 - noise / whole
    for d in range(2):
        expected = precision(1, noise_odds(seen[10][d], 10), 40)["reliability"][0]
        assert seen[40][d] == pytest.approx(expected, abs=0.08)
