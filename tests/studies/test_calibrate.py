"""The next listener: who is right is calibrated, who is narrow shows it, and turns are averaged."""

import calibrate as study
import numpy as np
import pytest
from cases import Judges
from small_case import as_fit, rated, small_case

from mer_utils.methods.listeners import maximum_entropy
from mer_utils.scoring import next_listener

PITS = [f"pit_{k + 1}" for k in range(study.BINS)]


def turns():
    """Two turns with many judges each: the shares are those that are expected."""
    out = []
    for k in (0, 1):
        case = small_case(turn=k)
        true = case.judges["truth"]
        counts = rated(true.mean, true.sd, 5000, np.random.default_rng(k))
        case.judges["held out"] = Judges.of(counts)
        out.append(case)
    return out


@pytest.fixture(scope="module")
def table():
    cases = turns()
    fits = []
    for case in cases:
        true = case.judges["truth"]
        said = {"ridge": true.sd, "mse": true.sd * 0.6, "constant": true.sd * 1.5}
        fits.append({name: as_fit(case, true.mean, sd) for name, sd in said.items()})
    return study.rows(cases, fits).set_index(["method", "dimension"])


def test_only_judges_with_ratings_judge(table):
    assert set(table["judges"]) == {"held out"} and len(table) == 6
    assert {"data", "design", "family"} <= set(table.columns)


def test_who_is_right_keeps_its_promise_and_has_a_flat_histogram(table):
    right = table.loc["ridge"]
    np.testing.assert_allclose(right["inside"], right["promised"], atol=0.005)
    np.testing.assert_allclose(right[PITS], 1, atol=0.03)


def test_narrow_promises_too_much_and_wide_too_little(table):
    narrow, wide = table.loc["mse"], table.loc["constant"]
    assert (narrow["inside"] < narrow["promised"] - 0.05).all()
    assert (wide["inside"] > wide["promised"] + 0.02).all()
    assert (narrow["pit_1"] > 1.3).all() and (wide["pit_1"] < 0.9).all()
    order = [table.loc[name, "sharpness"].mean() for name in ("mse", "ridge", "constant")]
    assert order == sorted(order)
    assert (narrow["width"] < wide["width"]).all()


def test_numbers_are_averages_in_rating_points(table):
    case = turns()[0]
    true = case.judges["truth"]
    np.testing.assert_allclose(table.loc["ridge", "sharpness"], 2 * true.sd.mean(0))
    width = next_listener.coverage(maximum_entropy(true.mean, true.sd, 5), true_counts(case))[2]
    np.testing.assert_allclose(table.loc["ridge", "width"], 2 * width.mean(0))
    assert table[PITS].mean(axis=1).to_numpy() == pytest.approx(1)


def true_counts(case):
    return case.judges["held out"].counts
