"""Gain, stability and parts of a spread, against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_utils.sampling import aggregate
from mer_utils.spread import (
    gain_over_average,
    r2_by_size,
    spread_stability,
    typical_spread,
    variance_parts,
)


def random_members(seed, members, songs=40):
    rng = np.random.default_rng(seed)
    mean = rng.uniform(-1, 1, (songs, 2))
    return mean, mean + rng.normal(0, 0.3, (members, songs, 2))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_gain_is_the_disagreement_and_never_negative(seed, members):
    mean, mu = random_members(seed, members)
    found = aggregate(mu, np.ones_like(mu))
    gain = gain_over_average(mean, found.mean, mu)
    expected = (members - 1) / members * (found.spread**2).mean(0) / mean.var(0)
    np.testing.assert_allclose(gain, expected, rtol=1e-9)
    assert (gain >= 0).all()


def test_gain_takes_weights_for_the_bootstrap():
    mean, mu = random_members(1, 4)
    once = np.ones((3, len(mean)))
    gain = gain_over_average(mean, mu.mean(0), mu, once)
    assert gain.shape == (3, 2)
    np.testing.assert_allclose(gain[0], gain_over_average(mean, mu.mean(0), mu))


def test_r2_by_size_runs_from_average_member_to_ensemble():
    from mer_utils.metrics import r2

    mean, mu = random_members(2, 6)
    curve = r2_by_size(mean, mu, orders=600, seed=3)
    np.testing.assert_allclose(curve[-1], r2(mean, mu.mean(0)))
    np.testing.assert_allclose(curve[0], r2(mean, mu).mean(0), atol=0.02)
    # the expected curve is a straight line in 1/T
    size = np.arange(1, 7)[:, None]
    line = curve[-1] - (curve[-1] - curve[0]) * (1 / size - 1 / 6) / (1 - 1 / 6)
    np.testing.assert_allclose(curve, line, atol=0.02)


def test_r2_by_size_keeps_the_member_axis():
    mean, mu = random_members(2, 12)
    assert r2_by_size(mean, mu.reshape(4, 3, 40, 2), orders=2).shape == (4, 3, 2)


def test_stability_is_zero_for_equal_songs_and_one_for_very_unequal_ones():
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(40, 200, 2))
    alike = spread_stability(noise, [5, 20, 21], draws=20)
    assert list(alike.index) == [5, 20]  # 2 x 21 samples are not there
    assert abs(alike["agreement"]).max() < 0.1
    # a Gaussian SD of T values has a relative error of about 1 / sqrt(2 (T - 1))
    expected = 1 / np.sqrt(2 * (alike.index.to_numpy() - 1))
    np.testing.assert_allclose(alike["relative_error"], expected, rtol=0.1)
    unlike = spread_stability(noise * np.geomspace(1, 1e9, 200)[:, None], [20], draws=5)
    assert unlike["agreement"].iloc[0] > 0.99


def test_stability_of_too_few_samples_is_an_empty_table():
    table = spread_stability(np.zeros((3, 5, 2)), [2, 3])
    assert len(table) == 0 and list(table.columns) == ["agreement", "relative_error"]


def test_typical_spread_and_its_error():
    rng = np.random.default_rng(1)
    draws = rng.normal(0, 0.2, (400, 10, 50, 2))
    found = np.array([typical_spread(d) for d in draws])
    assert found[:, 0].mean() == pytest.approx(0.2, rel=0.01)
    assert found[:, 1].mean() == pytest.approx(found[:, 0].std(), rel=0.2)
    assert np.isnan(typical_spread(draws[0][:2])[1])


def test_variance_parts_add_up_over_songs_and_members():
    mean, mu = random_members(5, 12)
    samples = aggregate(mu.reshape(4, 3, 40, 2), np.full((4, 3, 40, 2), 0.5))
    parts = variance_parts({"mc": samples}, np.full((40, 2), 0.4))
    assert parts.index.tolist() == [("mc", "valence"), ("mc", "arousal")]
    np.testing.assert_allclose(parts["predicted"], 0.25)
    np.testing.assert_allclose(parts["raters"], 0.16)
    total = (samples.total**2).mean((0, 1))
    np.testing.assert_allclose(parts["predicted"] + parts["means"], total)
    np.testing.assert_allclose(parts["share"], parts["means"] / total)
