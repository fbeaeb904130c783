"""Do intervals over songs hold for cross-validated scores? Not quite: this measures by how much.

A bootstrap over songs keeps the trained models and asks for other test songs. In
cross-validation every song also trains the models that score the others, so the scored songs
are not independent of the models, nor the folds of each other; there is no unbiased estimate
of the variance (Bengio & Grandvalet 2004). Here the answer is known: given features, a target
whose share of signal we choose, ridge regression in place of the network, and the same folds
and scores as in the study. Over many targets the true spread of the score is seen directly.
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge

from mer_utils.model.splits import folds, holdout, standardise
from mer_utils.scoring.intervals import bootstrap
from mer_utils.scoring.metrics import spearman
from mer_utils.scoring.score_table import within_folds

PENALTY, CLIP = 300.0, 5.0


def _ridge(x, y, rows):
    """Ridge predictions for all songs from the songs ``rows``."""
    x = np.clip(standardise(x, rows), -CLIP, CLIP)
    model = Ridge(PENALTY, fit_intercept=False)
    return model.fit(x[rows], y[rows] - y[rows].mean(0)).predict(x)


def one_target(features, share: float, draw: int, cross_validated=True, n_resamples=200):
    """Rank correlation with its 95% interval on one simulated target: (3, 2).

    ``features`` is (n_songs, n_features). The target is normal, two independent columns; one
    fixed direction of the features explains the ``share`` of its variance. ``draw`` seeds
    noise and folds.
    """
    rng = np.random.default_rng([draw, 40])
    n = len(features)
    x = np.clip(standardise(features, np.arange(n)), -CLIP, CLIP)
    signal = x @ np.random.default_rng(41).normal(size=(x.shape[1], 2))
    signal = (signal - signal.mean(0)) / signal.std(0)
    target = np.sqrt(share) * signal + np.sqrt(1 - share) * rng.normal(size=(n, 2))
    splits = folds(n, draw) if cross_validated else [holdout(n, draw)]
    parts = [(s.test, _ridge(features, target, s.train)[s.test]) for s in splits]
    place = np.concatenate([rows for rows, _ in parts])
    fold = np.repeat(np.arange(len(parts)), [len(rows) for rows, _ in parts])
    predicted = np.concatenate([p for _, p in parts])[None]
    score = within_folds(spearman, fold)
    return np.array(bootstrap(score, target[place], predicted, n_resamples=n_resamples, seed=draw))


def null_intervals(features, shares=(0.0, 0.1), n_draws=200, n_resamples=200) -> pd.DataFrame:
    """How the spread over targets compares with the bootstrap's.

    Returns
    -------
    pandas.DataFrame
        ``share, evaluation, n, average`` (score over targets), ``spread`` (its SD over
        targets), ``bootstrap`` (the width of the intervals over 2 x 1.96: the SD that
        they believe in), ``ratio`` (spread / bootstrap; 1 is right) with ``low`` and ``high``
        (95%, over targets), ``missed`` (share of intervals that leave out the average; 5% is
        right). The two columns of a target count as two.
    """
    rows = []
    for share in shares:
        for cross_validated, name in ((True, "5-fold"), (False, "holdout")):
            draws = range(n_draws)
            found = [one_target(features, share, k, cross_validated, n_resamples) for k in draws]
            value, low, high = (np.stack(found, 1)[k].ravel() for k in range(3))
            believed = (high - low) / (2 * 1.96)
            rng = np.random.default_rng(0)
            again = rng.integers(len(value), size=(1000, len(value)))
            ratios = value[again].std(1, ddof=1) / believed[again].mean(1)
            row = {
                "share": share,
                "evaluation": name,
                "n": len(value),
                "average": value.mean(),
                "spread": value.std(ddof=1),
                "bootstrap": believed.mean(),
                "ratio": value.std(ddof=1) / believed.mean(),
            }
            row["low"], row["high"] = np.quantile(ratios, [0.025, 0.975])
            row["missed"] = np.mean((low > value.mean()) | (high < value.mean()))
            rows.append(row)
    return pd.DataFrame(rows)
