"""The shape of a song's ratings: kurtosis and lapses that were put in."""

import numpy as np
import pytest
import sd_noise
from ceiling_worlds import GRID
from moments import pooled_kurtosis, song_moments
from rival_shape import curve_kurtosis, fit_lapses, kurtosis_curve, with_lapses

from mer_utils.data.rating_distribution import rating_probabilities


def song_counts(lapses, seed=0, n_songs=400, n_raters=60):
    rng = np.random.default_rng(seed)
    place = rng.normal(5, 1.4, n_songs).clip(1.5, 8.5)
    p = with_lapses(rating_probabilities(place, rng.uniform(1.2, 1.8, n_songs)), lapses)
    counts = rng.multinomial(n_raters, p)
    return p, np.array([np.repeat(GRID, row) for row in counts])


@pytest.mark.parametrize("lapses", [0.0, 0.02])
def test_lapses_and_kurtosis_are_recovered(lapses):
    p, values = song_counts(lapses)
    moments = song_moments(values)
    assert fit_lapses(moments) == pytest.approx(lapses, abs=0.006)
    _, sd, shape = sd_noise.shape_of(p)
    true = np.average(shape.kurtosis, weights=sd**2)
    assert pooled_kurtosis(moments) == pytest.approx(true, abs=0.15)
    at_home = curve_kurtosis(kurtosis_curve(moments), moments.mean, moments.variance)
    assert at_home == pytest.approx(pooled_kurtosis(moments), abs=1e-6)
