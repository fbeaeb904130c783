"""``mer bench training``: the stack against the loop that a user would write.

Both train the same head on the same songs with the same protocol, in one process. The
plain loop runs half of its seeds before the stack and half after, so that a drift of the
machine's speed touches both. Nothing here is a test: times belong to one machine.
"""

from __future__ import annotations

import copy
import os
import platform
import time

import numpy as np
import torch
from scipy.stats import ks_2samp
from torch import nn
from torch.nn.functional import softplus
from tqdm import tqdm

from mer_utils.experiment import Experiment, make_split, standardise
from mer_utils.heads import forward
from mer_utils.losses import get_loss
from mer_utils.metrics import r2
from mer_utils.training import Protocol, train_stack


def train_plain(train, validation, *, loss, seed, protocol):
    """One seed in plain PyTorch: ``nn.Sequential``, ``torch.optim.Adam``, a plateau schedule.

    Tensors stay in memory and batches are slices of a permutation, so there is no DataLoader
    to pay for. Returns the network with its best-validation weights.
    """
    torch.manual_seed(seed)
    x, mean, sd = train
    net = nn.Sequential(
        nn.Linear(x.shape[1], protocol.hidden),
        nn.ELU(),
        nn.Dropout(protocol.dropout),
        nn.Linear(protocol.hidden, protocol.hidden),
        nn.ELU(),
        nn.Dropout(protocol.dropout),
        nn.Linear(protocol.hidden, 4),
    )
    adam = torch.optim.Adam(net.parameters(), lr=protocol.learning_rate)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        adam, factor=protocol.lr_factor, patience=protocol.lr_patience
    )
    lowest, best = np.inf, None
    for _ in range(protocol.epochs):
        net.train()
        for rows in torch.randperm(len(x)).split(protocol.batch_size):
            adam.zero_grad()
            loss(*predict_plain(net, x[rows]), mean[rows], sd[rows]).mean().backward()
            adam.step()
        net.eval()
        with torch.no_grad():
            now = loss(*predict_plain(net, validation[0]), *validation[1:]).mean().item()
        schedule.step(now)
        if now < lowest:
            lowest, best = now, copy.deepcopy(net.state_dict())
    net.load_state_dict(best)
    return net


def predict_plain(net, x):
    """``(mu, sigma)`` of the plain network."""
    out = net(x)
    return torch.tanh(out[:, :2]), torch.exp(-softplus(out[:, 2:]))


def matmul_peak(dtype=torch.float32, size=2048, repeats=8) -> float:
    """Floating-point operations per second of a large product, best of ``repeats``."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def training_flops(n_songs, n_features, members, protocol) -> float:
    """Products and sums in the matrix products of training; the rest is small beside them."""
    h = protocol.hidden
    # forward and weight gradient everywhere; the gradient of the input except at the first layer
    per_song = 2 * (2 * n_features * h + 3 * h * h + 3 * h * 4)
    return float(per_song * n_songs * members * protocol.epochs)


def bench_training(members: int = 15, epochs: int = 100, loss: str = "nll") -> dict:
    """Time both, compare their scores, print a report; returns its numbers.

    Parameters
    ----------
    members : int
        Seeds trained by each.
    epochs : int
        100 is the paper's protocol.
    loss : str

    Returns
    -------
    dict
        ``plain_s``, ``stack_s``, ``ratio`` (plain over stack: higher is better),
        ``peak_gflops``, ``limit_ratio`` (stack time over the time at that peak: 1 is the
        limit), ``ks_p`` and ``difference`` for the test R2 of the mean of the two.
    """
    experiment = Experiment(loss=loss, n_seeds=members, protocol=Protocol(epochs=epochs))
    songs, protocol = experiment.songs(), experiment.protocol
    split = make_split(experiment, songs)
    x = standardise(songs.features, split.train)
    train, validation, test = (
        tuple(torch.tensor(a[rows], dtype=torch.float32) for a in (x, songs.mean, songs.sd))
        for rows in (split.train, split.validation, split.test)
    )
    peak = matmul_peak()
    bar = tqdm(total=members, desc="plain loop", unit="seed", leave=False, disable=None)
    plain_s, plain_r2 = 0.0, []

    def plain(seeds):
        nonlocal plain_s
        for seed in seeds:
            start = time.perf_counter()
            net = train_plain(train, validation, loss=get_loss(loss), seed=seed, protocol=protocol)
            plain_s += time.perf_counter() - start
            with torch.no_grad():
                plain_r2.append(r2(test[1], predict_plain(net.eval(), test[0])[0]))
            bar.update()

    plain(range(members // 2))
    start = time.perf_counter()
    stack = train_stack(train, validation, loss=loss, seeds=range(members), protocol=protocol)
    stack_s = time.perf_counter() - start
    plain(range(members // 2, members))
    bar.close()
    peak = max(peak, matmul_peak())

    stack_r2 = r2(test[1], forward(stack.weights, test[0])[0])
    plain_r2 = np.array(plain_r2)
    limit_s = training_flops(len(train[0]), x.shape[1], members, protocol) / peak
    report = {
        "plain_s": plain_s,
        "stack_s": stack_s,
        "ratio": plain_s / stack_s,
        "peak_gflops": peak / 1e9,
        "limit_ratio": stack_s / limit_s,
        "difference": (stack_r2.mean(0) - plain_r2.mean(0)).tolist(),
        "ks_p": [float(ks_2samp(stack_r2[:, d], plain_r2[:, d]).pvalue) for d in (0, 1)],
    }
    threads = os.environ.get("OMP_NUM_THREADS") or os.cpu_count()
    agree = min(report["ks_p"]) > 0.01
    print(
        f"""\
{members} seeds, {epochs} epochs, {loss}, {len(train[0])} training songs x {x.shape[1]} features
(simulated data), {platform.machine()}, {threads} threads, torch {torch.__version__}

plain loop, one seed after another   {plain_s:8.1f} s
stack                                {stack_s:8.1f} s
ratio                                {report["ratio"]:8.2f}
matmul peak measured here            {report["peak_gflops"]:8.0f} GFLOP/s
stack, times the time at that peak   {report["limit_ratio"]:8.1f}

test R2 of the mean (valence, arousal), mean and SD over seeds
plain loop   {_mean_sd(plain_r2)}
stack        {_mean_sd(stack_r2)}
same distribution? Kolmogorov-Smirnov p = {report["ks_p"][0]:.2f}, {report["ks_p"][1]:.2f}: \
{"they agree" if agree else "THEY DIFFER"}"""
    )
    return report | {"agree": agree}


def _mean_sd(scores):
    return "   ".join(
        f"{scores[:, d].mean():.3f} +- {scores[:, d].std(ddof=1):.3f}" for d in (0, 1)
    )
