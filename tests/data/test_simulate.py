"""Simulated songs and raters: the truth is exact, the knob does what it says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mer_utils.data import simulate
from mer_utils.data.rating_distribution import solve_moments
from mer_utils.data.ratings import targets_from_ratings
from mer_utils.data.simulate import draw_ratings, simulate_songs


@cache
def full(disagreement="deam_like", seed=0):
    """All 1,744 songs; only the first column of the embedding, which most tests ignore."""
    return simulate_songs(disagreement, seed=seed, n_features=1)


def linear_r2(columns, target):
    """In-sample R2 of a linear regression, averaged over dimensions."""
    design = np.column_stack([np.ones(len(columns)), columns])
    left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float((1 - left.var(0) / target.var(0)).mean())


# --- truth


@pytest.mark.parametrize("disagreement", simulate.DISAGREEMENT)
def test_truth_is_what_many_raters_say(disagreement):
    songs = simulate_songs(disagreement, n_songs=20, n_features=1)
    _, mean, sd, _ = targets_from_ratings(draw_ratings(songs, n_raters=5000, seed=3))
    assert np.abs(mean - songs.true_mean).max() < 4.5 * songs.true_sd.max() / 5000**0.5
    assert np.abs(sd - songs.true_sd).max() < 0.08


def test_ten_raters_of_the_pool_are_unbiased():
    songs = full()
    ratings = draw_ratings(songs, 10)
    mean = targets_from_ratings(ratings).rating_mean
    unbiased = ratings.groupby("song_id")[["valence", "arousal"]].var(ddof=1).to_numpy()
    assert (mean - songs.true_mean).mean(0) == pytest.approx(0, abs=0.04)
    assert unbiased.mean(0) == pytest.approx((songs.true_sd**2).mean(0), rel=0.03)


def test_truth_depends_on_neither_raters_nor_embedding():
    wide, narrow = simulate_songs(n_songs=50), simulate_songs(n_songs=50, n_features=3)
    assert np.array_equal(wide.true_sd, narrow.true_sd)
    assert wide.features.shape == (50, 1024) and narrow.features.shape == (50, 3)
    assert wide.features.dtype == np.float32


# --- the knob


def test_none_is_independent_of_everything():
    songs = full("none")
    noise = 16 / 1744  # what 16 unrelated columns explain by chance
    assert linear_r2(songs.factors, songs.true_sd) < 2.5 * noise
    assert linear_r2(songs.factors**2, songs.true_sd) < 2.5 * noise
    for j in (0, 1):
        powers = np.vander(songs.true_mean[:, j] - 5, 4)[:, :3]
        assert linear_r2(powers, songs.true_sd[:, [j]]) < 0.01
    like = full("deam_like")
    assert songs.true_sd.std(0) == pytest.approx(like.true_sd.std(0), rel=0.1)
    assert songs.true_sd.mean(0) == pytest.approx(like.true_sd.mean(0), abs=0.03)


def test_limits_of_none_are_the_same_for_every_mean():
    wide = replace(simulate.CONSTANTS, sd_spread=(0.8, 0.8), mean_spread=(3.0, 3.0))
    songs = simulate_songs("none", n_features=1, constants=wide)
    middle = np.abs(songs.true_mean - 5) < 1
    assert songs.true_sd[middle].max() == pytest.approx(songs.true_sd[~middle].max(), abs=1e-6)
    assert songs.true_sd[middle].min() == pytest.approx(songs.true_sd[~middle].min(), abs=1e-6)


def test_none_leaves_nothing_for_the_embedding_to_find():
    songs = simulate_songs("none", n_features=256)
    x = (songs.features - songs.features.mean(0)) / songs.features.std(0)
    half = len(x) // 2
    sd = songs.true_sd - songs.true_sd.mean(0)
    weights = np.linalg.solve(x[:half].T @ x[:half] + 2000 * np.eye(256), x[:half].T @ sd[:half])
    found = (x[half:] @ weights * sd[half:]).mean(0) / sd[half:].std(0)
    assert (np.abs(found) / (x[half:] @ weights).std(0) < 4 / half**0.5).all()


def test_knob_orders_the_share_of_the_factors():
    none, like, planted = (full(knob) for knob in simulate.DISAGREEMENT)
    assert linear_r2(none.factors, none.true_sd) < 0.025
    assert 0.05 < linear_r2(like.factors, like.true_sd) < 0.5
    assert linear_r2(planted.factors, planted.true_sd) > 0.8
    assert (planted.true_sd.std(0) > 2 * like.true_sd.std(0)).all()


def test_knob_changes_only_the_disagreement():
    one, other = simulate_songs("none", 60), simulate_songs("planted", 60)
    for name in ("song_id", "artist", "genre", "features"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.true_mean == pytest.approx(other.true_mean, abs=1e-6)
    assert not np.allclose(one.true_sd, other.true_sd, atol=0.1)


# --- songs and raters


def test_ids_artists_and_genres_look_like_deam():
    songs = full()
    assert len(songs.song_id) == 1744 and (np.diff(songs.song_id) > 0).all()
    assert (songs.song_id <= 1000).sum() == 744
    assert songs.song_id[0] >= 2 and songs.song_id[-1] == 2000
    names, counts = np.unique(songs.artist, return_counts=True)
    assert 2 < counts.mean() < 5 and counts.max() < 100
    assert all(len(set(songs.genre[songs.artist == name])) == 1 for name in names)
    share = np.unique(songs.genre, return_counts=True)[1] / 1744
    assert len(share) == 8 and share.max() > 2 * share.min()
    rock, classical = (songs.true_mean[songs.genre == g, 1].mean() for g in ("Rock", "Classical"))
    assert rock > classical + 0.5


@pytest.mark.parametrize("n_raters", [2, 10, 60, 150])
def test_ratings_are_whole_and_raters_differ_within_a_song(n_raters):
    ratings = draw_ratings(simulate_songs(n_songs=300, n_features=1), n_raters)
    values = ratings[["valence", "arousal"]].to_numpy()
    assert values.dtype.kind == "i" and values.min() >= 1 and values.max() <= 9
    count = ratings.groupby("song_id").size()
    assert len(count) == 300 and count.min() == n_raters and count.max() <= n_raters + 5
    assert (count == n_raters).mean() > 0.95
    assert not ratings.duplicated(["song_id", "rater"]).any()


def test_raters_differ_in_leniency():
    ratings = draw_ratings(full())
    assert ratings.rater.nunique() == 200
    for name in ("valence", "arousal"):
        off = ratings[name] - ratings.groupby("song_id")[name].transform("mean")
        noise = off.std() / (len(off) / 200) ** 0.5  # SD of a rater's mean without leniency
        leniency = off.groupby(ratings.rater).mean().std()
        assert leniency > 1.7 * noise
        assert 0.3 < (leniency**2 - noise**2) ** 0.5 < 0.55


@pytest.mark.parametrize("disagreement", simulate.DISAGREEMENT)
def test_leniency_fits_into_every_song(disagreement):
    songs = full(disagreement)
    assert songs.scale.min() > songs.constants.leniency_sd


def test_leniency_fits_into_the_smallest_sd():
    mean = np.linspace(5 - simulate.CONSTANTS.mean_reach, 5, 200)
    _, scale = solve_moments(mean, simulate.CONSTANTS.sd_floor)
    assert scale.min() > simulate.CONSTANTS.leniency_sd


def test_same_seed_same_ratings_and_another_seed_others():
    songs = simulate_songs(n_songs=40, n_features=1)
    assert draw_ratings(songs, 10, 1).equals(draw_ratings(songs, 10, 1))
    assert not draw_ratings(songs, 10, 1).equals(draw_ratings(songs, 10, 2))
