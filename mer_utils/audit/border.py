"""Where do exchanged labels begin and end? Evidence song by song, summed up over ids.

The lines of :mod:`mer_utils.audit.evidence` take the border, id 1000, as given. Here the data are
asked for it. A model of both dimensions, trained on songs that are trusted, predicts
(valence, arousal) of every other song. The *evidence* of a song is how much more likely its
two labels are as they stand than the other way round, given the prediction. Sums over ids tell
where the sign changes. Page 10 plants an exchange, to try this on.
"""

import numpy as np
import pandas as pd
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from mer_utils.audit.evidence import labels_of_file
from mer_utils.audit.trusted import transfer
from mer_utils.data.dataset import Dataset
from mer_utils.data.deam import EXCHANGED_UP_TO

BLOCK = 125
"""Ids per block; DEAM has gaps, and its smallest block holds 71 songs."""


def song_evidence(dataset: Dataset) -> np.ndarray:
    """Log-likelihood ratio per song, (n_songs,), in nats: above 0 speaks for "as distributed".

    The labels of a song are taken to be Gaussian around the prediction of a ridge model, with
    the covariance of its errors among ids above 1000. Songs up to 1000 are predicted by the
    model of all songs above, those above by 5-fold models; so ids above 1000 are trusted.

    Raises
    ------
    ValueError
        If there are no features, fewer than 20 songs up to 1000 or fewer than 50 above.
    """
    labels = labels_of_file(dataset)
    low = dataset.song_id <= EXCHANGED_UP_TO
    predicted = transfer(dataset.features, labels, low)
    if predicted is None:
        raise ValueError(
            f"{dataset.name} has {dataset.features.shape[1]} features, {low.sum()} songs with ids "
            f"up to {EXCHANGED_UP_TO} and {(~low).sum()} above: the border needs features, 20 "
            "songs below and 50 above"
        )
    error, other = labels - predicted, labels[:, ::-1] - predicted
    normal = multivariate_normal(error[~low].mean(0), np.cov(error[~low].T))
    return normal.logpdf(error) - normal.logpdf(other)


def block_evidence(
    song_id, evidence, width: int = BLOCK, *, n_boot: int = 999, seed: int = 0
) -> pd.DataFrame:
    """Average evidence per song in blocks of ids: ``first, last, n, value, low, high``.

    ``song_id`` and ``evidence``, from :func:`song_evidence`, are (n_songs,).
    ``low`` and ``high`` are a 95% bootstrap interval over the songs of the block. Blocks
    without a song are left out.
    """
    rng = np.random.default_rng(seed)
    block = (song_id - 1) // width
    rows = []
    for number in np.unique(block):
        part = evidence[block == number]
        means = part[rng.integers(len(part), size=(n_boot, len(part)))].mean(1)
        ends = int(number * width + 1), int((number + 1) * width)
        rows.append((*ends, len(part), part.mean(), *np.quantile(means, [0.025, 0.975])))
    return pd.DataFrame(rows, columns=["first", "last", "n", "value", "low", "high"])


def find_border(song_id, evidence) -> dict:
    """The largest id that looks exchanged, if all ids up to some border are.

    Parameters
    ----------
    song_id : int array, (n_songs,), increasing
    evidence : array, (n_songs,), in nats, from :func:`song_evidence`

    Returns
    -------
    dict
        ``border``: the most likely one, 0 if no song looks exchanged. ``low`` and ``high``: the
        middle 95% of the posterior over borders, each being equally likely beforehand.
        ``gain``: log-likelihood ratio of this border against none, in nats. It counts songs as
        independent, and songs of one artist are not quite that.
    """
    borders = np.concatenate([[0], song_id])
    log_likelihood = np.concatenate([[0.0], -np.cumsum(evidence)])
    posterior = np.exp(log_likelihood - logsumexp(log_likelihood)).cumsum()
    low, high = (int(borders[np.searchsorted(posterior, q)]) for q in (0.025, 0.975))
    best = int(np.argmax(log_likelihood))
    gain = float(log_likelihood[best])
    return {"border": int(borders[best]), "low": low, "high": high, "gain": gain}
