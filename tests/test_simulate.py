"""The simulator: its truth is exact, its data look like DEAM, its knob does what it says."""

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_utils import simulate
from mer_utils.rating_distribution import (
    largest_sd,
    rating_moments,
    rating_probabilities,
    solve_moments,
)
from mer_utils.simulate import draw_ratings, simulate_songs, simulated_root
from mer_utils.tune_simulator import (
    LEARNED,
    TARGETS,
    head_r2,
    observed_moments,
    sd_ridge_r2,
    statistics,
)


@cache
def full(disagreement="deam_like", seed=0):
    """All 1,744 songs; only the first column of the embedding, which most tests ignore."""
    return simulate_songs(disagreement, seed=seed, n_features=1)


def linear_r2(columns, target):
    """In-sample R2 of a linear regression, averaged over dimensions."""
    design = np.column_stack([np.ones(len(columns)), columns])
    left = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float((1 - left.var(0) / target.var(0)).mean())


# --- one rating's distribution


def test_probabilities_of_a_narrow_and_a_wide_normal():
    assert rating_probabilities(3.0, 1e-3) == pytest.approx(np.eye(9)[2])
    assert rating_probabilities(5.0, 1e9) == pytest.approx(
        [0.5, 0, 0, 0, 0, 0, 0, 0, 0.5], abs=1e-6
    )
    loc, scale = np.array([[-4.0, 5.2], [14.0, 8.9]]), np.array([[0.7, 2.0], [1.0, 5.0]])
    p = rating_probabilities(loc, scale)
    assert p.shape == (2, 2, 9)
    assert p.sum(-1) == pytest.approx(1)
    assert (p >= 0).all()


def test_moments_agree_with_brute_force():
    draws = np.random.default_rng(0).normal(6.3, 2.1, 400_000)
    ratings = np.clip(np.rint(draws), 1, 9)
    mean, sd = rating_moments(6.3, 2.1)
    assert mean == pytest.approx(ratings.mean(), abs=0.015)
    assert sd == pytest.approx(ratings.std(), abs=0.01)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(1.01, 8.99), st.floats(0.02, 0.98)), min_size=1, max_size=6))
def test_solver_meets_every_feasible_pair(pairs):
    mean, place = np.array(pairs).T
    fraction = mean % 1
    lowest = np.sqrt(fraction * (1 - fraction))
    sd = lowest + place * (largest_sd(mean) - lowest)
    got = rating_moments(*solve_moments(mean, sd))
    assert np.abs(got[0] - mean).max() < 1e-6
    assert np.abs(got[1] - sd).max() < 1e-6


def test_solver_is_symmetric_about_the_middle():
    loc, scale = solve_moments([5.0, 3.2, 6.8], [1.6, 1.4, 1.4])
    assert loc[0] == pytest.approx(5)
    assert loc[1] - 5 == pytest.approx(5 - loc[2])
    assert scale[1] == pytest.approx(scale[2])


@pytest.mark.parametrize(
    "mean, sd",
    [(5, 4.0), (5, 4.1), (2, 2.7), (5.5, 0.5), (5.5, 0.3), (3, 0), (1, 0.5), (9.2, 1)]
    + [(np.nan, 1), (5, np.nan), (5, -1)],
)
def test_solver_refuses_what_no_ratings_can_have(mean, sd):
    with pytest.raises(
        ValueError, match=r"no rating on 1..9 has mean .*\(1 such pairs, the first at \(1,\)\)"
    ):
        solve_moments([4.0, mean], [1.5, sd])


# --- calibration against DEAM


@pytest.mark.parametrize("seed", range(5))
def test_default_data_meet_the_targets(seed):
    got = statistics(*observed_moments(draw_ratings(full(seed=seed), seed=seed)))
    for name, (target, tolerance) in TARGETS.items():
        if name not in LEARNED:
            assert abs(got[name] - target) <= tolerance, (name, got[name])


def test_default_data_meet_the_targets_of_fitted_models():
    songs = simulate_songs()
    mean, sd = observed_moments(draw_ratings(songs))
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


# --- truth


@pytest.mark.parametrize("disagreement", simulate.DISAGREEMENT)
def test_truth_is_what_many_raters_say(disagreement):
    songs = simulate_songs(disagreement, n_songs=20, n_features=1)
    mean, sd = observed_moments(draw_ratings(songs, n_raters=5000, seed=3))
    assert np.abs(mean - songs.true_mean).max() < 4.5 * songs.true_sd.max() / 5000**0.5
    assert np.abs(sd - songs.true_sd).max() < 0.08


def test_ten_raters_of_the_pool_are_unbiased():
    songs = full()
    ratings = draw_ratings(songs, 10)
    mean, _ = observed_moments(ratings)
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


def test_planted_signal_is_found_from_ten_raters():
    songs = simulate_songs("planted", n_features=256)
    mean, sd = observed_moments(draw_ratings(songs))
    assert sd_ridge_r2(songs.features, mean, sd) > 0.4


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


