"""Train an encoder and the paper's head together, on windows of clips, and predict other clips.

In each epoch every training clip gives one window, drawn at random. A test clip is predicted from
all its windows: their predictions are averaged. The epoch with the lowest loss on validation clips
is kept; training ends when no lower one came for some epochs.

Where an encoder brings weights, the head is taught first, on what the frozen encoder says, and then
both go on together (Kumar et al. 2022, arXiv 2202.10054): a head of random weights would teach the
encoder nonsense.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from trainable import Frozen

from mer_utils.model.heads import moments

LOOK = 2
"""Windows of a validation clip that are looked at after each epoch."""
SETTLE = 128
"""Clips that say how wide an encoder's numbers are before it is trained."""


@dataclass(frozen=True)
class Plan:
    """How long and how fast. ``rate`` is Adam's for the encoder; the head has the paper's, 1e-3."""

    rate: float = 1e-4
    epochs: int = 15
    patience: int = 4
    batch: int = 16
    head_rate: float = 1e-3
    dropout: float = 0.5
    hidden: int = 128


class Trained(nn.Module):
    """An encoder, its numbers brought to mean 0 and SD 1, and the paper's head on them."""

    def __init__(self, encoder, n_dimensions, plan: Plan):
        super().__init__()
        self.encoder, self.n_dimensions = encoder, n_dimensions
        self.register_buffer("level", torch.zeros(encoder.size))
        self.register_buffer("width", torch.ones(encoder.size))
        layers, width = [], encoder.size
        for _ in range(2):
            layers += [nn.Linear(width, plan.hidden), nn.ELU(), nn.Dropout(plan.dropout)]
            width = plan.hidden
        self.head = nn.Sequential(*layers, nn.Linear(width, 2 * n_dimensions))

    @torch.no_grad()
    def settle(self, windows):
        """Let these windows say what mean 0 and SD 1 are."""
        numbers = torch.cat([self.encoder(part) for part in windows.split(16)])
        self.level, sd = numbers.mean(0), numbers.std(0)
        self.width = torch.where(sd > 1e-6, sd, torch.inf)

    def forward(self, x):
        """(batch, ...) windows -> mean and SD, (batch, n_dimensions), model space."""
        z = self.head((self.encoder(x) - self.level) / self.width)
        return moments(z.unflatten(-1, (2, self.n_dimensions)))


@dataclass(frozen=True, eq=False)
class Fit:
    """Predictions in model space, (n_clips, n_dimensions): of test clips, and of half as many
    training clips; what training was like.
    """

    mu: np.ndarray
    sigma: np.ndarray
    taught: np.ndarray  # positions of the training clips that were predicted
    taught_mu: np.ndarray
    taught_sigma: np.ndarray
    train_loss: np.ndarray  # (n_epochs,)
    validation_loss: np.ndarray
    seconds: np.ndarray  # of each epoch
    best_epoch: int
    n_trained: int  # weights of the encoder that learned


def train(
    make: Callable, windows, mean, sd, split, loss: Callable, seed: int, plan: Plan,
    first=None, device="cpu",
) -> Fit:  # fmt: skip
    """Train on ``split.train``, choose the epoch on ``split.validation``.

    Parameters
    ----------
    make : function of some training windows and a seed, to an encoder (see ``trainable.py``)
    windows : (n_clips, W, ...), what the encoder takes
    mean, sd : (n_clips, n_dimensions), model space
    split : mer_utils.model.splits.Split
    loss : as in :mod:`mer_utils.model.losses`
    seed : of the encoder's and the head's weights, of windows, batches and dropout
    first : (windows, plan) of what the frozen encoder says, (n_clips, W, size): to teach the head
    """
    rng = np.random.default_rng([seed, 60])
    targets = [torch.as_tensor(np.asarray(part, np.float32), device=device) for part in (mean, sd)]
    some = _drawn(windows, rng.permutation(split.train)[:SETTLE], rng)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Trained(make(some, seed), mean.shape[1], plan).to(device)
        if first is None:
            model.settle(some.to(device))
        else:
            taught = Trained(Frozen(model.encoder.size), mean.shape[1], plan).to(device)
            taught.settle(_drawn(first[0], split.train, rng).to(device))
            _fit(taught, first[0], targets, split, loss, first[1], rng)
            model.load_state_dict(taught.state_dict(), strict=False)
        curves = _fit(model, windows, targets, split, loss, plan, rng)
    some = np.sort(rng.permutation(split.train)[: len(split.test) // 2])
    return Fit(
        *predict(model, windows, split.test), some, *predict(model, windows, some), **curves,
        n_trained=sum(p.numel() for p in model.encoder.parameters() if p.requires_grad),
    )  # fmt: skip


def _fit(model, windows, targets, split, loss, plan, rng):
    """Train ``model``; it ends with the weights of its best epoch."""
    learn = [p for p in model.encoder.parameters() if p.requires_grad]
    groups = [{"params": model.head.parameters(), "lr": plan.head_rate}]
    optimiser = torch.optim.Adam(groups + ([{"params": learn, "lr": plan.rate}] if learn else []))
    curves = {"train_loss": [], "validation_loss": [], "seconds": []}
    inside = np.linspace(0, windows.shape[1] - 1, LOOK + 2).round().astype(int)
    look = np.unique(inside[1:-1])
    device = model.level.device

    def validation():
        rows = split.validation
        seen = map(torch.as_tensor, predict(model, windows, rows, look))
        return float(loss(*seen, *(t[rows].cpu() for t in targets)).mean())

    lowest, best, best_epoch = np.inf, None, -1
    for epoch in range(plan.epochs):
        begin, total = time.perf_counter(), 0.0
        model.train()
        order = rng.permutation(split.train)
        for at in range(0, len(order), plan.batch):
            rows = order[at : at + plan.batch]
            predicted = model(_drawn(windows, rows, rng).to(device))
            value = loss(*predicted, *(t[rows] for t in targets)).mean()
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
            total += value.item() * len(rows)
        now = validation()
        curves["train_loss"].append(total / len(order))
        curves["validation_loss"].append(now)
        curves["seconds"].append(time.perf_counter() - begin)
        if now < lowest:
            lowest, best_epoch = now, epoch
            best = {name: value.clone() for name, value in model.state_dict().items()}
        if epoch - best_epoch >= plan.patience:
            break
    if best is None:
        raise ValueError("training diverged: the validation loss was never finite")
    model.load_state_dict(best)
    return {k: np.array(v) for k, v in curves.items()} | {"best_epoch": best_epoch}


@torch.no_grad()
def predict(model, windows, rows, look=slice(None)):
    """Mean over windows of what ``model`` says of each clip: two of (n_rows, n_dimensions)."""
    model.eval()
    device, said = model.level.device, []
    for row in rows:
        x = torch.from_numpy(np.array(windows[row][look], np.float32))
        said.append([part.mean(0).cpu().numpy() for part in model(x.to(device))])
    return [np.stack(part) for part in zip(*said, strict=True)]


def _drawn(windows, rows, rng):
    """One window of each clip."""
    which = rng.integers(windows.shape[1], size=len(rows))
    return torch.from_numpy(np.stack([windows[r, w] for r, w in zip(rows, which, strict=True)])
                            .astype(np.float32))  # fmt: skip
