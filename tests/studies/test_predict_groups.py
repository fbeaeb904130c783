"""What is planted between groups is found, up to its ceiling; what is not there is not."""

import numpy as np
import predict_groups as study
import pytest
from group_worlds import listeners
from who_listens import layout, places

SETS = places()[1]


def world(rng, slope, own=0.15):
    """Older listeners differ by ``slope`` times the first feature, and by the clip's accident."""
    x = rng.normal(size=(356, 5))
    difference = slope * x[:, :1] + own * rng.normal(size=(356, 1))
    truth = rng.normal(3, 0.6, (356, 1)) + difference * np.sign(study.OLD) / 2
    return x, truth, listeners(truth, rng, 0.4, 0.8)


def test_the_ceiling_of_a_difference_is_its_reliability():
    rng, found = np.random.default_rng(0), []
    for _ in range(15):
        _, truth, data = world(rng, 0.3)
        rated = study.without_set(np.einsum("g,cgd->cd", study.OLD, data[1]), SETS)
        true = study.without_set(truth @ study.OLD[:, None], SETS)
        layouts = [layout(part.astype(float), *places()) for part in data]
        ceiling = study.difference_ceiling(study.OLD, *layouts)[0]
        found.append([ceiling, np.var(true) / np.var(rated), np.corrcoef(rated.T, true.T)[0, 1]])
    ceiling, reliability, r = np.array(found).T
    assert (ceiling - reliability).mean() == pytest.approx(0, abs=0.03)
    assert ceiling.mean() == pytest.approx((r**2).mean(), abs=0.03)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_a_planted_difference_is_found_and_none_where_none_is(slope):
    x, truth, data = world(np.random.default_rng(1), slope)
    found = study.table(("valence",), data, x, 100).set_index(["what", "score"])
    age, country = (found.loc[(what, "r2"), "value"] for what in ("age", "country"))
    gain = found.loc[("group_x_embedding", "gain_over_group")]
    assert country < 0.02
    if slope:
        assert 0.4 < age < found.loc[("age", "ceiling"), "value"] + 0.03
        assert gain["low"] > 0
        assert gain["value"] == pytest.approx(slope**2 / 4, abs=0.02)
    else:
        assert age < 0.03 and gain["low"] < 0.002
    error = found.loc[("embedding", "error"), "value"]
    assert error > found.loc[("any", "chance"), "value"]


def test_the_variance_between_groups_is_unbiased():
    rng, found = np.random.default_rng(2), []
    truth = rng.normal(3, 0.5, (356, 1)) + 0.3 * rng.normal(size=(356, 8))
    for _ in range(10):
        found.append(study.between(*listeners(truth, rng, 0.4, 0.8)).mean())
    assert np.mean(found) == pytest.approx(truth.var(1, ddof=1).mean(), abs=0.01)


def test_halves_step_up_to_the_reliability_of_all():
    rng = np.random.default_rng(3)
    true = rng.normal(size=(356, 1, 1))
    data = np.ones((356, 8)), true + 2 * rng.normal(size=(356, 8, 1)), np.ones((356, 8, 1))
    found = study.halves_ceiling(study.level, data, np.ones((1, 356)))[0, 0]
    assert found == pytest.approx(1 / (1 + 4 / 8), abs=0.06)
