"""What would other people show? Each group of listeners is left out in turn: MUSIFEAST-17.

The intervals of ``scores.py`` resample clips. Here the *groups* vary: a jackknife over eight. In
each draw three groups of the other seven teach (or the first of them alone), and the last three
judge. Ridge, the clips, folds apart by artist. Eight is few, so the errors are rough.
"""

import clips
import numpy as np
import pandas as pd
from learners import kept_draw, ridge
from scipy.stats import t as student

from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.musifeast import GROUPS, load_musifeast
from mer_utils.scoring.metrics import pearson
from mer_utils.scoring.score_table import within_folds

TEACHERS, JUDGES, DRAWS = 3, 3, 28
NAMES = ("one group teaches", "three groups teach", "gain")


def left_out(group: str, draws=DRAWS) -> np.ndarray:
    """Average correlations with the judges, (3, 2) as :data:`NAMES`, without this group."""
    others, found = [name for name in GROUPS if name != group], []
    for draw in range(draws):
        mixed = np.random.default_rng([24, draw // len(others)]).permutation(others)
        order = np.roll(mixed, draw)
        judges = load_musifeast(order[-JUDGES:].tolist())
        pair = []
        for size in (1, TEACHERS):
            songs = load_musifeast(order[:size].tolist())
            predicted, fold = np.empty((len(songs), 2)), np.empty(len(songs), int)
            for k, (pool, test) in enumerate(clips.parts(songs, draw)):
                predicted[test] = ridge(songs.features, songs.sd, pool)[test]
                fold[test] = k
            pair.append(within_folds(pearson, fold)(judges.sd, predicted))
        found.append([*pair, pair[1] - pair[0]])
    return np.mean(found, axis=0)


def jackknife(values):
    """Mean and 95% interval of a statistic, from its values without each group (first axis).

    The interval takes the t distribution with one degree of freedom less than there are groups.
    """
    values, n = np.asarray(values, float), len(values)
    mean = values.mean(0)
    error = np.sqrt((n - 1) / n * ((values - mean) ** 2).sum(0))
    half = student.ppf(0.975, n - 1) * error
    return mean, mean - half, mean + half


def table(progress=iter) -> pd.DataFrame:
    """One row for each statistic and dimension."""
    found = []
    for group in progress(list(GROUPS)):
        described = {"group": group, "data": load_musifeast().fingerprint, "draws": DRAWS}
        made = kept_draw(
            f"people-{group}", described, (left_out, clips.parts),
            lambda group=group: {"values": left_out(group)},
        )  # fmt: skip
        found.append(made["values"])
    ends = jackknife(found)
    rows = [
        (name, dimension, *(end[i, d] for end in ends))
        for i, name in enumerate(NAMES) for d, dimension in enumerate(DIMENSIONS)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["what", "dimension", "value", "low", "high"])
