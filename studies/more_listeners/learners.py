"""What is taught in this study, and how a draw that is done is kept.

The heads are the paper's, trained by :func:`mer_utils.model.training.train_stack`. Beside them
stands ridge regression, as the ordinary learner: one for the mean and the SD of each dimension.
Both are given rows to learn from and predict every row.
"""

import hashlib
import inspect
import json
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import RidgeCV

from mer_utils.code_digest import logic
from mer_utils.model.heads import forward
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.model.run import DECIDE
from mer_utils.model.splits import standardise
from mer_utils.model.training import Protocol, train_stack
from mer_utils.paths import cache_dir, write_atomically

PENALTIES = np.logspace(1, 5, 17)
"""Of ridge on standardised features; leave-one-out error chooses one for each target."""
VALIDATION = 0.2
"""Share of the given rows that chooses the weights of a head."""


def stack(features, mean, sd, rows, loss, seeds, protocol=None):
    """Weights of one head per seed, taught by ``rows``, and the features as they see them.

    The last fifth of ``rows`` (as they come) validates. Returns ``(weights, x)``, ``x`` a tensor of
    all songs, standardised by the songs that trained.
    """
    cut = len(rows) - max(1, round(VALIDATION * len(rows)))
    x = standardise(features, rows[:cut])
    sides = [(x[part], mean[part], sd[part]) for part in (rows[:cut], rows[cut:])]
    trained = train_stack(*sides, loss=loss, seeds=seeds, protocol=protocol or Protocol())
    return trained.weights, torch.from_numpy(x)


def heads(features, mean, sd, rows, loss, seeds, protocol=None):
    """Predictions of all songs by heads: ``mu`` and ``sigma``, (n_seeds, n_songs, n_dimensions)."""
    taught = stack(features, mean, sd, rows, loss, seeds, protocol)
    with torch.no_grad():
        return [part.numpy() for part in forward(*taught)]


def ridge(features, targets, rows):
    """Predictions of all songs, the shape of ``targets`` (n_songs, n_targets)."""
    x = standardise(features, rows)
    fit = RidgeCV(PENALTIES, alpha_per_target=True).fit(x[rows], targets[rows])
    return fit.predict(x).reshape(targets.shape)


def everyone(features, mean, sd, rows, seeds, protocol=None, losses=PAPER_LOSSES) -> dict:
    """Learner -> ``(mu, sigma)`` of all songs, (n_members, n_songs, n_dimensions) each.

    Ridge has one member, and is alone if there are no ``seeds``.
    """
    both = ridge(features, np.hstack([mean, sd]), rows)
    found = {"ridge": np.split(both[None], 2, axis=-1)}
    for loss in losses if len(seeds) else ():
        found[loss] = heads(features, mean, sd, rows, loss, seeds, protocol)
    return found


def kept_draw(name: str, described: dict, functions, compute) -> dict:
    """The arrays that ``compute()`` returns, from the cache where they were made before.

    The key holds ``described`` and the code of ``functions``, of the learners and of the training.
    """
    code = [Path(module.__file__).read_text("utf-8") for module in DECIDE]
    code += [inspect.getsource(part) for part in (*functions, stack, heads, ridge, everyone)]
    parts = [name, described, torch.__version__, sorted(map(logic, code))]
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
    path = cache_dir() / "more_listeners" / f"{name}-{digest[:16]}.npz"
    if not path.is_file():
        with write_atomically(path) as temporary:
            np.savez(temporary, **compute())
    with np.load(path) as file:
        return dict(file)
