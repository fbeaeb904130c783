"""The network that reads tokens: each pooling knows what it can, and no more."""

import attention
import numpy as np
import pytest
import torch
from planted_tokens import planted

from mer_utils.model.splits import Split

SPLIT = Split(np.arange(200), np.arange(200, 240), np.arange(240, 300))


def judged(pooling, x, targets):
    """R2 of the clips that are tested, by target."""
    found = attention.learned(attention.seen(x, SPLIT.train), targets, SPLIT, pooling, seed=0)
    error = (found - targets)[SPLIT.test]
    return 1 - (error**2).mean(0) / targets[SPLIT.test].var(0)


KNOWS = {
    "mean": "a", "max": "ab", "mean + SD": "ab", "attention": "ab",
    "attention in time": "abc",
}  # fmt: skip


@pytest.mark.parametrize("pooling", attention.POOLINGS)
def test_each_pooling_reads_what_it_keeps(pooling):
    found = dict(zip("abc", judged(pooling, *planted()), strict=True))
    for target, value in found.items():
        assert value > 0.4 if target in KNOWS[pooling] else value < 0.15, (target, value)


@pytest.mark.parametrize("pooling", attention.POOLINGS)
def test_only_attention_in_time_sees_an_order(pooling):
    torch.manual_seed(0)
    reader = attention.Reader(4, 2, pooling).eval()
    x = torch.randn(3, 20, 4)
    with torch.no_grad():
        gap = (reader(x) - reader(x[:, torch.randperm(20)])).abs().max()
    assert gap > 1e-3 if pooling == "attention in time" else gap < 1e-5


def test_weights_of_attention_are_shares():
    one = attention.Attention(8, queries=3, in_time=True)
    weights = one.weights(torch.randn(2, 10, 8))
    assert weights.shape == (2, 3, 10) and (weights >= 0).all()
    torch.testing.assert_close(weights.sum(2), torch.ones(2, 3))


def test_a_seed_is_a_network_and_other_targets_of_tested_clips_change_nothing():
    x, targets = planted(tokens=5)
    x = attention.seen(x, SPLIT.train)
    one = attention.learned(x, targets, SPLIT, "mean", 0, epochs=3)
    moved = targets.copy()
    moved[SPLIT.test] += 10
    assert np.array_equal(one, attention.learned(x, moved, SPLIT, "mean", 0, epochs=3))
    assert not np.array_equal(one, attention.learned(x, targets, SPLIT, "mean", 1, epochs=3))


def test_what_cannot_be_learned_stays_close_to_the_average():
    x, targets = planted(tokens=5)
    targets = np.random.default_rng(5).normal(size=(300, 2)) * [1, 0] + 3
    found = attention.learned(attention.seen(x, SPLIT.train), targets, SPLIT, "attention", 0)
    assert (found[:, 1] == 3).all(), "does not vary"
    assert found[SPLIT.test, 0].std() < 0.3


def test_tokens_are_seen_in_the_unit_of_the_clips_that_train():
    x, _ = planted()
    x[SPLIT.test] *= 100
    found = attention.seen(x * [1, 10, 100, 0], SPLIT.train, components=3)
    assert found.shape == (300, 16, 3)
    assert found[SPLIT.train].square().mean() == pytest.approx(1, rel=0.01)
    own = found[SPLIT.train].flatten(0, 1)
    assert torch.corrcoef(own.T).fill_diagonal_(0).abs().max() < 1e-3


def test_a_last_batch_of_one_clip_is_left_out():
    x, targets = planted(tokens=3)
    split = Split(np.arange(attention.BATCH + 1), SPLIT.validation, SPLIT.test)
    found = attention.learned(attention.seen(x, split.train), targets, split, "mean", 0, epochs=2)
    assert np.isfinite(found).all()
