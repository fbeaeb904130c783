"""The stack against the loop that a user would write: ``python studies/speed/time_training.py``.

Both train the same head on the same songs with the same protocol, in one process. The
plain loop runs half of its seeds before the stack and half after, so that a drift of the
machine's speed touches both. Nothing here is a test: times belong to one machine.
"""

import argparse
import os
import platform
import time

import numpy as np
import torch
from scipy.stats import ks_2samp
from tqdm import tqdm

from mer_utils.model.experiment import Experiment
from mer_utils.model.heads import forward
from mer_utils.model.losses import PAPER_LOSSES, get_loss
from mer_utils.model.plain_training import predict_plain, train_plain
from mer_utils.model.run import make_split
from mer_utils.model.splits import standardise
from mer_utils.model.training import Protocol, train_stack
from mer_utils.scoring.metrics import r2


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
        Seeds trained by each; two at least, for an SD over seeds.
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
    protocol = Protocol(epochs=epochs)
    experiment = Experiment("simulated", loss=loss, n_seeds=members, protocol=protocol)
    songs = experiment.songs()
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


def main(argv=None):
    """Command line: ``--members``, ``--epochs``, ``--loss``; status 1 if the scores differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--members", type=int, default=15, help="seeds, two at least")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--loss", choices=PAPER_LOSSES, default="nll")
    args = parser.parse_args(argv)
    if args.members < 2 or args.epochs < 1:
        parser.error("--members must be at least 2, and --epochs at least 1")
    return 0 if bench_training(args.members, args.epochs, args.loss)["agree"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