# --- files


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def test_same_parameters_same_bytes(tmp_path):
    one = simulated_root(n_songs=40, cache=tmp_path / "a")
    other = simulated_root(n_songs=40, cache=tmp_path / "b")
    assert one.name == other.name and contents(one) == contents(other)
    changed = simulated_root(n_songs=40, seed=1, cache=tmp_path / "a")
    assert changed != one and contents(changed)["truth.csv"] != contents(one)["truth.csv"]


def test_more_raters_rate_the_same_songs(tmp_path):
    ten, sixty = (simulated_root(n_songs=40, n_raters=n, cache=tmp_path) for n in (10, 60))
    assert ten != sixty
    for name in ("truth.csv", "embeddings/simulated.npz", "metadata/metadata_2013.csv"):
        assert (ten / name).read_bytes() == (sixty / name).read_bytes()


def test_files_are_in_the_layout_of_deam(tmp_path):
    root = simulated_root(n_songs=60, seed=4, cache=tmp_path)
    songs = simulate_songs(n_songs=60, seed=4)
    ratings = draw_ratings(songs, seed=4)
    averaged, per_rater = (
        (root / "annotations" / name).read_text().splitlines()
        for name in (
            "annotations averaged per song/song_level/static_annotations_averaged_songs_1_2000.csv",
            "annotations per each rater/song_level/static_annotations_songs_1_2000.csv",
        )
    )
    assert averaged[0] == "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
    numbers = np.array([line.split(",") for line in averaged[1:]], dtype=float)
    mean, sd = observed_moments(ratings)
    assert np.array_equal(numbers[:, 0], songs.song_id)
    assert np.abs(numbers[:, [1, 3]] - mean).max() <= 0.0051
    assert np.abs(numbers[:, [2, 4]] - sd).max() <= 0.0051
    assert all(
        len(x.split(".")[-1]) <= 2 for line in averaged[1:] for x in line.split(",")[1:] if "." in x
    )

    assert per_rater[0] == "workerID, SongId, Valence, Arousal"
    assert per_rater[1].count(", ") == 3 and len(per_rater) == len(ratings) + 1

    for year, low, high in ((2013, 2, 1000), (2014, 1001, 2000)):
        with open(root / f"metadata/metadata_{year}.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        inside = (songs.song_id >= low) & (songs.song_id <= high)
        assert [int(r["song_id"]) for r in rows] == songs.song_id[inside].tolist()
        assert [r["artist"].strip() for r in rows] == songs.artist[inside].tolist()
        assert [r["Genre"].strip() for r in rows] == songs.genre[inside].tolist()

    with np.load(root / "embeddings/simulated.npz", allow_pickle=False) as arrays:
        assert np.array_equal(arrays["song_id"], songs.song_id)
        assert np.array_equal(arrays["features"], songs.features)
    truth = np.loadtxt(root / "truth.csv", delimiter=",", skiprows=1)
    assert np.array_equal(truth[:, [1, 3]], songs.true_mean)
    assert np.array_equal(truth[:, [2, 4]], songs.true_sd)
    marker = json.loads((root / "simulated.json").read_text())
    assert marker["name"] == "simulated DEAM-like data" and marker["n_songs"] == 60
    assert marker["version"] == simulate.SIMULATOR_VERSION


def test_written_once_and_kept(tmp_path, monkeypatch):
    root = simulated_root(n_songs=20, cache=tmp_path)
    monkeypatch.setattr(simulate, "_write", lambda *_: pytest.fail("written twice"))
    assert simulated_root(n_songs=20, cache=tmp_path) == root
    assert root.parent == tmp_path / "simulated"


def test_two_at_once_are_safe(tmp_path):
    with ThreadPoolExecutor(4) as pool:
        roots = list(pool.map(lambda _: simulated_root(n_songs=100, cache=tmp_path), range(4)))
    assert len(set(roots)) == 1
    assert os.listdir(tmp_path / "simulated") == [roots[0].name]


def test_interruption_leaves_nothing_behind(tmp_path, monkeypatch):
    def stop(root, songs, ratings):
        (root / "half").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(simulate, "_write", stop)
    with pytest.raises(KeyboardInterrupt):
        simulated_root(n_songs=20, cache=tmp_path)
    assert os.listdir(tmp_path / "simulated") == []


def test_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="cannot write simulated data .* set MER_CACHE"):
        simulated_root(n_songs=20, cache=tmp_path / "file")


@pytest.mark.parametrize(
    "bad, says",
    [
        ({"disagreement": "plantd"}, "did you mean 'planted'"),
        ({"disagreement": None}, "is not one of none, deam_like, planted"),
        ({"n_songs": 19}, "n_songs=19: give a whole number from 20 to 1744"),
        ({"n_songs": 2000}, "n_songs=2000"),
        ({"n_songs": 100.0}, "n_songs=100.0"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": "seven"}, "seed='seven'"),
        ({"n_raters": 1}, "n_raters=1"),
        ({"n_raters": True}, "n_raters=True"),
        ({"n_features": 0}, "n_features=0"),
    ],
)
def test_bad_arguments_are_refused(tmp_path, bad, says):
    with pytest.raises(ValueError, match=says):
        simulated_root(cache=tmp_path, **bad)
    assert os.listdir(tmp_path) == []


def test_simulator_needs_no_torch():
    code = "import sys, mer_utils.simulate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
