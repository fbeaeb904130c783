"""Train a method on a case, out of fold, and keep what it predicts in the cache."""

import hashlib
import inspect
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from cases import Case

from mer_utils.code_digest import logic
from mer_utils.controls.methods import one_thread
from mer_utils.methods import (
    ensembles,
    evidential,
    gaussian,
    histograms,
    learners,
    listeners,
    registry,
)
from mer_utils.methods.listeners import Predicted
from mer_utils.methods.registry import METHODS, out_of_fold
from mer_utils.model import fused_adam, heads, losses, sampling, training
from mer_utils.model.training import Protocol
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.scoring.score_table import recalibrated

LEAST = 0.1
"""A smaller SD around another mean counts as this, in model space."""
SEEDS, SEEDS_TO_SPREAD, EPOCHS = 4, 15, 100
"""Of each head; of those whose predicted SD is the spread of seeds; the paper's epochs."""
DECIDE = {
    "heads": (gaussian, histograms, evidential),
    "learner": (learners,),
    "always": (listeners, ensembles, fused_adam, heads, losses, sampling, training),
}


class Fit(NamedTuple):
    """Predictions of test songs, and what the validation songs of their fold say of them.

    Arrays are (n_members, n, D), model space. ``mended``: the SDs after a line through the
    validation songs (:func:`mer_utils.scoring.score_table.recalibrated`). ``square``: mean
    predicted variance of the validation songs. ``needed``: how far, in mean square, their single
    ratings lie from the predicted mean.
    """

    predicted: Predicted
    mended: np.ndarray
    square: np.ndarray
    needed: np.ndarray

    def around(self, other: "Fit") -> np.ndarray:
        """The SD around the predicted mean of another fit, its level right for that mean.

        The predicted variance, moved by what the validation songs say is missing: an SD of
        listeners says nothing of the error of the mean, and a width that is right on average is
        no knowledge of which songs divide listeners. (n_members, n, D)
        """
        variance = self.predicted.sigma**2 + other.needed.mean(0) - self.square
        return np.sqrt(np.maximum(variance, LEAST**2))


def possible(case: Case) -> list[str]:
    """Methods that can be fitted to the case."""
    return [
        name
        for name, method in METHODS.items()
        if case.taught.covariance is not None or not method.pairs
    ]


def _code(name):
    modules = list(DECIDE["always"])
    modules += DECIDE["learner" if METHODS[name].family in ("learner", "mean only") else "heads"]
    parts = (registry.trained, registry.predict, registry.head, registry.spreads,
             registry.mean_first, registry.quantiles, registry.out_of_fold)  # fmt: skip
    line = re.search(rf'"{name}": (Method\(.*?)(?=\n    "|\n}})', inspect.getsource(registry), re.S)
    sources = [Path(module.__file__).read_text("utf-8") for module in modules]
    sources += [inspect.getsource(part) for part in parts]
    return [*map(logic, sources), "".join(line[1].split()) if line else ""]


def key(case: Case, name: str, seeds, protocol: Protocol) -> str:
    """Hash of all that decides the predictions of a method."""
    described = [name, list(seeds), asdict(protocol), torch.__version__]
    digest = hashlib.sha256(json.dumps([described, _code(name)]).encode())
    arrays = [case.features, *(part for part in case.taught if part is not None)]
    arrays += [side for s in case.splits for side in (s.train, s.validation, s.test)]
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:20]


def fit(case: Case, name: str, n_seeds: int = SEEDS, epochs: int = EPOCHS, keep=True):
    """What a method predicts of all songs, out of fold: :class:`Fit`."""
    method, protocol = METHODS[name], Protocol(epochs=epochs)
    if method.several and n_seeds >= SEEDS:
        n_seeds = SEEDS_TO_SPREAD
    elif method.several:
        n_seeds = max(n_seeds, 2)
    seeds = range(n_seeds)
    path = cache_dir() / "methods" / f"{name}-{key(case, name, seeds, protocol)}.npz"
    if keep and path.is_file():
        with np.load(path) as stored:
            p = stored["p"].astype(float) if "p" in stored else None
            mu, sigma, *more = (
                stored[k].astype(float) for k in ("mu", "sigma", "mended", "square", "needed")
            )
        return Fit(Predicted(mu, sigma, p), *more)
    with one_thread():
        whole, each = out_of_fold(
            method.fit, case.features, case.taught, case.splits, seeds, protocol
        )
    mended, square = np.empty_like(whole.sigma), np.empty_like(whole.sigma)
    needed = np.empty_like(whole.mu)
    for split, of_fold in zip(case.splits, each, strict=True):
        rows, test = split.validation, split.test
        known, mean, sd = of_fold.sigma[:, rows], case.taught.mean[rows], case.taught.sd[rows]
        mended[:, test] = recalibrated(sd, known, of_fold.sigma[:, test])
        square[:, test] = (known**2).mean(1, keepdims=True)
        away = sd**2 + (mean - of_fold.mu[:, rows]) ** 2
        needed[:, test] = away.mean(1, keepdims=True)
    whole = Fit(whole, mended, square, needed)
    if keep:
        said = whole.predicted
        parts = {"mu": said.mu, "sigma": said.sigma} | whole._asdict()
        del parts["predicted"]
        if said.p is not None:
            parts["p"] = said.p.astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, **parts)
    return whole
