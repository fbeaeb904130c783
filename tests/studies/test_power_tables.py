"""Power: rates, the crossing and its interval, the comparison of protocols."""

import numpy as np
import pandas as pd
import pytest
from power_tables import (
    agreement,
    crossing,
    detection_rates,
    factors,
    honest_power,
    share_on,
    smallest_share,
)

from mer_utils.results import kept


def made_up(chance, draws=40, seed=0):
    """Draws of the method ``mse`` that detect with the chance {share: probability}."""
    rng = np.random.default_rng(seed)
    rows = [
        ("mse", share, draw, d, against, p, rng.random() < p)
        for share, p in chance.items()
        for draw in range(draws)
        for d in ("valence", "arousal")
        for against in ("raters", "truth")
    ]
    names = "method share draw dimension against value detected".split()
    return pd.DataFrame(rows, columns=names)


def test_rates_count_what_raters_show():
    draws = made_up({0.0: 0.0, 1.0: 1.0}, 5)
    draws.loc[draws["against"].eq("truth"), "detected"] = True
    rates = detection_rates(draws).set_index("share")
    assert rates["n"].tolist() == [10, 10] and rates["rate"].tolist() == [0.0, 1.0]
    # Wilson's interval for 0 of 10: z^2 / (10 + z^2)
    assert rates.loc[0.0, "high"] == pytest.approx(1.96**2 / (10 + 1.96**2), abs=1e-3)
    assert rates.loc[0.0, "low"] == pytest.approx(0)


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        ([0.0, 0.4, 1.0], 0.5 + 0.5 * 0.4 / 0.6),
        ([0.9, 0.95, 1.0], 0.0),
        ([0.0, 0.1, 0.7], np.inf),
        ([0.0, 0.8, 0.8], 0.5),
        ([0.0, 1.0, 0.4], np.inf),  # pooled to 0.7: a lucky rate alone is no crossing
    ],
)
def test_crossing(rate, expected):
    assert crossing([0, 0.5, 1.0], rate) == pytest.approx(expected)
    assert crossing([1.0, 0, 0.5], np.array(rate)[[2, 0, 1]]) == pytest.approx(expected)


def test_the_smallest_share_lies_in_its_interval():
    truth = {0.0: 0.03, 0.1: 0.3, 0.2: 0.6, 0.4: 0.95, 1.0: 1.0}  # 0.8 at 0.2 + 0.2 * 20 / 35
    row = smallest_share(made_up(truth, 100), n_resamples=200).iloc[0]
    assert row["low"] < 0.2 + 0.2 * 0.2 / 0.35 < row["high"]
    assert row["high"] - row["low"] < 0.15
    assert smallest_share(made_up({0.0: 0, 1.0: 0.2}), n_resamples=50)["share"].tolist() == [np.inf]


def test_agreement_is_paired():
    paper = made_up({0.4: 0.5}, 6)
    rng = np.random.default_rng(1)
    paper["value"] = rng.normal(size=len(paper))
    quick = paper.assign(value=paper["value"] + 0.1 + 0.001 * rng.normal(size=len(paper)))
    row = agreement(quick, paper).iloc[0]
    assert row["n"] == 12 and row["difference"] == pytest.approx(0.1, abs=2e-3)
    assert 0.098 < row["low"] < row["high"] < 0.102  # far narrower than the values' own scatter


def test_a_lower_ceiling_needs_a_larger_share():
    made = [
        {"share": share, "draw": k, "method": method, "against": "raters", "dimension": d,
         "value": 0.4, "detected": share >= 0.2}
        for share in (0.0, 0.1, 0.2, 1.0) for k in range(4)
        for method in ("mse", "truth") for d in ("valence", "arousal")
    ]  # fmt: skip
    draws = pd.DataFrame(made)
    smallest = smallest_share(draws).set_index("method").loc["mse", "share"]
    ceilings = pd.DataFrame(
        {
            "dimension": ["valence", "arousal"],
            "value": [0.16, 0.08],
            "low": [0.1, -0.1],
            "high": [0.2, 0.1],
        }
    )
    found = share_on(ceilings, draws).set_index("dimension")
    assert found.loc["valence", "share"] == pytest.approx(smallest)  # the draws' own reliability
    assert found.loc["arousal", "share"] == pytest.approx(2 * smallest)
    assert np.isinf(found.loc["arousal", "high"]) and np.isfinite(found.loc["valence", "high"])


def test_a_bracket_in_place_of_a_value_gives_a_range():
    draws = made_up({0.0: 0.0, 0.2: 1.0, 1.0: 1.0})
    best = draws[draws["method"].eq("mse")].assign(method="truth", value=0.4)
    ceilings = pd.DataFrame({"dimension": ["valence"], "value": [np.nan], "low": [0.04]})
    found = share_on(ceilings.assign(high=0.32), pd.concat([draws.assign(value=0.1), best]))
    row = found.set_index("method").loc["mse"]
    smallest = smallest_share(draws).iloc[0]
    assert np.isnan(row["share"]) and row["low"] == pytest.approx(0.5 * smallest["low"])
    assert row["high"] == pytest.approx(4 * smallest["high"])


def test_power_is_judged_by_intervals_that_are_wide_enough():
    nulls = pd.DataFrame(
        [("mse", "spearman", 1, 1.2), ("mse", "spearman", 4, 1.5), ("mse", "r2", 1, 3.0),
         ("nll", "spearman", 2, 0.9), ("nll", "spearman", 1, 0.8)],
        columns=["method", "score", "n_seeds", "ratio"],
    )  # fmt: skip
    assert factors(nulls) == {"mse": 1.2, "nll": 1.0}
    draws = pd.DataFrame(
        {"method": ["mse", "nll", "truth"], "value": 0.1, "low": 0.01, "high": 0.2}
    )
    wide = honest_power(draws, {"mse": 1.2, "nll": 1.0})
    assert wide["low"].tolist() == pytest.approx([-0.008, 0.01, 0.01])
    assert wide["detected"].tolist() == [False, True, True]


def test_committed_draws_lose_detections_only_where_intervals_are_too_narrow():
    before, known = kept("controls", "power_deam"), factors(kept("controls", "intervals_networks"))
    after = honest_power(before, known)
    assert not (after["detected"] & ~before["detected"]).any()  # nothing new is found
    lost = (before["detected"] & ~after["detected"]).groupby(before["method"]).sum()
    assert all(known.get(method, 1.0) > 1 for method in lost[lost > 0].index)
