"""Many simulated songs: one embedding for all lots, truth that large panels find."""

import many_songs
import numpy as np
import pytest


def test_lots_become_one_world():
    songs = many_songs.many_songs(2500, seed=3, n_features=32)
    assert len(songs.song_id) == len(np.unique(songs.song_id)) == 2500
    assert songs.features.shape == (2500, 32) and songs.features.dtype == np.float32
    again = many_songs.many_songs(2500, seed=3, n_features=32)
    np.testing.assert_array_equal(songs.features, again.features)
    # what one half of the songs teaches about the features holds in the other
    x = np.c_[songs.features, np.ones(2500)]
    fit = np.linalg.lstsq(x[:1200], songs.true_mean[:1200], rcond=None)[0]
    assert np.corrcoef((x[1200:] @ fit)[:, 0], songs.true_mean[1200:, 0])[0, 1] > 0.7


def test_large_panels_find_the_truth_and_small_ones_are_unbiased():
    songs = many_songs.some(many_songs.many_songs(400), np.arange(0, 400, 2))
    assert len(songs.song_id) == len(songs.true_sd) == 200
    mean, sd = many_songs.panels(songs, 400, 0)
    np.testing.assert_allclose(mean, (songs.true_mean - 5) / 4, atol=0.1)
    assert np.corrcoef(sd[:, 0], songs.true_sd[:, 0])[0, 1] > 0.9
    variance = np.mean([many_songs.panels(songs, 3, k)[1] ** 2 for k in range(60)])
    assert variance == pytest.approx((songs.true_sd**2).mean() / 16, rel=0.03)
