"""Probes of trained encoders: can an encoder learn what freezing threw away?

The worlds are those of ``probes.py``; one network of each arm learns the SDs of all worlds at once,
a window of 3 s at a time, and a clip is the average over its windows. So no arm can learn what only
several windows tell together: order, and most of the loudness range. Besides the properties there
are several columns of random numbers, which no sound knows: they say by how much the difference of
two arms varies where there is nothing to be found. There every training is worth the same, so they
are blind to luck in training: :func:`encoder_scores.luck` sees that.

Scores are averaged over seeds, as those of real listeners are. (Averaging predictions would favour
the arm with most seeds.)
"""

import numpy as np
import pandas as pd
from encoder_scores import cluster_weights
from probes import Worlds, rows

from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.score_table import within_folds

NULLS = 7
"""Random columns beside the one that ``worlds`` adds."""
LOSS = "sd_alone"


def with_nulls(properties: pd.DataFrame, n=NULLS) -> pd.DataFrame:
    """The table with ``n`` columns more, of random numbers."""
    rng = np.random.default_rng(62)
    made = {f"nothing {k}": rng.normal(size=len(properties)) for k in range(1, n + 1)}
    return properties.assign(**made)


def table(said: dict, made: Worlds, titles: dict, fold, cluster, reference="") -> pd.DataFrame:
    """Rows as those of :func:`probes.rows`, of each arm in ``said``; random columns as one.

    ``said`` maps an arm to its SDs, (n_seeds, n, P) or (n, P) of one seed. ``gain`` is that over
    the arm ``reference`` with the same seeds, of which it has no fewer.
    """
    found = []
    for name, sd in said.items():
        labels, of = {"layer": name, "pooling": "mean"}, [made] * len(seeds_of(sd, made))
        if reference not in ("", name):
            labels["against"] = seeds_of(said[reference], made)[: len(of)]
        found += rows("network", titles[name], sd, of, fold, cluster, **labels)
    found = pd.DataFrame(found)
    return found[~found["property"].str.match(r"nothing \d")]


def seeds_of(sd, made: Worlds):
    """(n_seeds, n, P), of one seed or several."""
    return np.asarray(sd, float).reshape(-1, *made.sd.shape)


def factors(said: dict, made: Worlds, reference: str, fold, cluster) -> pd.DataFrame:
    """How much wider a difference between arms should be: ``arm, score, ratio, n``.

    Over the random columns: root mean square of the difference to ``reference`` less its mean, over
    the average standard error that clusters of clips say. Few columns: a rough number.
    """
    null = [j for j, name in enumerate(made.names) if name.startswith("nothing")]
    weights, found = cluster_weights(cluster), []
    truth = made.sd[:, null]
    for score in (r2, pearson, spearman):
        of = within_folds(score, fold)
        parts = {name: seeds_of(sd, made)[..., null] for name, sd in said.items()}
        value = {name: of(truth, sd).mean(0) for name, sd in parts.items()}
        draws = {name: of(truth, sd, weights=weights).mean(1) for name, sd in parts.items()}
        for name in said:
            if name != reference:
                gap = value[name] - value[reference]
                error = np.nanstd(draws[name] - draws[reference], axis=0)
                ratio = np.nanstd(gap, ddof=1) / np.sqrt(np.nanmean(error**2))
                found.append((name, score.__name__, ratio, int(np.isfinite(gap).sum())))
    return pd.DataFrame(found, columns=["arm", "score", "ratio", "n"])


def factors_of(null: pd.DataFrame) -> dict:
    """(arm, target, score) -> what widens a difference of SDs, at least 1: of :func:`factors`."""
    found = {}
    for row in null.itertuples():
        found[row.arm, "sd", row.score] = max(1.0, row.ratio)
        if row.score == "pearson":
            found[row.arm, "sd_beyond_mean", row.score] = max(1.0, row.ratio)
    return found
