"""Scores of arms, and paired differences between them, with intervals over listening sets.

All scores are computed within each fold and averaged over folds, then over seeds and turns. The
interval asks what other clips would have given: clips are drawn by the set to which the same people
listened (other data: by artist), 1,000 times, for all arms alike. It leaves out that training anew
would give other weights: ``factor`` is by how much that widens it, where it was measured.
"""

import numpy as np
import pandas as pd

from mer_utils.scoring.intervals import centred
from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.parts import partial_pearson
from mer_utils.scoring.score_table import within_folds

RESAMPLES = 1000
SCORES = {
    ("mean", "r2"): r2,
    ("sd", "r2"): r2,
    ("sd", "spearman"): spearman,
    ("sd", "pearson"): pearson,
    ("sd_beyond_mean", "pearson"): partial_pearson,
}


def cluster_weights(cluster, n_resamples=RESAMPLES, seed=0):
    """How often each song counts where whole clusters are drawn: (n_resamples, n_songs)."""
    names, of = np.unique(cluster, return_inverse=True)
    rng = np.random.default_rng([seed, 61])
    share = np.full(len(names), 1 / len(names))
    return rng.multinomial(len(names), share, n_resamples)[:, of].astype(float)


def draws_of(turns, said, judge, target, score, weights):
    """A score and its draws, averaged over turns and seeds: (D,) and (n_resamples, D).

    ``said``: for each turn, mu and sigma, (n_seeds, n, D) each.
    """
    values, draws = [], []
    for turn, (mu, sigma) in zip(turns, said, strict=True):
        mean, sd = turn.judges[judge]
        arrays = {"mean": (mean, mu), "sd": (sd, sigma), "sd_beyond_mean": (sd, sigma, mean)}[
            target
        ]
        of = within_folds(SCORES[target, score], turn.fold)
        values.append(np.asarray(of(*arrays)).reshape(-1, mean.shape[1]).mean(0))
        draw = of(*arrays, weights=weights)
        draws.append(draw.reshape(len(weights), -1, mean.shape[1]).mean(1))
    return np.mean(values, 0), np.mean(draws, 0)


def table(turns, said: dict, reference: str, factors=None, progress=iter) -> pd.DataFrame:
    """A row for each arm, loss, judge, score and dimension.

    ``said`` maps (arm, loss) to what :func:`draws_of` takes. ``difference`` and its ends are those
    to the arm ``reference`` with the same loss. ``factors`` maps (arm, target, score) to what
    widens a difference, at least 1.
    """
    weights, rows = cluster_weights(turns[0].cluster), []
    for judge in turns[0].judges:
        for target, score in SCORES:
            found = {
                key: draws_of(turns, one, judge, target, score, weights)
                for key, one in progress(list(said.items()))
            }
            for (arm, loss), (value, draws) in found.items():
                ends = np.stack(centred(draws, value))
                own, against = found[reference, loss]
                wide = max(1.0, (factors or {}).get((arm, target, score), 1.0))
                gap = value - own
                gap_ends = gap + wide * (np.stack(centred(draws - against, gap)) - gap)
                for d, dimension in enumerate(turns[0].songs.dimensions):
                    rows.append({
                        "design": turns[0].design, "arm": arm, "loss": loss, "judges": judge,
                        "target": target, "score": score, "dimension": dimension,
                        "value": value[d], "low": ends[0, d], "high": ends[1, d],
                        "difference": gap[d], "difference_low": gap_ends[0, d],
                        "difference_high": gap_ends[1, d], "factor": wide,
                        "n_fits": sum(len(mu) for mu, _ in said[arm, loss]),
                    })  # fmt: skip
    return pd.DataFrame(rows)


def taught_rows(turn, arm, loss, fits) -> list[dict]:
    """Scores on training clips of the fits, one of each fold: R2 of the mean and of the SD."""
    found = []
    for fit in fits:
        rows = fit.taught
        pairs = ((turn.songs.mean, fit.taught_mu), (turn.songs.sd, fit.taught_sigma))
        found.append([r2(truth[rows], said) for truth, said in pairs])
    values = np.mean(found, 0)
    return [
        {"design": turn.design, "turn": turn.turn, "arm": arm, "loss": loss, "target": target,
         "dimension": dimension, "value": values[i, d]}
        for i, target in enumerate(("mean", "sd"))
        for d, dimension in enumerate(turn.songs.dimensions)
    ]  # fmt: skip
