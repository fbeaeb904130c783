"""Scores of many draws, averaged, with an interval over songs.

Correlations and R2 are taken within folds, then averaged over folds, members and draws. ``low`` and
``high`` are a 95% bootstrap over songs, the same songs in all draws, centred at the value
(:func:`mer_utils.scoring.intervals.centred`). ``draw_low`` and ``draw_high`` are the smallest and
largest draw. Draws share listeners and songs, so neither says what other people would show.
"""

import numpy as np
import pandas as pd

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.scoring.intervals import centred, resample_counts
from mer_utils.scoring.metrics import pearson, r2
from mer_utils.scoring.score_table import within_folds

N_RESAMPLES = 200
END = ["dimension", "value", "low", "high", "draw_low", "draw_high", "n_draws"]


def one_score(score, fold, arrays, weights):
    """A score of one draw, (2,), and its bootstrap, (n_resamples, 2), averaged over members."""
    averaged = within_folds(score, fold)
    boot = averaged(*arrays, weights=weights).reshape(len(weights), -1, 2).mean(1)
    return averaged(*arrays).reshape(-1, 2).mean(0), boot


def table(found: dict, names) -> pd.DataFrame:
    """A row for each key and dimension.

    ``found`` maps a key, a tuple as ``names`` says, to the results of :func:`one_score`, one for
    each draw.
    """
    rows = []
    for key, draws in found.items():
        values, boots = (np.stack(part) for part in zip(*draws, strict=True))
        ends = centred(boots.mean(0), values.mean(0))
        for d, dimension in enumerate(DIMENSIONS):
            row = (*key, dimension, values[:, d].mean(), *ends[:, d])
            rows.append((*row, values[:, d].min(), values[:, d].max(), len(values)))
    return pd.DataFrame(rows, columns=[*names, *END])


def curve(draws, mean, sd, n_resamples=N_RESAMPLES) -> pd.DataFrame:
    """R2 and correlation of mean and SD against the number of songs to learn from.

    ``draws`` is a list of ``(n_songs, arrays)``, arrays as of :func:`deam_songs.one_draw`; ``mean``
    and ``sd`` are (n_songs, 2).
    """
    weights, found = resample_counts(len(mean), n_resamples), {}
    for n_songs, arrays in draws:
        for name in (name for name in arrays if name != "fold"):
            learner, part = name.split(":")
            statistic, truth = ("mean", mean) if part == "mu" else ("sd", sd)
            for score in (r2, pearson):
                key = (learner, n_songs, statistic, score.__name__)
                one = one_score(score, arrays["fold"], (truth, arrays[name]), weights)
                found.setdefault(key, []).append(one)
    return table(found, ["learner", "songs", "statistic", "score"])
