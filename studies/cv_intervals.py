"""Do intervals over songs hold for networks that are cross-validated? This measures by how much.

A bootstrap over songs keeps the trained models and asks for other test songs. In cross-validation
every song also trains the models that score the others, so the scored songs are not independent
of the models, nor the folds of each other; there is no unbiased estimate of the variance
(Bengio & Grandvalet 2004). Where nothing is to be found the answer is known, and can be seen: give
songs SDs that have nothing to do with them, train, score, and do it again.

One *draw* keeps features and mean ratings, and gives every song the pair of SDs of a song drawn
at random, with replacement. So nothing is simulated: the SDs have DEAM's own distribution, tails
and correlation between the dimensions, and no relation to features or means. (With replacement,
so that the variance of the SDs differs between draws as between samples of songs; R2 needs it.)
Folds and training seeds are others in each draw.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from mer_utils.controls.methods import METHODS, one_thread
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.model.experiment import Experiment
from mer_utils.model.run import run
from mer_utils.scoring.intervals import centred, resample_counts
from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.parts import partial_pearson
from mer_utils.scoring.score_table import predictions, within_folds

SEEDS = {"mse": 4, "kld": 2, "nll": 2}
"""Training seeds of each loss."""
SEEDS_AVERAGED = (1, 2, 4)
SCORES = {"spearman": spearman, "pearson": pearson, "beyond_mean": partial_pearson, "r2": r2}
KEY = ["method", "score", "n_seeds"]
NLL_TRAININGS = 10
"""NLL is not shown the SDs. So it need not learn anew for each draw: it is trained on so many
splits, and their predictions meet the SDs of all draws in turn. (What differs between trainings,
such as the level that R2 sees, is seen no more often: the interval of its ratio is too narrow.)"""


def without_signal(songs: Dataset, draw: int) -> Dataset:
    """The same songs with the SDs of songs drawn at random, both dimensions together."""
    drawn = np.random.default_rng([draw, 40]).integers(len(songs), size=len(songs))
    unknown = {"ratings": None, "true_mean": None, "true_sd": None}
    name = f"{songs.name}, SDs of other songs"
    return replace(songs, name=name, rating_sd=songs.rating_sd[drawn], **unknown)


def trained(songs: Dataset, draw: int, experiment: Experiment):
    """One draw of ``songs``, and what each loss predicts: :class:`Predictions` by loss.

    The trained heads are kept in the cache, so that other scores need no other training.
    """
    data, found = without_signal(songs, draw), {}
    with one_thread():
        for loss, n_seeds in SEEDS.items():
            given, k = (songs, draw % NLL_TRAININGS) if loss == "nll" else (data, draw)
            options = {"seed": 100 * k, "split_seed": k, "split": "folds", "fold": None}
            one = replace(experiment, loss=loss, n_seeds=n_seeds, **options)
            found[loss] = predictions(run(one, songs=given, progress=False))
    return data, found


def one_draw(songs: Dataset, draw: int, experiment: Experiment, n_resamples=200) -> pd.DataFrame:
    """Every method's scores of the SD on one draw, with their intervals.

    Returns
    -------
    pandas.DataFrame
        ``draw, method, score, n_seeds, dimension, value, low, high``: scores averaged over folds
        and over the first ``n_seeds`` seeds; 95% intervals over songs as in the scorecard.
    """
    data, found = trained(songs, draw, experiment)
    rows = []
    for method, (loss, kind) in METHODS.items():
        place = np.searchsorted(data.song_id, found[loss].song)
        sigma = found[loss].methods[kind][1]
        rows += scores_of(method, data.sd[place], data.mean[place], sigma, found[loss].fold,
                          draw, n_resamples, SEEDS[loss])  # fmt: skip
    return pd.DataFrame(rows, columns=["draw", *KEY, "dimension", "value", "low", "high"])


def scores_of(method, sd, mean, sigma, fold, draw, n_resamples, n_seeds):
    """Rows of :func:`one_draw` for predicted SDs (n_members, n_songs, 2); an ensemble has one."""
    weights = resample_counts(len(sd), n_resamples, draw)
    for name, score in SCORES.items():
        arrays = (sd, sigma, mean) if score is partial_pearson else (sd, sigma)
        score = within_folds(score, fold)
        values, draws = score(*arrays), score(*arrays, weights=weights)
        for k in SEEDS_AVERAGED if len(sigma) > 1 else (1,):
            if k <= len(sigma):
                value = values[:k].mean(0)
                low, high = centred(draws[:, :k].mean(1), value)
                seeds = k if len(sigma) > 1 else n_seeds
                for d, dimension in enumerate(DIMENSIONS):
                    yield draw, method, name, seeds, dimension, value[d], low[d], high[d]


def null_intervals(draws: pd.DataFrame) -> pd.DataFrame:
    """How the spread of a score over draws compares with the bootstrap's.

    Parameters
    ----------
    draws : pandas.DataFrame
        Tables of :func:`one_draw` below each other.

    Returns
    -------
    pandas.DataFrame
        ``method, score, n_seeds, n`` (draws times dimensions), ``average`` (score over draws),
        ``spread`` (its SD over draws), ``bootstrap`` (the width of the intervals over 2 x 1.96: the
        SD that they believe in), ``ratio`` (spread / bootstrap; 1 is right) with ``low`` and
        ``high`` (95%, over draws), ``missed`` (share of intervals that leave out the average; 5% is
        right). For correlations also ``alarms``, the share of intervals that leave out 0, and
        ``alarms_widened``: the same after all are widened by the ratio of the *other* half of the
        draws, so that no draw is judged by a factor it has helped to make.
    """
    rows = []
    for key, part in draws.groupby(KEY, sort=False):
        value, low, high = (
            part.pivot(index="draw", columns="dimension", values=v)[list(DIMENSIONS)].to_numpy()
            for v in ("value", "low", "high")
        )
        again = np.random.default_rng(0).integers(len(value), size=(1000, len(value)))
        ends = np.quantile([_ratio(value[k], low[k], high[k]) for k in again], [0.025, 0.975])
        average = value.mean(0)
        rows.append(
            {
                **dict(zip(KEY, key, strict=True)),
                "n": value.size,
                "average": average.mean(),
                "spread": _spread(value),
                "bootstrap": _believed(low, high),
                "ratio": _ratio(value, low, high),
                "low": ends[0],
                "high": ends[1],
                "missed": np.mean((low > average) | (high < average)),
            }
        )
        if key[1] != "r2":
            halves = [slice(0, None, 2), slice(1, None, 2)]
            factor = [_ratio(value[half], low[half], high[half]) for half in halves[::-1]]
            wide = np.empty_like(value)
            for half, f in zip(halves, factor, strict=True):
                wide[half] = f
            rows[-1]["alarms"] = np.mean((low > 0) | (high < 0))
            down, up = (value + wide * (end - value) for end in (low, high))
            rows[-1]["alarms_widened"] = np.mean((down > 0) | (up < 0))
    return pd.DataFrame(rows)


def _spread(value):
    """SD over draws, (n_draws, 2), around the average of each dimension."""
    return np.sqrt(value.var(0, ddof=1).mean())


def _believed(low, high):
    return (high - low).mean() / (2 * 1.96)


def _ratio(value, low, high):
    return _spread(value) / _believed(low, high)
