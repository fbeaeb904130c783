"""Parts of R2, stability and parts of a spread, against closed forms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.model.sampling import aggregate
from mer_utils.scoring.metrics import r2
from mer_utils.scoring.parts import (
    beyond_mean,
    partial_pearson,
    r2_by_size,
    r2_parts,
    spread_stability,
    typical_spread,
    variance_parts,
)
from mer_utils.scoring.score_table import within_folds


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


def random_members(seed, members, songs=40):
    rng = np.random.default_rng(seed)
    mean = rng.uniform(-1, 1, (songs, 2))
    return mean, mean + rng.normal(0, 0.3, (members, songs, 2))


def test_r2_by_size_runs_from_average_member_to_ensemble():
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


def test_what_is_beyond_the_mean():
    rng = np.random.default_rng(2)
    mean = rng.uniform(-0.8, 0.8, (500, 2))
    own = rng.normal(0, 0.1, (500, 2))
    sd = 0.5 - 0.3 * mean**2 + own
    left = beyond_mean(mean, sd)
    for d in (0, 1):
        assert np.corrcoef(left[:, d], own[:, d])[0, 1] > 0.98
        assert abs(np.corrcoef(left[:, d], mean[:, d] ** 2)[0, 1]) < 1e-8
    only_mean = (0.5 - 0.3 * mean**2 + rng.normal(0, 1e-3, (500, 2)))[None]
    assert (abs(partial_pearson(sd, only_mean, mean)) < 0.15).all()
    assert (partial_pearson(sd, sd[None], mean) > 0.999).all()


def test_parts_within_folds_are_those_of_the_r2_that_is_scored():
    rng = np.random.default_rng(5)
    fold = np.repeat([0, 1, 2], [30, 20, 10])
    truth = rng.normal(size=(60, 2)) + fold[:, None]
    members = rng.normal(size=(3, 60, 2))
    parts = r2_parts(truth, members, fold=fold)
    expected = within_folds(r2, fold)(truth, members).mean(0)
    np.testing.assert_allclose(parts["r2"], expected)
    assert not np.allclose(r2_parts(truth, members)["r2"], expected)
    constant = r2_parts(truth, fold[:, None] + np.zeros((60, 2)), fold=fold)  # one in each fold
    assert (constant["ranking"] == 0).all()


@given(st.integers(0, 10**6), st.floats(-2, 2), st.booleans())
def test_the_question_is_split_from_the_level_and_the_parts_still_add_up(seed, size, folds):
    rng = np.random.default_rng(seed)
    fold = np.repeat([0, 1, 2], [30, 20, 10]) if folds else None
    truth, members = rng.normal(size=(60, 2)), rng.normal(0.5, 2, (3, 60, 2))
    parts = r2_parts(truth, members, fold=fold, asked=size)
    plain = r2_parts(truth, members, fold=fold)
    np.testing.assert_allclose(
        parts[list(plain)].drop(columns="level"), plain.drop(columns="level")
    )
    np.testing.assert_allclose(parts["level"] + parts["question"], plain["level"])
    np.testing.assert_allclose(parts.drop(columns="r2").sum(axis=1), plain["r2"])
    constant = r2_parts(truth, np.full((60, 2), size), fold=fold)["r2"]
    np.testing.assert_allclose(parts["question"], constant)


def test_losses_that_see_other_numbers_tend_to_other_sizes():
    """A constant for NLL and one for KLD, found by search, are those of the closed forms."""
    rng = np.random.default_rng(3)
    n = 4000
    s, error = rng.uniform(0.2, 0.6, n), rng.normal(0, 0.3, n)  # raters' SD, error of the mean
    grid = np.linspace(0.05, 2, 4000)
    nll = [np.mean(np.log(g) + error**2 / (2 * g**2)) for g in grid]
    kld = [np.mean(np.log(g / s) + (s**2 + error**2) / (2 * g**2)) for g in grid]
    assert grid[np.argmin(nll)] == pytest.approx(np.sqrt(np.mean(error**2)), abs=2e-3)
    assert grid[np.argmin(kld)] == pytest.approx(np.sqrt(np.mean(s**2 + error**2)), abs=2e-3)
    truth, right = np.stack([s, s], 1), np.sqrt(np.mean(s**2 + error**2))
    parts = r2_parts(truth, np.full((n, 2), right), asked=right)
    assert (parts["level"].abs() < 1e-12).all() and (parts["question"] < -0.9).all()
