"""Simulated raters for the tests of ceilings and of studies/ceilings."""

import numpy as np
import validation

GRID = np.arange(1.0, 10.0)


def matrix_of(p, n_raters, rng):
    """Ratings of songs with these probabilities, songs x raters."""
    return np.array([np.repeat(GRID, row) for row in rng.multinomial(n_raters, p)])


def world(tails="normal", spread=0.25, n=10, n_songs=3000, seed=0):
    """Mean and SD of panels, true reliability, and the songs' probabilities."""
    rng = np.random.default_rng([seed, n])
    p = validation.song_probabilities(n_songs, tails, spread, rng)
    rho, expected = validation.true_reliability(p, n, rng)
    mean, sd = validation.draw_statistics(p, n, rng)
    return mean.round(2), sd.round(2), rho, expected


def gaussian_ratings(seed=0, n_songs=3000, n_raters=24, spread=0.35):
    """SD of each song's ratings, and the ratings, songs x raters."""
    rng = np.random.default_rng(seed)
    sigma = np.exp(spread * rng.normal(size=n_songs))
    values = rng.normal(size=(n_songs, n_raters)) * sigma[:, None]
    return sigma, values + rng.normal(size=(n_songs, 1))
