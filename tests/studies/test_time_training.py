"""The benchmark compares what it says, and reports it; times themselves are not tested."""

import re

import numpy as np
import pytest
import time_training
import torch

from mer_utils.data.dataset import Dataset
from mer_utils.model.experiment import Experiment
from mer_utils.model.training import Protocol

COLUMNS = ["plain_s", "stack_s", "ratio", "peak_gflops", "limit_ratio", "difference", "ks_p",
           "agree"]  # fmt: skip


@pytest.fixture
def small(monkeypatch):
    """Few songs whose means are easy to predict, and a known peak of the machine."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 8)).astype(np.float32)
    songs = Dataset(
        name="small",
        song_id=np.arange(300),
        rating_mean=5 + 2 * np.tanh(x[:, :2]),
        rating_sd=rng.uniform(1, 2, (300, 2)),
        features=x,
        feature_source="made up",
    )
    monkeypatch.setattr(Experiment, "songs", lambda self: songs)
    monkeypatch.setattr(time_training, "matmul_peak", lambda: 2e9)


@pytest.mark.parametrize("loss", ["mse", "kld", "nll"])
def test_both_ways_learn_alike_and_the_report_says_so(small, capsys, loss):
    report = time_training.bench_training(members=2, epochs=1, loss=loss)
    assert list(report) == COLUMNS and report["agree"] is True
    assert np.abs(report["difference"]).max() < 0.3
    text = capsys.readouterr().out
    assert f"2 seeds, 1 epochs, {loss}, 210 training songs x 8 features" in text
    rows = {way: re.search(rf"^{way} +(\S+) \+- (\S+) +(\S+) \+- (\S+)$", text, re.M)
            for way in ("plain loop", "stack")}  # fmt: skip
    plain, stack = (np.array(rows[way].groups(), float) for way in rows)
    assert min(*plain[::2], *stack[::2]) > 0.3, "both have learned something"
    np.testing.assert_allclose(stack[::2] - plain[::2], report["difference"], atol=1.1e-3)
    assert "they agree" in text


def test_ratios_follow_from_what_was_measured(small):
    report = time_training.bench_training(members=2, epochs=1)
    assert report["peak_gflops"] == 2
    assert report["ratio"] == pytest.approx(report["plain_s"] / report["stack_s"])
    limit = time_training.training_flops(210, 8, 2, Protocol(epochs=1)) / 2e9
    assert report["limit_ratio"] == pytest.approx(report["stack_s"] / limit)


def test_products_by_hand():
    """Layers of 5 x 4, 4 x 4 and 4 x 4: twice for the first, three times for the others."""
    once = 2 * (2 * 5 * 4 + 3 * 4 * 4 + 3 * 4 * 4)
    flops = time_training.training_flops(7, 5, 3, Protocol(epochs=10, hidden=4))
    assert flops == 7 * 3 * 10 * once


def test_the_command_fails_where_the_scores_differ(small, capsys, monkeypatch):
    command = ["--members", "5", "--epochs", "1", "--loss", "mse"]
    assert time_training.main(command) == 0
    monkeypatch.setattr(time_training, "predict_plain", lambda net, x: (torch.ones(len(x), 2), 0))
    assert time_training.main(command) == 1
    assert "THEY DIFFER" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--members", "1"], ["--members", "-3"], ["--epochs", "0"]])
def test_what_cannot_be_compared_is_refused(wrong, capsys, monkeypatch):
    monkeypatch.setattr(time_training, "bench_training", lambda *how: pytest.fail("it began"))
    with pytest.raises(SystemExit) as stopped:
        time_training.main(wrong)
    assert stopped.value.code == 2
    assert "--members must be at least 2, and --epochs at least 1" in capsys.readouterr().err
