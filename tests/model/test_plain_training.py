"""The plain loop: notebook 02 shows this very code, and it learns as a member of the stack does."""

import inspect

import nbformat
import numpy as np
import pytest
import torch
from conftest import ROOT

from mer_utils.model import plain_training
from mer_utils.model.heads import forward
from mer_utils.model.losses import LOSSES
from mer_utils.model.plain_training import predict_plain, train_plain
from mer_utils.model.training import Protocol, train_stack
from mer_utils.scoring.metrics import r2


def songs(n, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 8)).astype(np.float32)
    signal = np.tanh(x[:, :2] + 0.5 * rng.normal(size=(n, 2)))
    return tuple(torch.as_tensor(a, dtype=torch.float32) for a in (x, signal, 0.2 + 0 * signal))


def test_notebook_02_shows_the_code_of_the_module():
    cells = nbformat.read(ROOT / "notebooks" / "02_mse.ipynb", 4).cells
    hidden = {"hide-input", "hide-cell", "remove-cell", "remove-input"}
    seen = [c.source for c in cells if not hidden & set(c.metadata.get("tags", []))]
    for function in (train_plain, predict_plain):
        assert any(inspect.getsource(function).rstrip() in source for source in seen)
    assert len(inspect.getsource(plain_training).splitlines()) < 70


@pytest.mark.parametrize("loss", ["mse", "kld", "nll"])
def test_plain_and_stacked_heads_score_alike(loss):
    train, validation, test = songs(300, 0), songs(80, 1), songs(300, 2)
    protocol, seeds = Protocol(epochs=25, hidden=32), range(4)
    stack = train_stack(train, validation, loss=loss, seeds=seeds, protocol=protocol)
    stacked = r2(test[1], forward(stack.weights, test[0])[0]).mean(1)
    plain = []
    for seed in seeds:
        net = train_plain(train, validation, loss=LOSSES[loss], seed=seed, protocol=protocol)
        with torch.no_grad():
            mu, sigma = predict_plain(net.eval(), test[0])
        assert mu.abs().max() < 1 and 0 < sigma.min() and sigma.max() < 1
        plain.append(r2(test[1], mu).mean())
    assert abs(np.mean(plain) - stacked.mean()) < 0.03
    assert np.mean(plain) > 0.4


def test_a_seed_gives_the_same_network_again():
    train, validation = songs(60, 0), songs(20, 1)
    options = {"loss": LOSSES["mse"], "seed": 3, "protocol": Protocol(epochs=2, hidden=8)}
    one, two = (train_plain(train, validation, **options) for _ in range(2))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        assert torch.equal(a, b)
