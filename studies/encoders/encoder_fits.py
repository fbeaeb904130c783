"""One fit of the study for each arm, turn, loss, fold and seed, kept in the cache."""

import hashlib
import inspect
import json
from dataclasses import asdict, dataclass, replace
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
SLOWER = (1.0, 0.1, 0.01)
"""Shares of the encoder's rate that are tried in turn, until a training is no failure."""


@dataclass(frozen=True, eq=False)
class Kept(Fit):
    """A fit, and how many trainings failed before it."""

    restarts: int = 0


def failed(made: Fit, mean, sd, split, loss) -> bool:
    """Whether no epoch beats the same answer for every clip, on validation clips.

    The answer has the training clips' average mean, and their average SD or the SD of all their
    ratings, whichever does better. ``loss`` as in :data:`LOSSES`. Test clips have no say.
    """
    targets = [torch.as_tensor(np.asarray(part, np.float32)) for part in (mean, sd)]
    taught, wanted = ([part[rows] for part in targets] for rows in (split.train, split.validation))
    everyone = (taught[1].square() + taught[0].var(0, correction=0)).mean(0).sqrt()
    answers = [(taught[0].mean(0).expand_as(wanted[0]), width.expand_as(wanted[1]))
               for width in (taught[1].mean(0), everyone)]  # fmt: skip
    lowest = np.nanmin([*made.validation_loss, np.inf])
    return not lowest < min(float(loss(*answer, *wanted).mean()) for answer in answers)


def fit(sound, name: str, of: Arm, mean, sd, split, loss: str, seed: int, device="cpu") -> Kept:
    """The fit, from the cache where it is there; made again with a tenth of the rate if it failed.

    ``sound`` as :func:`sound.sound_of` gives it, ``mean`` and ``sd`` (n_clips, n_dimensions) in
    model space.
    """
    for restarts, share in enumerate(SLOWER):
        slower = of._replace(plan=replace(of.plan, rate=of.plan.rate * share))
        one = attempt(sound, name, slower, mean, sd, split, loss, seed, device)
        made = Kept(**vars(one), restarts=restarts)
        frozen = made.best_epoch >= 0 and not made.n_trained  # the encoder's rate changes nothing
        if frozen or not failed(made, mean, sd, split, LOSSES[loss]):
            break
    if made.best_epoch < 0:
        raise ValueError(f"{name}, {loss}, seed {seed}: training diverged at every rate")
    return made


def attempt(sound, name, of: Arm, mean, sd, split, loss, seed, device) -> Fit:
    """One training, from the cache where it is there; :func:`nothing` if it diverged at once."""
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
        what = of.make, windows, mean, sd, split, LOSSES[loss], seed, of.plan, first, device
        try:
            made = train(*what)
        except ValueError as error:
            if "diverged" not in str(error):
                raise
            made = nothing(len(split.test), mean.shape[1])
        with write_atomically(path) as temporary:
            np.savez(temporary, **asdict(made))
    with np.load(path) as file:
        return Fit(**{k: v if v.ndim else v.item() for k, v in file.items()})


def nothing(n_test: int, n_dimensions: int) -> Fit:
    """What a training leaves of which no loss was finite."""
    said, none = np.full((n_test, n_dimensions), np.nan), np.full(1, np.nan)
    return Fit(said, said, np.zeros(0, int), said[:0], said[:0], none, none, none, -1, 0)
