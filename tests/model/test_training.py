"""Stacked training against plain PyTorch, against itself alone, and against what it promises."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from plain_head import plain_head

from mer_utils.model.heads import dropout_masks, forward, init_heads
from mer_utils.model.losses import LOSSES
from mer_utils.model.training import BLOCK, Protocol, train_stack
from mer_utils.scoring.metrics import r2, spearman

SHORT = Protocol(epochs=4, hidden=16)


def songs(n=140, d=12, seed=0, noise=0.15):
    """Songs whose mean and SD depend on the features, with noise."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    signal = x @ np.random.default_rng(99).normal(size=(d, 4)) / np.sqrt(d)
    mean = np.clip(np.tanh(0.6 * signal[:, :2]) + noise * rng.normal(size=(n, 2)), -1, 1)
    sd = np.clip(0.35 + 0.1 * np.tanh(signal[:, 2:]) + noise * rng.normal(size=(n, 2)), 0, 1)
    return x, mean, sd


TRAIN, VALIDATION = songs(141, seed=0, noise=0.4), songs(20, seed=1, noise=0.4)


def train(loss="mse", seeds=(0,), protocol=SHORT, **options):
    return train_stack(TRAIN, VALIDATION, loss=loss, seeds=seeds, protocol=protocol, **options)


