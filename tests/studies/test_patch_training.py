"""Training on windows, where it is known what can be learned."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from patch_training import Plan, Trained, predict, train
from torch import nn
from trainable import Frozen

from mer_utils.model.losses import get_loss
from mer_utils.model.splits import Split

PLAN = Plan(rate=1e-2, epochs=60, patience=60, head_rate=1e-2, dropout=0.0, hidden=16)
SPLIT = Split(np.arange(120), np.arange(120, 160), np.arange(160, 200))


class Project(nn.Module):
    """One number of four, if it learns which."""

    size = 1

    def __init__(self, direction):
        super().__init__()
        self.direction = nn.Parameter(torch.as_tensor(direction, dtype=torch.float32))

    def forward(self, x):
        return x @ self.direction[:, None]


@pytest.fixture(scope="module")
def world():
    """Windows (200, 3, 4); the mean is told by the second number, the SD by the third."""
    rng = np.random.default_rng(0)
    clip = rng.normal(size=(200, 1, 4))
    windows = (clip + 0.1 * rng.normal(size=(200, 3, 4))).astype(np.float32)
    mean = 0.5 * np.tanh(clip[:, :, 1])
    sd = 0.3 + 0.1 * np.tanh(clip[:, :, 2])
    return windows, mean, sd


def r2(truth, said):
    return 1 - ((truth - said) ** 2).mean() / truth.var()


def test_a_frozen_encoder_is_read_by_the_head(world):
    windows, mean, sd = world
    got = train(lambda w, s: Frozen(4), windows, mean, sd, SPLIT, get_loss("mse"), 0, PLAN)
    assert r2(mean[SPLIT.test], got.mu) > 0.9 and r2(sd[SPLIT.test], got.sigma) > 0.6
    assert got.n_trained == 0
    assert set(got.taught) <= set(SPLIT.train) and len(got.taught) == len(SPLIT.test) // 2
    assert r2(mean[got.taught], got.taught_mu) > 0.9


def test_training_the_encoder_finds_what_a_frozen_one_threw_away(world):
    windows, mean, sd = world

    def blind(w, s):
        return Project([1.0, 0.05, 0.0, 0.0])

    def held(w, s):
        made = blind(w, s)
        made.requires_grad_(False)
        return made

    still, learned = (
        train(make, windows, mean, sd, SPLIT, get_loss("mse"), 0, PLAN) for make in (held, blind)
    )
    assert still.n_trained == 0 and learned.n_trained == 4
    assert r2(mean[SPLIT.test], still.mu) < 0.2 < 0.8 < r2(mean[SPLIT.test], learned.mu)


def test_the_best_epoch_is_kept_and_training_stops(world):
    windows, mean, sd = world
    noise = np.random.default_rng(1).permutation(len(mean))  # nothing to learn
    plan = replace(PLAN, patience=3)
    got = train(lambda w, s: Frozen(4), windows, mean[noise], sd[noise], SPLIT,
                get_loss("mse"), 0, plan)  # fmt: skip
    assert len(got.validation_loss) == got.best_epoch + 1 + 3 < 60
    assert got.best_epoch == got.validation_loss.argmin()


def test_the_seed_decides_and_test_clips_teach_nothing(world):
    windows, mean, sd = world
    plan = replace(PLAN, epochs=3)

    def fit(mean, seed):
        return train(lambda w, s: Frozen(4), windows, mean, sd, SPLIT, get_loss("kld"), seed, plan)

    other = mean.copy()
    other[SPLIT.test] = 0.9
    one = fit(mean, 0)
    assert np.array_equal(one.mu, fit(other, 0).mu)
    assert not np.array_equal(one.mu, fit(mean, 1).mu)


def test_a_clip_is_the_average_of_its_windows(world):
    windows, *_ = world
    torch.manual_seed(0)
    model = Trained(Frozen(4), 1, PLAN)
    both = predict(model, windows, [5, 7])[0]
    single = [predict(model, windows[:, [w]], [5, 7])[0] for w in range(3)]
    np.testing.assert_allclose(both, np.mean(single, 0), rtol=1e-5)


def test_what_diverges_is_said(world):
    windows, mean, sd = world

    def broken(mu, sigma, mean, sd):
        return (mu - mean) ** 2 * float("nan")

    with pytest.raises(ValueError, match="never finite"):
        train(lambda w, s: Frozen(4), windows, mean, sd, SPLIT, broken, 0, replace(PLAN, epochs=2))
