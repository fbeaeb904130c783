"""A training that fails on validation clips is made again with a tenth of the rate."""

from dataclasses import fields
from types import SimpleNamespace

import encoder_fits
import numpy as np
import pytest
import torch
from arms import Arm
from encoder_fits import LOSSES, SLOWER, Fit, failed, fit
from patch_training import Plan

from mer_utils.model.splits import Split

N, RNG = 60, np.random.default_rng(0)
MEAN, SD = RNG.uniform(-0.5, 0.5, (N, 2)), RNG.uniform(0.2, 0.5, (N, 2))
SPLIT = Split(np.arange(40), np.arange(40, 50), np.arange(50, 60))
TARGETS = MEAN, SD, SPLIT
SOUND = SimpleNamespace(digest="", log_mel=np.zeros((N, 1, 2)))


def made(lowest, n_trained=1):
    """A fit whose best validation loss is ``lowest``."""
    parts = dict.fromkeys([field.name for field in fields(Fit)], np.zeros((10, 2)))
    curve = {"validation_loss": np.array([9.0, lowest]), "n_trained": n_trained, "best_epoch": 1}
    return Fit(**parts | curve)


def constant(loss):
    """The loss of the better of the two answers that do not look at a clip, in plain steps."""
    rows, level = SPLIT.validation, MEAN[SPLIT.train].mean(0)
    total = np.sqrt((SD[SPLIT.train] ** 2).mean(0) + MEAN[SPLIT.train].var(0))
    as_tensor = [torch.as_tensor(np.float32(part)) for part in (MEAN[rows], SD[rows])]
    values = []
    for width in (SD[SPLIT.train].mean(0), total):
        said = [torch.as_tensor(np.float32(np.tile(part, (10, 1)))) for part in (level, width)]
        values.append(float(LOSSES[loss](*said, *as_tensor).mean()))
    return min(values)


@pytest.mark.parametrize("loss", ["mse", "kld", "sd_alone"])
def test_a_training_fails_that_does_not_beat_one_answer_for_all_clips(loss):
    level = constant(loss)
    assert not failed(made(0.99 * level), *TARGETS, LOSSES[loss])
    assert failed(made(1.01 * level), *TARGETS, LOSSES[loss])
    assert failed(made(np.nan), *TARGETS, LOSSES[loss]), "the first epoch's loss is 9"
    assert failed(encoder_fits.nothing(10, 2), *TARGETS, LOSSES[loss])


@pytest.fixture
def training(tmp_path, monkeypatch):
    """A stand-in for training, which fails so many times; ``rates`` fills with what was tried."""
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    state = SimpleNamespace(rates=[], fails=0, text="training diverged: never finite")

    def train(make, windows, mean, sd, split, loss, seed, plan, first, device):
        state.rates.append(plan.rate)
        if len(state.rates) <= state.fails:
            if state.text:
                raise ValueError(state.text)
            return made(8.0)
        return made(0.001)

    monkeypatch.setattr(encoder_fits, "train", train)
    state.run = lambda: fit(SOUND, "arm", ARM, *TARGETS, "mse", 0)
    return state


def build(windows, seed):
    """What an arm's encoder is made by; never called here."""


ARM = Arm("title", "log_mel", build, Plan(rate=0.5), 1)


@pytest.mark.parametrize("text", ["training diverged: never finite", ""])
@pytest.mark.parametrize("fails", range(len(SLOWER)))
def test_a_training_that_fails_is_made_again_slower_and_once(training, fails, text):
    training.fails, training.text = fails, text
    first, rates = training.run(), list(training.rates)
    assert first.restarts == fails
    np.testing.assert_allclose(rates, 0.5 * np.array(SLOWER[: fails + 1]))
    assert training.run().restarts == fails and training.rates == rates, "all is kept"


def test_after_the_last_rate_the_failure_is_what_there_is(training):
    training.fails, training.text = 9, ""
    assert training.run().restarts == len(SLOWER) - 1


def test_where_no_loss_is_finite_at_any_rate_it_is_an_error(training):
    training.fails = 9
    with pytest.raises(ValueError, match="arm, mse, seed 0: training diverged at every rate"):
        training.run()


def test_other_errors_are_not_hidden(training):
    training.fails, training.text = 1, "wrong shape"
    with pytest.raises(ValueError, match="wrong shape"):
        training.run()


def test_an_arm_that_does_not_train_its_encoder_is_left_alone(training, monkeypatch):
    monkeypatch.setattr(encoder_fits, "train", lambda *args: made(8.0, n_trained=0))
    assert training.run().restarts == 0
