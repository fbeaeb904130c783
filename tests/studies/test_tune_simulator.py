"""The simulator's data look like DEAM: every target is met."""

import numpy as np
import pytest
from tune_simulator import LEARNED, TARGETS, head_r2, sd_ridge_r2, statistics

from mer_utils.data.ratings import targets_from_ratings
from mer_utils.data.simulate import draw_ratings, simulate_songs


def moments(songs, seed=0):
    """Mean and SD of ten raters per song, each (n_songs, 2)."""
    return targets_from_ratings(draw_ratings(songs, seed=seed))[1:3]


@pytest.mark.parametrize("seed", range(5))
def test_default_data_meet_the_targets(seed):
    got = statistics(*moments(simulate_songs(seed=seed, n_features=1), seed))
    for name, (target, tolerance) in TARGETS.items():
        if name not in LEARNED:
            assert abs(got[name] - target) <= tolerance, (name, got[name])


def test_default_data_meet_the_targets_of_fitted_models():
    songs = simulate_songs()
    mean, sd = moments(songs)
    got = head_r2(songs.features, mean, sd)[0].mean(), sd_ridge_r2(songs.features, mean, sd)
    for name, value in zip(LEARNED, got, strict=True):
        target, tolerance = TARGETS[name]
        assert abs(value - target) <= tolerance, (name, value)


def test_targets_are_those_of_the_real_file(deam_root):
    folder = deam_root / "annotations/annotations averaged per song/song_level"
    table = np.genfromtxt(folder / "static_annotations_averaged_songs_1_2000.csv", delimiter=",")
    got = statistics(table[1:, [1, 3]], table[1:, [2, 4]])
    for name in TARGETS:
        if name not in LEARNED:
            assert got[name] == pytest.approx(TARGETS[name][0], abs=0.006), name


def test_planted_signal_is_found_from_ten_raters():
    songs = simulate_songs("planted", n_features=256)
    mean, sd = moments(songs)
    assert sd_ridge_r2(songs.features, mean, sd) > 0.4
