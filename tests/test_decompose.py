import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.decompose import lost_most, r2_parts
from mer_utils.metrics import r2


@given(st.integers(0, 10**6), st.floats(0.01, 5), st.floats(-3, 3))
def test_the_parts_add_up_to_r2(seed, scale, shift):
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(30, 2))
    members = truth * rng.normal(size=(4, 1, 2)) + scale * rng.normal(size=(4, 30, 2)) + shift
    parts = r2_parts(truth, members)
    assert np.allclose(parts["r2"], r2(truth, members).mean(0))
    assert (parts["ranking"] >= 0).all() and (parts[["spread", "level"]] <= 0).all().all()


def test_three_ways_to_be_wrong():
    truth = np.random.default_rng(0).normal(size=(50, 2))
    assert np.allclose(r2_parts(truth, truth), [1, 0, 0, 1])
    shifted = r2_parts(truth, truth + truth.std(0))  # off by one SD, otherwise perfect
    assert np.allclose(shifted, [1, 0, -1, 0])
    halved = r2_parts(truth, truth / 2 + truth.mean(0) / 2)
    assert np.allclose(halved, [1, -0.25, 0, 0.75])


def test_a_constant_prediction_has_only_a_level():
    truth = np.random.default_rng(0).normal(size=(50, 2))
    parts = r2_parts(truth, np.broadcast_to(truth.mean(0) + 0.5 * truth.std(0), truth.shape))
    assert np.allclose(parts, [0, 0, -0.25, -0.25])


def test_no_r2_where_the_truth_does_not_vary():
    with np.errstate(all="raise"):
        parts = r2_parts(np.ones((5, 2)), np.random.default_rng(0).normal(size=(5, 2)))
    assert parts["r2"].isna().all()


def test_lost_most_names_the_part():
    truth = np.random.default_rng(0).normal(size=(50, 2))
    shifted = truth + [0.5, 0.5]
    assert lost_most(r2_parts(truth, shifted)) == "by the level for valence and arousal"
    shifted[:, 1] = truth[:, 1] / 2 + truth[:, 1].mean() / 2
    expected = "by the level for valence and by the spread for arousal"
    assert lost_most(r2_parts(truth, shifted)) == expected
