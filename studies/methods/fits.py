"""Train a method on a case, out of fold, and keep what it predicts in the cache."""

import hashlib
import inspect
import json
import re
from dataclasses import asdict
from pathlib import Path

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

SEEDS, SEEDS_TO_SPREAD = 4, 15
"""Of each head; and of those whose predicted SD is the spread of seeds."""
DECIDE = {
    "heads": (gaussian, histograms, evidential),
    "learner": (learners,),
    "always": (listeners, ensembles, fused_adam, heads, losses, sampling, training),
}


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


def fit(case: Case, name: str, n_seeds: int = SEEDS, epochs: int = 100, keep=True):
    """Predictions of all songs out of fold, and the SDs after recalibration.

    Returns
    -------
    Predicted, array (n_members, n, D)
        The second: a line through each fold's validation songs (``score_table.recalibrated``).
    """
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
            found = (stored[part].astype(float) for part in ("mu", "sigma", "mended"))
            mu, sigma, mended = found
        return Predicted(mu, sigma, p), mended
    with one_thread():
        whole, each = out_of_fold(
            method.fit, case.features, case.taught, case.splits, seeds, protocol
        )
    mended = np.empty_like(whole.sigma)
    for split, of_fold in zip(case.splits, each, strict=True):
        rows = split.validation
        line = recalibrated(
            case.taught.sd[rows], of_fold.sigma[:, rows], of_fold.sigma[:, split.test]
        )
        mended[:, split.test] = line
    if keep:
        parts = {"mu": whole.mu, "sigma": whole.sigma, "mended": mended}
        if whole.p is not None:
            parts["p"] = whole.p.astype(np.float32)
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as temporary:
            with open(temporary, "wb") as file:
                np.savez(file, **parts)
    return whole, mended
