"""Aggregation against simulated mixtures; dropout passes against the head itself."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.model.heads import dropout_masks, forward, init_heads
from mer_utils.model.sampling import aggregate, mc_dropout

WEIGHTS = init_heads(6, [0, 1, 2], hidden=16)
X = np.random.default_rng(0).normal(size=(12, 6))


def test_hand_computed_aggregate():
    mu = np.array([[[0.1, 0.0]], [[0.3, 0.0]], [[0.5, 0.6]]])
    sigma = np.array([[[0.1, 0.2]], [[0.2, 0.2]], [[0.2, 0.2]]])
    got = aggregate(mu, sigma)
    np.testing.assert_allclose(got.mean, [[0.3, 0.2]])
    np.testing.assert_allclose(got.spread**2, [[0.04, 0.12]])  # ddof=1
    np.testing.assert_allclose(got.predicted**2, [[0.03, 0.04]])
    np.testing.assert_allclose(got.total**2, [[0.07, 0.16]])


def test_law_of_total_variance_holds_for_what_the_samples_say_together():
    """Many models, one outcome each: their variance is the mean variance + that of the means."""
    rng = np.random.default_rng(1)
    mu = rng.normal(0.2, 0.3, (200_000, 1, 2))
    sigma = rng.uniform(0.1, 0.5, (200_000, 1, 2))
    outcome = rng.normal(mu, sigma)
    got = aggregate(mu, sigma)
    np.testing.assert_allclose(got.total, outcome.std(0), rtol=0.01)
    np.testing.assert_allclose(got.spread, 0.3, rtol=0.01)
    np.testing.assert_allclose(got.predicted**2, 0.3**2 + 0.4**2 / 12, rtol=0.01)


def test_three_models_are_right_on_average():
    """With ddof=0 the spread of three models would be a third too small in variance."""
    rng = np.random.default_rng(2)
    mu = rng.normal(0, 0.3, (3, 100_000, 2))
    sigma = np.full_like(mu, 0.4)
    got = aggregate(mu, sigma)
    assert (got.total**2).mean() == pytest.approx(0.3**2 + 0.4**2, rel=0.01)


@given(st.integers(2, 6), st.integers(0, 99))
def test_total_is_never_below_either_part_and_order_does_not_matter(n, seed):
    rng = np.random.default_rng(seed)
    mu, sigma = rng.uniform(-1, 1, (n, 4, 2)), rng.uniform(0, 1, (n, 4, 2))
    got, turned = aggregate(mu, sigma), aggregate(mu[::-1], sigma[::-1])
    assert (got.total >= got.predicted).all() and (got.total >= got.spread).all()
    for name in ("mean", "spread", "predicted", "total"):
        np.testing.assert_allclose(getattr(got, name), getattr(turned, name), atol=1e-12)


def test_one_sample_has_no_spread():
    with pytest.raises(ValueError, match="at least two seeds or passes"):
        aggregate(np.zeros((1, 4, 2)), np.ones((1, 4, 2)))


def test_middle_axes_are_kept():
    got = aggregate(np.zeros((5, 3, 7, 2)), np.ones((5, 3, 7, 2)))
    assert got.mean.shape == got.spread.shape == got.total.shape == (3, 7, 2)


def test_a_pass_is_the_head_with_masks_scaled_to_keep_the_average():
    mu, sigma = mc_dropout(WEIGHTS, X, passes=3, dropout=0.5, seed=4)
    assert mu.shape == sigma.shape == (3, 3, 12, 2) and mu.dtype == np.float32
    streams = [np.random.default_rng([4, 13, member, 3]) for member in range(3)]
    keep = np.stack([dropout_masks(rng, (2, 12, 16), 0.5) for rng in streams], axis=1)
    expected = forward(WEIGHTS, torch.tensor(X, dtype=torch.float32), torch.tensor(keep) * 2.0)
    np.testing.assert_allclose(mu[2], expected[0].numpy(), atol=1e-6)
    np.testing.assert_allclose(sigma[2], expected[1].numpy(), atol=1e-6)


def test_the_first_passes_of_many_are_the_same_as_few():
    few, many = (mc_dropout(WEIGHTS, X, passes=n, seed=7) for n in (15, 200))
    np.testing.assert_array_equal(few[0], many[0][:15])
    np.testing.assert_array_equal(few[1], many[1][:15])


def test_a_member_has_the_same_masks_alone_as_in_a_stack():
    alone = {name: value[1:2] for name, value in WEIGHTS.items()}
    stack, _ = mc_dropout(WEIGHTS, X, passes=3, seeds=[7, 8, 9])
    one, _ = mc_dropout(alone, X, passes=3, seeds=[8])
    np.testing.assert_allclose(stack[:, 1:2], one, atol=1e-6)
    other, _ = mc_dropout(alone, X, passes=3, seeds=[7])
    assert np.abs(other - one).max() > 1e-3


def test_passes_seeds_members_and_songs_have_masks_of_their_own():
    same = {name: value[:1].repeat(2, 1, 1) for name, value in WEIGHTS.items()}
    one_song = np.repeat(X[:1], 12, axis=0)
    mu, _ = mc_dropout(same, one_song, passes=4, seed=0)
    assert len(np.unique(mu[..., 0])) == mu[..., 0].size
    other, _ = mc_dropout(same, one_song, passes=4, seed=1)
    assert not np.isin(other, mu).any()


def test_without_dropout_there_is_no_spread_and_every_pass_is_the_prediction():
    mu, sigma = mc_dropout(WEIGHTS, X, passes=5, dropout=0.0)
    expected = forward(WEIGHTS, torch.tensor(X, dtype=torch.float32))
    np.testing.assert_allclose(mu, np.broadcast_to(expected[0].numpy(), mu.shape), atol=1e-6)
    np.testing.assert_array_equal(mu, np.broadcast_to(mu[0], mu.shape))
    np.testing.assert_allclose(aggregate(mu, sigma).spread, 0, atol=1e-12)


def test_no_passes_are_refused():
    with pytest.raises(ValueError, match="passes=0"):
        mc_dropout(WEIGHTS, X, passes=0)
