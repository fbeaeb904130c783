"""Power: how much explainable disagreement would a method have noticed? One draw.

:func:`mer_utils.controls.data.semi_synthetic` makes ratings whose true SD is explained by the
features to a known share. One *draw* makes such ratings anew (signal, noise, ratings), trains
with other seeds on other folds, and scores every song once. A method *detects* the signal if
the 95% interval of the rank correlation of its predicted SD with the *raters'* SD lies above
0. Heads and dropout are judged by their first seed, since a user trains one.

A signal that is linear in the leading components and free of the mean is the easy case. So a
smallest detectable share is a lower limit: a signal of another shape may need more. What many
draws say is in ``power_tables.py``.
"""

from dataclasses import replace

import pandas as pd

from mer_utils.controls.data import DEAM_SPREAD, semi_synthetic
from mer_utils.controls.methods import predicted_sd, score_sd
from mer_utils.data.dataset import Dataset
from mer_utils.model.experiment import Experiment

SHARES = (0.0, 0.1, 0.2, 0.4, 1.0)


def one_draw(
    songs: Dataset,
    share: float,
    draw: int,
    experiment: Experiment,
    *,
    ensemble=None,
    n_raters=10,
    spread=DEAM_SPREAD,
    lapses=0.0,
    folds=True,
    n_resamples=200,
) -> pd.DataFrame:
    """Make, train and score one draw.

    Parameters
    ----------
    songs : Dataset
        Its features and means are used.
    share : float in [0, 1]
    draw : int
        Seeds everything: signal, ratings, folds and training.
    experiment : Experiment
        Number of seeds and protocol.
    ensemble, folds
        As in :func:`mer_utils.controls.methods.predicted_sd`.
    n_raters, spread, lapses
        As in :func:`mer_utils.controls.data.semi_synthetic`.

    Returns
    -------
    pandas.DataFrame
        The rank correlations of :func:`mer_utils.controls.methods.score_sd` after ``share`` and
        ``draw``, and ``detected``, whether ``low`` is above 0.
    """
    data = semi_synthetic(songs, share, spread, n_raters, 1000 + draw, lapses)
    one = replace(experiment, seed=100 * draw, split_seed=draw)
    place, fold, sigma = predicted_sd(
        data, one, ensemble=ensemble, folds=folds, perfect=False, keep=False
    )
    single = {method: predicted[:1] for method, predicted in sigma.items()}
    table = score_sd(data, place, fold, single, n_resamples).query("score == 'spearman'")
    table = table.assign(detected=table["low"] > 0)
    table.insert(0, "share", share)
    table.insert(1, "draw", draw)
    return table.reset_index(drop=True)
