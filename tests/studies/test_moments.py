"""Reliability from all raters of a song at once, beside drawn panels."""

import moments as song
import numpy as np
import pytest
from ceiling_worlds import gaussian_ratings

from mer_utils.ceiling import reliability


def test_the_mean_follows_theory():
    sigma, values = gaussian_ratings()
    found = song.moment_reliability(song.song_moments(values), 8, "mean")[0]
    assert found == pytest.approx(1 / (1 + np.mean(sigma**2) / 8), abs=0.02)


def test_moments_and_panels_agree():
    _, values = gaussian_ratings(seed=2)
    moments = song.song_moments(values)
    assert song.pooled_kurtosis(moments) == pytest.approx(0, abs=0.1)
    for n in (5, 12):
        panels = reliability.draw_panels(values, n, n_draws=20).reliability()
        assert song.moment_reliability(moments, n)[0] == pytest.approx(panels, abs=0.03)


def test_equal_songs_have_no_reliability():
    values = np.random.default_rng(3).normal(size=(2000, 20))
    assert song.moment_reliability(song.song_moments(values), 10)[0] < 0.05


def test_songs_with_few_raters_are_refused():
    with pytest.raises(ValueError, match="5 raters"):
        song.song_moments([[1.0, 2, 3, 4, np.nan]])
