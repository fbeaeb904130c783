"""How well does a predicted distribution foretell the rating of a listener who was not asked?

``p`` are predicted probabilities of the K levels of the scale, (..., n_songs, n_dimensions, K);
``counts`` (n_songs, n_dimensions, K) say how many held-out listeners gave each. Scores are one
number per song and dimension, (..., n_songs, n_dimensions): the mean over that song's listeners.
Distances are in model space, where the levels go from -1 to 1 (times half the range of the scale:
rating points).
"""

import numpy as np

LEAST = 0.01
"""Share of equal ratings that the log score mixes into each prediction."""


def _check(p, counts):
    p, counts = np.asarray(p, float), np.asarray(counts, float)
    if p.shape[-3:] != counts.shape:
        raise ValueError(f"predictions are {p.shape}, listeners are {counts.shape}: songs differ")
    if np.abs(p.sum(-1) - 1).max() > 1e-4 or p.min() < -1e-9:
        raise ValueError("predicted probabilities must be at least 0 and sum to 1")
    total = counts.sum(-1)
    if not total.all():
        raise ValueError(f"song {np.argwhere(total == 0)[0][0]} (from 0) has no listeners")
    return p, counts / total[..., None], total


def crps(p, counts):
    r"""CRPS of single ratings, in model space. Lower is better, at least 0.

    .. math:: \Delta\sum_{k<K} \left[(P_k - F_k)^2 + F_k (1 - F_k)\right]

    with P predicted and F the listeners' shares, cumulated, :math:`\Delta = 2/(K-1)`. The second
    part is how far listeners lie apart, whoever predicts. Proper: Gneiting & Raftery (2007).
    """
    p, shares, _ = _check(p, counts)
    ours, theirs = p.cumsum(-1)[..., :-1], shares.cumsum(-1)[..., :-1]
    return ((ours - theirs) ** 2 + theirs * (1 - theirs)).sum(-1) * 2 / (p.shape[-1] - 1)


def best_crps(counts):
    """What the CRPS would be for one who knows what all listeners think: an unbiased estimate.

    Half the mean difference of two listeners of the song: of two different ones, so that the few
    who were asked do not make it too low. (n_songs, n_dimensions); two listeners or more.
    """
    counts = np.asarray(counts, float)
    n = counts.sum(-1)
    if (n <= 1).any():
        raise ValueError(f"song {np.argwhere(n <= 1)[0][0]} (from 0) has fewer than two listeners")
    below = counts.cumsum(-1)[..., :-1] / n[..., None]
    return (below * (1 - below)).sum(-1) * 2 / (counts.shape[-1] - 1) * n / (n - 1)


def log_score(p, counts, least=LEAST):
    """Mean of -log p of the ratings, in nats. Lower is better, at least 0.

    ``least`` of every prediction is replaced by equal probabilities.
    """
    p, shares, _ = _check(p, counts)
    return -(shares * np.log((1 - least) * p + least / p.shape[-1])).sum(-1)


def dawid_sebastiani(mu, sigma, mean, sd):
    r"""Score of a predicted mean and SD by the listeners' moments alone. Lower is better.

    .. math:: 2\log\hat\sigma + \frac{(m - \hat\mu)^2 + s^2}{\hat\sigma^2}

    the average over single ratings, with ``sd`` of ddof=0 the exact one. Least where both moments
    are right; proper for every distribution. Source: Dawid & Sebastiani (1999).
    """
    mu, sigma = np.asarray(mu, float), np.asarray(sigma, float)
    if not (sigma > 0).all():
        raise ValueError(f"a predicted SD is {sigma.min():g}: it must be above 0")
    return 2 * np.log(sigma) + ((mean - mu) ** 2 + np.asarray(sd) ** 2) / sigma**2


def pit_histogram(p, counts, bins=10):
    """Heights of the PIT histogram, (..., n_dimensions, bins): 1 everywhere if calibrated.

    Too narrow predictions give a U, too wide ones a hill. A whole rating k lies anywhere between
    the predicted P(below k) and P(up to k), equally: the version for discrete ratings of Czado,
    Gneiting & Held (2009). All listeners of all songs count alike.
    """
    p, shares, total = _check(p, counts)
    upper = p.cumsum(-1)
    lower, upper = (np.clip(part, 0, 1)[..., None] for part in (upper - p, upper))
    edges = np.linspace(0, 1, bins + 1)
    share = np.clip((edges - lower) / np.maximum(upper - lower, 1e-12), 0, 1)
    weight = shares * total[..., None]
    heights = np.einsum("...ndkb,ndk->...db", np.diff(share, axis=-1), weight)
    return bins * heights / weight.sum((0, 2))[:, None]


def coverage(p, counts, level=0.8):
    """Central interval of whole ratings: observed and promised share inside, and its width.

    From the first level that has (1 - ``level``) / 2 or more at and below it, to the first that has
    the rest. Whole ratings cannot hold just ``level``, so compare observed with promised. Each
    (..., n_songs, n_dimensions); the width in model space, counting both ends.
    """
    p, shares, _ = _check(p, counts)
    upper, tail = p.cumsum(-1), (1 - level) / 2
    first = (upper >= tail - 1e-12).argmax(-1)[..., None]
    last = (upper >= 1 - tail - 1e-12).argmax(-1)[..., None]
    at = np.arange(p.shape[-1])
    inside = (at >= first) & (at <= last)
    width = (last - first + 1)[..., 0] * 2 / (p.shape[-1] - 1)
    return (inside * shares).sum(-1), (inside * p).sum(-1), width
