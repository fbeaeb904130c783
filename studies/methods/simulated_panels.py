"""Simulated listeners of MUSIFEAST-17's clips: worlds in which it is known what can be found.

The clips' embeddings and listening sets are real, the ratings are not. A clip's true mean is the
real listeners' mean, kept within the scale; its true SD is

    level + spread * (sqrt(share) * signal + sqrt(1 - share) * noise)

with the signal of :func:`mer_utils.controls.data.feature_signal`: a function of the embedding that
has nothing to do with the mean. A rating is drawn from the maximum-entropy distribution on 1 to 5
with these moments, the pair of valence and arousal by a Gaussian copula. Those who rated one set of
clips differ by chance from those who rated another: each panel has a shift of its own SDs in each
set (:data:`SET`). Two panels, which share nobody: 25 listeners who teach and 9 who judge.

=========  ======  ======  ================================================================
world      share   spread  what can be found
=========  ======  ======  ================================================================
absent     0       .04     nothing of the SD, nor of the correlation
like       .3      .04     a signal about as weak as on the real clips
planted    .95     .10     nearly all of the SD; the correlation follows another direction
=========  ======  ======  ================================================================
"""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from mer_utils.controls.data import feature_signal
from mer_utils.data.musifeast import listening_sets
from mer_utils.methods.listeners import levels, maximum_entropy, moments_of

WORLDS = {"absent": (0.0, 0.04), "like": (0.3, 0.04), "planted": (0.95, 0.10)}
TAUGHT, HELD_OUT, SET = 25, 9, 0.027
FURTHEST, CORRELATION, TURN = 0.7, 0.2, 0.3
"""Of a true mean from the middle; of valence and arousal within a clip, and how far it varies."""


class World(NamedTuple):
    """Counts (n, 2, 5) of the two panels, the first one's covariance, and the truth."""

    taught: np.ndarray
    held_out: np.ndarray
    covariance: np.ndarray  # (n, 2, 2), ddof=0, model space, of those who teach
    true_mean: np.ndarray
    true_sd: np.ndarray
    true_correlation: np.ndarray  # (n,), of the copula


def make(name: str, songs, draw: int = 0) -> World:
    """A world; ``songs`` are MUSIFEAST-17's (or as many clips with a listening set each)."""
    share, spread = WORLDS[name]
    rng = np.random.default_rng([draw, 50])
    mean = np.clip(songs.mean, -FURTHEST, FURTHEST)
    signal = feature_signal(songs.features, mean, draw)
    noise = rng.normal(size=signal.shape)
    level = np.sqrt((songs.sd**2).mean(0))
    sd = level + spread * (np.sqrt(share) * signal + np.sqrt(1 - share) * noise)
    correlation = np.full(len(mean), CORRELATION)
    if name == "planted":
        correlation += TURN * np.tanh(feature_signal(songs.features, mean, draw + 1000)[:, 0])
    sets = np.unique(listening_sets(), return_inverse=True)[1]
    panels = []
    for n in (TAUGHT, HELD_OUT):
        shift = SET * rng.normal(size=(sets.max() + 1, 2))[sets]
        p = maximum_entropy(mean, np.maximum(sd + shift, 0.1), 5)
        panels.append(drawn(p, correlation, n, rng))
    ratings = levels(5)[panels[0]]  # (n_songs, n_listeners, 2)
    away = ratings - ratings.mean(1, keepdims=True)
    covariance = np.einsum("nli,nlj->nij", away, away) / TAUGHT
    counts = [np.stack([(panel == k).sum(1) for k in range(5)], -1) for panel in panels]
    truth = moments_of(maximum_entropy(mean, np.maximum(sd, 0.1), 5))
    return World(*counts, covariance, *truth, correlation)


def drawn(p, correlation, n, rng):
    """Levels (0 to K-1) of ``n`` listeners, (n_songs, n, 2); ``p`` (n_songs, 2, K)."""
    z = rng.normal(size=(len(p), n, 2))
    c = correlation[:, None]
    z[..., 1] = c * z[..., 0] + np.sqrt(1 - c**2) * z[..., 1]
    below = p.cumsum(-1)[:, None, :, :-1]
    return (ndtr(z)[..., None] > below).sum(-1)
