"""Train a stack of heads in one pass; a single seed is a stack of one.

Members never meet: each has its own initial weights, order of songs, dropout masks, learning rate
and best epoch, all from its own seed. So member k of a stack is the model that seed k alone would
give, up to the rounding of float32.

Where the speed comes from (``python studies/speed/time_training.py`` measures it):

* one batched matrix product replaces one product per member;
* members go through in blocks of :data:`BLOCK`, one block per CPU thread, each thread
  working alone: nothing waits for another thread in the middle of a step, and a block's
  weights stay near the processor. The size is fixed, so the number of threads does not
  change a single bit of the result;
* the gradient of the first layer, nine tenths of all weights, has one buffer for all steps;
* ``torch._fused_adam_``, behind ``torch.optim.Adam(fused=True)``, updates each member in one
  sweep through memory and with its own learning rate.

What did not help: ``torch.optim.Adam`` with a parameter group per member (its bookkeeping costs
more than the update), blocks of two (too many small calls), storing ``w1`` transposed (the forward
product takes twice as long), one stack over all threads.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from mer_utils.model import heads
from mer_utils.model.fused_adam import MemberAdam
from mer_utils.model.heads import PAPER, after_first_layer, dropout_masks, init_heads, kept_share
from mer_utils.model.losses import get_loss

BLOCK = 4
CURVES = ("train_loss", "validation_loss", "learning_rate", "best_epoch")


@dataclass(frozen=True)
class Protocol:
    """How a head is trained. The defaults are the paper's where the paper says.

    Attributes
    ----------
    epochs, batch_size, learning_rate
        100, 32 and 1e-3 with Adam (paper).
    lr_factor, lr_patience
        The rate is multiplied by 0.9 when the validation loss has not improved for more
        than 3 epochs. Paper: "after 3 epochs without improvement"; we count as PyTorch's
        ``ReduceLROnPlateau(patience=3)`` does.
    lr_threshold
        An epoch counts as an improvement for the schedule if it lowers the best loss by
        this share of its absolute value (PyTorch's default for a plateau, 1e-4).
    hidden, dropout
        Width of both hidden layers, 128, and share of units dropped, 0.5 (paper).
    restore_best
        Keep the weights of the epoch with the lowest validation loss (our choice; the paper
        does not say), else the last.
    same_order
        Members of a block see the same songs together, for a loss in which they meet.
    """

    epochs: int = 100
    batch_size: int = 32
    learning_rate: float = 1e-3
    lr_factor: float = 0.9
    lr_patience: int = 3
    lr_threshold: float = 1e-4
    hidden: int = 128
    dropout: float = 0.5
    restore_best: bool = True
    same_order: bool = False

    def __post_init__(self):
        for name in ("epochs", "batch_size", "hidden"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} must lie in [0, 1)")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate={self.learning_rate} must be positive")


@dataclass(frozen=True, eq=False)
class TrainedStack:
    """What training leaves behind.

    ``weights`` as in :mod:`mer_utils.model.heads`; ``train_loss``, ``validation_loss`` and
    ``learning_rate`` are (n_members, n_epochs); ``best_epoch`` is (n_members,), from 0.
    """

    weights: dict
    seeds: tuple
    train_loss: np.ndarray
    validation_loss: np.ndarray
    learning_rate: np.ndarray
    best_epoch: np.ndarray


def train_stack(
    train, validation, *, loss, seeds, outputs=PAPER, protocol=None, threads=None, progress=False
):
    """Train one head per seed.

    Parameters
    ----------
    train, validation : tuple ``(x, mean, sd)``
        Standardised features (n_songs, d) and targets (n_songs, n_dimensions) in model space.
        Another loss may take other targets, one or more, (n_songs, n_dimensions, ...).
    loss : str or callable
        A name in :data:`mer_utils.model.losses.LOSSES`, or a function with their signature: first
        what ``outputs.link`` gives, then the targets; it gives (n_members, n_songs, n_dimensions).
    seeds : sequence of int >= 0, one member each
    outputs : Outputs, by default the paper's mean and SD
    protocol : Protocol, optional
    threads : int, by default ``OMP_NUM_THREADS`` or all cores; the result is the same
    progress : bool, a bar if on a terminal

    Returns
    -------
    TrainedStack

    Raises
    ------
    ValueError
        Empty or non-finite data, no seeds, unknown loss, a validation loss that was never finite.
    """
    protocol = protocol or Protocol()
    loss = loss if callable(loss) else get_loss(loss)
    seeds = tuple(int(s) for s in seeds)
    if not seeds:
        raise ValueError("no seeds given: pass at least one, e.g. seeds=[0]")
    if min(seeds) < 0:
        raise ValueError(f"seeds must be 0 or more, got {min(seeds)}")
    train, validation = _tensors(train, "training"), _tensors(validation, "validation")
    if threads is None:
        threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)

    blocks = [seeds[i : i + BLOCK] for i in range(0, len(seeds), BLOCK)]
    before = torch.get_num_threads()
    quiet = None if progress else True  # None: a bar on a terminal, nothing in a file or a book
    total = protocol.epochs * len(seeds)
    with tqdm(total=total, disable=quiet, unit="epoch", leave=False) as bar:

        def work(block):
            torch.set_num_threads(1)
            return _train_block(train, validation, loss, block, outputs, protocol, bar)

        try:
            with ThreadPoolExecutor(max(1, min(threads, len(blocks)))) as pool:
                done = list(pool.map(work, blocks))
        finally:
            torch.set_num_threads(before)

    weights = {name: torch.cat([d.weights[name] for d in done]) for name in done[0].weights}
    curves = (np.concatenate([getattr(d, name) for d in done]) for name in CURVES)
    stack = TrainedStack(weights, seeds, *curves)
    lost = ~np.isfinite(stack.validation_loss).any(axis=1)
    if lost.any():
        raise ValueError(
            f"training diverged for seeds {np.array(seeds)[lost].tolist()}: "
            "the validation loss was never finite; lower learning_rate"
        )
    return stack


def _tensors(part, name):
    part = tuple(torch.as_tensor(np.ascontiguousarray(a, dtype=np.float32)) for a in part)
    kinds = ("features", "means", "SDs") if len(part) == 3 else ("features", *["targets"] * 9)
    if len(part[0]) == 0:
        raise ValueError(f"the {name} side is empty: use more songs or other shares")
    if len({len(values) for values in part}) > 1:
        sizes = [f"{len(values)} {what}" for values, what in zip(part[1:], kinds[1:], strict=False)]
        raise ValueError(f"{name}: {len(part[0])} rows of features, {', '.join(sizes)}")
    for what, values in zip(kinds, part, strict=False):
        if (bad := ~torch.isfinite(values).flatten(1).all(dim=1)).any():
            raise ValueError(f"{name} {what}: row {int(bad.nonzero()[0])} is not finite")
    return part


def _train_block(train, validation, loss, seeds, outputs, protocol, bar):
    """One block of members, on one thread: a :class:`TrainedStack`."""
    x, *targets = train
    n, size = len(x), protocol.batch_size
    n_batches = -(-n // size)
    members = len(seeds)
    n_outputs = outputs.n_each * targets[0].shape[1]
    weights = init_heads(x.shape[1], seeds, protocol.hidden, n_outputs)
    order_seeds = seeds[:1] * members if protocol.same_order else seeds
    order_rng = [np.random.default_rng([s, 11]) for s in order_seeds]
    mask_rng = [np.random.default_rng([s, 12]) for s in seeds]
    adam = MemberAdam(weights, protocol.learning_rate)
    small = {name: weights[name].requires_grad_() for name in ("w2", "b2", "w3", "b3")}
    gradient_w1 = torch.empty_like(weights["w1"])
    best = {name: value.detach().clone() for name, value in weights.items()}
    lowest, plateau = np.full(members, np.inf), np.full(members, np.inf)
    waited, best_epoch = np.zeros(members, int), np.zeros(members, int)
    curves = np.empty((3, members, protocol.epochs))

    for epoch in range(protocol.epochs):
        order = torch.from_numpy(np.stack([r.permutation(n) for r in order_rng]))
        masks = np.stack(
            [dropout_masks(r, (2, n, protocol.hidden), protocol.dropout) for r in mask_rng], 1
        )
        masks = torch.from_numpy(masks)
        total = torch.zeros(members)
        for batch in range(n_batches):
            songs = slice(batch * size, (batch + 1) * size)
            rows = order[:, songs]
            xb = x[rows]
            keep = masks[:, :, songs].to(torch.float32).mul_(1 / kept_share(protocol.dropout))
            with torch.no_grad():
                a1 = torch.baddbmm(weights["b1"], xb, weights["w1"])
            a1.requires_grad_()
            predicted = after_first_layer(weights, a1, keep, outputs)
            losses = loss(*predicted, *(t[rows] for t in targets)).mean(dim=(1, 2))
            from_a1, *rest = torch.autograd.grad(losses.sum(), [a1, *small.values()])
            torch.bmm(xb.transpose(1, 2), from_a1, out=gradient_w1)
            gradient = {"w1": gradient_w1, "b1": from_a1.sum(1, keepdim=True)}
            adam.step(gradient | dict(zip(small, rest, strict=True)))
            total += losses.detach() * rows.shape[1]

        with torch.no_grad():
            xv, *targets_v = validation
            predicted = heads.forward(weights, xv, outputs=outputs)
            now = loss(*predicted, *targets_v).mean(dim=(1, 2)).numpy()
            curves[:, :, epoch] = total.numpy() / n, now, adam.rates
            better = now < lowest
            for k in np.flatnonzero(better if protocol.restore_best else np.isfinite(now)):
                lowest[k], best_epoch[k] = now[k], epoch
                for name, value in weights.items():
                    best[name][k] = value[k]
        improved = now < plateau - protocol.lr_threshold * np.abs(
            np.where(np.isfinite(plateau), plateau, 0.0)
        )
        plateau = np.where(improved, now, plateau)
        waited = np.where(improved, 0, waited + 1)
        late = waited > protocol.lr_patience
        adam.rates[late] *= protocol.lr_factor
        waited[late] = 0
        bar.update(members)

    return TrainedStack(best, seeds, *curves, best_epoch)