def plain_loop(loss, seed, protocol):
    """The same training as a user would write it: one network, autograd, torch.optim.Adam."""
    loss = LOSSES[loss]
    x, mean, sd = (torch.as_tensor(a, dtype=torch.float32) for a in TRAIN)
    xv, mean_v, sd_v = (torch.as_tensor(a, dtype=torch.float32) for a in VALIDATION)
    net = plain_head(init_heads(x.shape[1], [seed], protocol.hidden))
    optimiser = torch.optim.Adam(net.parameters(), lr=protocol.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.9, patience=3)
    order_rng, mask_rng = (np.random.default_rng([seed, stream]) for stream in (11, 12))

    def predict(x, keep=None):
        h = net[1](net[0](x))
        h = net[3](net[2](h if keep is None else h * keep[0]))
        out = net[4](h if keep is None else h * keep[1])
        return torch.tanh(out[:, :2]), torch.sigmoid(-out[:, 2:])

    curves = {"train_loss": [], "validation_loss": [], "learning_rate": []}
    for _ in range(protocol.epochs):
        order = order_rng.permutation(len(x))
        masks = dropout_masks(mask_rng, (2, len(x), protocol.hidden), protocol.dropout)
        masks = torch.from_numpy(masks) / (1 - protocol.dropout)
        total = 0.0
        for start in range(0, len(x), protocol.batch_size):
            rows = order[start : start + protocol.batch_size]
            keep = masks[:, start : start + protocol.batch_size]
            optimiser.zero_grad()
            value = loss(*predict(x[rows], keep), mean[rows], sd[rows]).mean()
            value.backward()
            optimiser.step()
            total += value.item() * len(rows)
        with torch.no_grad():
            now = loss(*predict(xv), mean_v, sd_v).mean().item()
        curves["train_loss"].append(total / len(x))
        curves["validation_loss"].append(now)
        curves["learning_rate"].append(optimiser.param_groups[0]["lr"])
        schedule.step(now)
    return net, {name: np.array(values) for name, values in curves.items()}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_plain_pytorch_loop_gives_the_same_curves_and_weights(loss):
    # 141 songs: the last batch of 13 is partial. A high rate makes the validation loss
    # bounce, so the schedule has something to do.
    protocol = Protocol(epochs=15, hidden=16, learning_rate=0.03, restore_best=False)
    stack = train(loss, [3], protocol)
    net, curves = plain_loop(loss, 3, protocol)
    assert curves["learning_rate"][-1] < 0.03, "the schedule never acted: nothing is compared"
    np.testing.assert_allclose(stack.learning_rate[0], curves["learning_rate"], rtol=1e-12)
    np.testing.assert_allclose(stack.train_loss[0], curves["train_loss"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        stack.validation_loss[0], curves["validation_loss"], rtol=1e-4, atol=1e-5
    )
    for layer, number in zip((net[0], net[2], net[4]), "123", strict=True):
        torch.testing.assert_close(
            stack.weights["w" + number][0].T, layer.weight.detach(), rtol=0, atol=1e-4
        )


def test_members_of_a_stack_equal_each_seed_alone_after_a_few_epochs():
    seeds = range(BLOCK + 2)  # two blocks, the second partly filled
    stack = train("kld", seeds, replace(SHORT, epochs=5))
    for k, seed in enumerate(seeds):
        alone = train("kld", [seed], replace(SHORT, epochs=5))
        for name, value in alone.weights.items():
            torch.testing.assert_close(stack.weights[name][k], value[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_scores_of_a_member_equal_those_of_the_seed_alone_at_full_length(loss):
    training, validation, test = songs(300, 64, 0), songs(60, 64, 1), songs(200, 64, 2)
    protocol, seeds = Protocol(hidden=32), (0, 1, 2)
    stack = train_stack(training, validation, loss=loss, seeds=seeds, protocol=protocol)
    alone = train_stack(training, validation, loss=loss, seeds=[2], protocol=protocol)
    x = torch.from_numpy(test[0])
    for score in (r2, spearman):
        for i, truth in ((0, test[1]), (1, test[2])):
            of_member = score(truth, forward(stack.weights, x)[i][2])
            by_itself = score(truth, forward(alone.weights, x)[i][0])
            np.testing.assert_allclose(of_member, by_itself, atol=0.005)
    # and other seeds are further away, so the comparison means something
    others = r2(test[2], forward(stack.weights, x)[1])
    assert abs(others[0] - others[2]).max() > 0.005


def test_the_number_of_threads_and_a_repetition_do_not_change_a_bit():
    one = train("nll", range(9), threads=1)
    for threads in (1, 2, 3):
        again = train("nll", range(9), threads=threads)
        for name, value in one.weights.items():
            assert torch.equal(value, again.weights[name])
        np.testing.assert_array_equal(one.validation_loss, again.validation_loss)


def test_training_leaves_global_random_state_and_threads_alone():
    torch.manual_seed(5)
    before, state = torch.get_rng_state(), np.random.get_state()[1].copy()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        train()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(before, torch.get_rng_state())
    np.testing.assert_array_equal(state, np.random.get_state()[1])


class Scripted:
    """A loss whose validation value is given per epoch; the head still moves in training."""

    def __init__(self, values):
        self.values, self.epoch = values, 0

    def __call__(self, mu, sigma, mean, sd):
        if torch.is_grad_enabled():
            return (mu - mean) ** 2 + sigma
        self.epoch += 1
        return torch.full_like(mu, self.values[self.epoch - 1])


def scripted(values, **changes):
    small = (TRAIN[0][:10], TRAIN[1][:10], TRAIN[2][:10])
    protocol = Protocol(epochs=len(values), hidden=2, **changes)
    return train_stack(small, small, loss=Scripted(values), seeds=[0], protocol=protocol)


validation_losses = st.lists(st.sampled_from([0.5, 0.49999, 0.4, 0.3, 0.9, 1.0]), min_size=1)


@settings(max_examples=40, deadline=None)
@given(validation_losses)
@example([1.0, 0.9] + 11 * [0.9])
@example([0.5 - 2e-5 * k for k in range(11)])  # creeping: each step is below the threshold
@example([0.9] + 4 * [1.0] + [0.5] + 3 * [0.49999] + [0.4] + 5 * [0.5])
def test_schedule_is_that_of_reduce_lr_on_plateau(values):
    optimiser = torch.optim.SGD([torch.zeros(1)], lr=1e-3)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimiser, factor=0.9, patience=3)
    expected = []
    for value in np.float32(values):
        expected.append(optimiser.param_groups[0]["lr"])
        schedule.step(float(value))
    stack = scripted(values)
    np.testing.assert_allclose(stack.learning_rate[0], expected, rtol=1e-12)
    np.testing.assert_allclose(stack.validation_loss[0], values, rtol=1e-6)
    assert stack.best_epoch[0] == np.argmin(np.float32(values))


def test_a_negative_loss_that_gets_worse_is_no_improvement():
    """``best * (1 - threshold)``, PyTorch's rule, would count slow worsening as improving."""
    values = [-1.0] + [-1.0 + 1e-5 * k for k in range(1, 8)]
    rate = scripted(values).learning_rate[0]
    np.testing.assert_allclose(rate, [1e-3] * 5 + [9e-4] * 3)


def test_the_rate_falls_at_the_fourth_epoch_without_improvement():
    rate = scripted([0.5] * 10).learning_rate[0]
    np.testing.assert_allclose(rate, [1e-3] * 5 + [9e-4] * 4 + [8.1e-4])


def test_weights_of_the_best_epoch_are_restored_per_member():
    protocol = Protocol(epochs=12, hidden=16, learning_rate=0.03)
    stack = train("mse", [0, 1, 2], protocol)
    np.testing.assert_array_equal(stack.best_epoch, stack.validation_loss.argmin(axis=1))
    assert len(set(stack.best_epoch)) > 1 and max(stack.best_epoch) < 11, "nothing to restore"
    x, mean, sd = (torch.as_tensor(a, dtype=torch.float32) for a in VALIDATION)
    again = LOSSES["mse"](*forward(stack.weights, x), mean, sd).mean(dim=(1, 2))
    np.testing.assert_allclose(again, stack.validation_loss.min(axis=1), rtol=1e-5)
    for k in range(3):  # the same as stopping there
        stopped = replace(protocol, epochs=int(stack.best_epoch[k]) + 1, restore_best=False)
        there = train("mse", [0, 1, 2], stopped)
        for name, value in there.weights.items():
            assert torch.equal(value[k], stack.weights[name][k])


def test_without_restoring_the_last_weights_are_kept():
    protocol = Protocol(epochs=12, hidden=16, learning_rate=0.03, restore_best=False)
    stack = train("mse", [0], protocol)
    assert stack.best_epoch[0] == 11
    x, mean, sd = (torch.as_tensor(a, dtype=torch.float32) for a in VALIDATION)
    again = LOSSES["mse"](*forward(stack.weights, x), mean, sd).mean()
    assert again.item() == pytest.approx(stack.validation_loss[0, -1], rel=1e-5)
    assert again.item() > stack.validation_loss.min() * 1.0001


@pytest.mark.parametrize("loss", ["mse", "kld"])
def test_a_planted_mean_and_sd_are_learnt(loss):
    training, validation, test = (songs(n, 8, s, noise=0) for s, n in enumerate((600, 100, 300)))
    protocol = Protocol(epochs=60, hidden=64, dropout=0.1, learning_rate=3e-3)
    stack = train_stack(training, validation, loss=loss, seeds=[0], protocol=protocol)
    mu, sigma = forward(stack.weights, torch.from_numpy(test[0]))
    assert r2(test[1], mu).min() > 0.9
    assert r2(test[2], sigma).min() > 0.9


def test_nll_learns_a_planted_spread_of_the_mean_rating():
    """NLL sees no SD: what it learns is how far the mean rating strays from its prediction."""
    rng = np.random.default_rng(0)

    def part(n):
        x = rng.normal(size=(n, 3)).astype(np.float32)
        spread = np.repeat(np.where(x[:, :1] > 0, 0.4, 0.1), 2, axis=1)
        return x, np.clip(0.3 * x[:, 1:] + spread * rng.normal(size=(n, 2)), -1, 1), spread * 0

    protocol = Protocol(epochs=40, hidden=32, dropout=0.1, learning_rate=3e-3)
    stack = train_stack(part(1000), part(300), loss="nll", seeds=[0], protocol=protocol)
    x = torch.tensor([[0.8, 0, 0], [-0.8, 0, 0]])
    sigma = forward(stack.weights, x)[1][0].numpy()
    np.testing.assert_allclose(sigma, [[0.4] * 2, [0.1] * 2], rtol=0.35)


def test_shapes_of_what_training_leaves_behind():
    stack = train(seeds=[4, 2])
    assert stack.seeds == (4, 2)
    for curve in (stack.train_loss, stack.validation_loss, stack.learning_rate):
        assert curve.shape == (2, 4) and np.isfinite(curve).all()
    assert stack.best_epoch.shape == (2,)
    assert not any(value.requires_grad for value in stack.weights.values())


def spoil(part, which, row):
    part = [a.copy() for a in part]
    part[which][row, 1] = np.nan
    return tuple(part)


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("side", ["training", "validation"])
def test_a_value_that_is_not_finite_is_named(which, side):
    what = ("features", "means", "SDs")[which]
    sides = [TRAIN, VALIDATION]
    k = ("training", "validation").index(side)
    sides[k] = spoil(sides[k], which, 17)
    with pytest.raises(ValueError, match=f"{side} {what}: row 17 is not finite"):
        train_stack(*sides, loss="mse", seeds=[0], protocol=SHORT)


def test_bad_input_is_refused():
    empty = tuple(a[:0] for a in VALIDATION)
    with pytest.raises(ValueError, match="validation side is empty"):
        train_stack(TRAIN, empty, loss="mse", seeds=[0])
    with pytest.raises(ValueError, match="training: 140 rows of features, 141 means, 141 SDs"):
        train_stack((TRAIN[0][1:], *TRAIN[1:]), VALIDATION, loss="mse", seeds=[0])
    with pytest.raises(ValueError, match="unknown loss 'rmse'"):
        train("rmse")
    with pytest.raises(ValueError, match="no seeds"):
        train(seeds=[])
    with pytest.raises(ValueError, match="seeds must be 0 or more, got -1"):
        train(seeds=[0, -1])


def test_members_that_diverge_are_named():
    def breaks_for_the_second(mu, sigma, mean, sd):
        member = torch.arange(len(mu)).reshape(-1, 1, 1)
        return (mu - mean) ** 2 + torch.where(member == 1, torch.nan, 0.0)

    with pytest.raises(ValueError, match=r"diverged for seeds \[6\].*lower learning_rate"):
        train(breaks_for_the_second, seeds=[5, 6, 7])


def test_an_epoch_that_is_not_finite_is_not_the_best():
    stack = scripted([0.5, np.nan, 0.4, np.nan])
    assert stack.best_epoch[0] == 2
    stack = scripted([0.5, 0.4, np.nan], restore_best=False)
    assert stack.best_epoch[0] == 1


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"batch_size": 0}, {"hidden": 0}, {"dropout": 1.0}, {"learning_rate": 0}],
)
def test_protocol_refuses_impossible_values(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Protocol(**wrong)
