"""How well could anyone predict the SD of a panel? The ceilings that belong to a data set.

What a ceiling means. Let s be the SD of a panel and m = E[s | song] what panels of that size
show on average on that song. A prediction p that is made before the panel is asked can know m,
but not the accident s - m, which has mean 0 given the song. So

    E[(s - p)^2] = E[(s - m)^2] + E[(m - p)^2] >= E[Var(s | song)] ,

    R2 <= 1 - E[Var(s | song)] / Var(s) = Var(m) / Var(s) = rho ,

and |corr(p, s)| = |corr(p, m)| sqrt(rho) <= sqrt(rho). Both are reached by p = m. Someone who
predicts the SD of *everyone* in place of m ranks as well, but is too high by a factor. On
a finite set of songs a score varies about its ceiling and may pass it by luck.

How rho is known differs from data set to data set. For MUSIFEAST-17 it is *seen*, in panels that
share nobody: :mod:`mer_utils.ceiling.listener_groups`. For simulated songs it is *computed*: the
truth is scored. DEAM publishes a mean and an SD for each song and no ratings, so there it is
*bracketed*: at least what an ordinary learner finds, at most the highest estimate that borrows the
noise of other ratings (``studies/ceilings``, notebook 08). A bracket has no ``value``.
"""

import numpy as np
import pandas as pd

from mer_utils.ceiling.listener_groups import measured_ceiling, sd_alone, sd_beyond_mean
from mer_utils.data.dataset import Dataset
from mer_utils.data.musifeast import FEW, GROUPS
from mer_utils.results import kept
from mer_utils.scoring.intervals import bootstrap
from mer_utils.scoring.metrics import pearson
from mer_utils.scoring.parts import partial_pearson

ALL, BEYOND = "all", "beyond the mean"
"""Parts of the SD: the whole, and what a quadratic in the raters' mean leaves of it."""
N_GROUPS = {"as_distributed": len(GROUPS), "few_listeners": len(FEW)}
"""Groups of listeners behind each version of the labels of MUSIFEAST-17."""
COLUMNS = ["part", "dimension", "value", "low", "high"]


def ceilings_of(songs: Dataset | str, n_resamples=500) -> pd.DataFrame:
    """Reliability of the raters' SD, and of what a quadratic in their mean leaves of it.

    Parameters
    ----------
    songs : Dataset or str
        A version of DEAM's labels ("as_distributed", "corrected") stands for DEAM.

    Returns
    -------
    pandas.DataFrame
        ``part, dimension, value, low, high``: the highest R2, and its root the highest
        correlation. ``low`` and ``high`` are a 95% interval; for DEAM a bracket, and ``value`` is
        NaN. All three are NaN where nothing is known, as for own ratings.
    """
    if isinstance(songs, str) or songs.kind == "deam":
        return _bracketed(songs if isinstance(songs, str) else songs.labels)
    if songs.kind == "musifeast" and songs.labels in N_GROUPS:
        found = [
            measured_ceiling(N_GROUPS[songs.labels], statistic, n_resamples=n_resamples)
            for statistic in (sd_alone, sd_beyond_mean)
        ]
        return pd.concat(found, keys=[ALL, BEYOND], names=["part"]).reset_index()[COLUMNS]
    if songs.true_sd is not None:
        return _computed(songs, n_resamples)
    rows = [(part, d, *[np.nan] * 3) for part in (ALL, BEYOND) for d in songs.dimensions]
    return pd.DataFrame(rows, columns=COLUMNS)


def _computed(songs, n_resamples):
    """What the true SD scores on these songs: the square of its correlation."""

    def square(score):
        return lambda *arrays, weights=None: score(*arrays, weights) ** 2

    truth, rows = songs.true_sd / songs.half_range, []
    asked = {
        ALL: (pearson, songs.sd, truth),
        BEYOND: (partial_pearson, songs.sd, truth, songs.mean),
    }
    for part, (score, *arrays) in asked.items():
        found = bootstrap(square(score), *arrays, n_resamples=n_resamples)
        rows += [(part, d, *(f[k] for f in found)) for k, d in enumerate(songs.dimensions)]
    return pd.DataFrame(rows, columns=COLUMNS)


def _bracketed(labels):
    """DEAM: the kept bracket of these labels."""
    table = kept("ceilings", "bracket")
    if labels not in set(table["labels"]):
        known = " or ".join(table["labels"].unique())
        raise ValueError(f"no ceilings of labels {labels!r} are kept: choose {known}")
    wrong = table[table["high"] < table["learner_low"].clip(lower=0) ** 2]
    if len(wrong):
        place = " ".join(wrong.iloc[0][["labels", "part", "dimension"]])
        raise ValueError(
            f"results/ceilings/bracket.csv, {place}: the ceiling ends below what a learner "
            "reaches, so an estimate is wrong: make the table again, studies/ceilings/make.py"
        )
    return table[table["labels"].eq(labels)][COLUMNS].reset_index(drop=True)
