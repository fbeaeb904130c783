"""One fit of the study for each arm, turn, loss, fold and seed, kept in the cache."""

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import patch_training
import torch
import trainable
from arms import HEAD, Arm
from patch_training import Fit, train

from mer_utils.code_digest import logic
from mer_utils.embed import musicnn
from mer_utils.model import heads, losses
from mer_utils.paths import cache_dir, write_atomically

DECIDE = (patch_training, trainable, musicnn, heads, losses)
"""A change of the logic of one of these makes every fit anew."""


def sd_alone(mu, sigma, mean, sd):
    """Squared error of the SD: for probes, whose mean is nothing to learn."""
    return (sigma - sd) ** 2


LOSSES = losses.LOSSES | {"sd_alone": sd_alone}
OTHER_SEED = 1000
RESTARTS = 3


@dataclass(frozen=True, eq=False)
class Kept(Fit):
    """A fit, and how many trainings were given up before it, for no loss of theirs was finite."""

    restarts: int = 0


def fit(sound, name: str, of: Arm, mean, sd, split, loss: str, seed: int, device="cpu") -> Kept:
    """The fit, from the cache where it is there.

    A training that diverges at once is made again from other weights: ``seed`` + 1,000, and so on.
    ``sound`` as :func:`sound.sound_of` gives it, ``mean`` and ``sd`` (n_clips, n_dimensions) in
    model space.
    """
    windows = getattr(sound, of.takes)
    first = of.first and (getattr(sound, of.first), HEAD)
    content = hashlib.sha256(sound.digest.encode())
    for part in (mean, sd, split.train, split.validation, split.test):
        content.update(np.ascontiguousarray(part).tobytes())
    code = [logic(Path(module.__file__).read_text("utf-8")) for module in DECIDE]
    facts = [
        name, of.takes, inspect.getsource(getattr(of.make, "func", of.make)), loss, seed,
        asdict(of.plan), of.first, asdict(HEAD), windows.shape, torch.__version__,
        content.hexdigest(), code,
    ]  # fmt: skip
    key = hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:20]
    path = cache_dir() / "encoders" / f"fit-{name}-{loss}-{seed}-{key}.npz"
    if not path.is_file():
        what = windows, mean, sd, split, LOSSES[loss]
        made = restarted(lambda other: train(of.make, *what, other, of.plan, first, device), seed)
        with write_atomically(path) as temporary:
            np.savez(temporary, **asdict(made))
    with np.load(path) as file:
        return Kept(**{k: v if v.ndim else v.item() for k, v in file.items()})


def restarted(training, seed: int) -> Kept:
    """``training(seed)``, or that of another seed where no loss was finite; errors otherwise."""
    for restarts in range(RESTARTS + 1):
        try:
            made = training(seed + OTHER_SEED * restarts)
        except ValueError as error:
            if "diverged" not in str(error) or restarts == RESTARTS:
                raise
        else:
            return Kept(**vars(made), restarts=restarts)
