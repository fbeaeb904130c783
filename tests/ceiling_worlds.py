"""Simulated ratings for the tests of ceilings."""

import numpy as np


def gaussian_ratings(seed=0, n_songs=3000, n_raters=24, spread=0.35):
    """SD of each song's ratings, and the ratings, songs x raters."""
    rng = np.random.default_rng(seed)
    sigma = np.exp(spread * rng.normal(size=n_songs))
    values = rng.normal(size=(n_songs, n_raters)) * sigma[:, None]
    return sigma, values + rng.normal(size=(n_songs, 1))


def normal_odds(n):
    """Noise over song of the SD of n normal ratings, up to a factor: 1 / gamma_n^2 - 1."""
    from scipy.special import gammaln

    gamma = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
    return 1 / gamma**2 - 1
