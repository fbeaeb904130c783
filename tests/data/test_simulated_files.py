"""Simulated data on disk: DEAM's layout, the same bytes, whole or not at all."""

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from mer_utils.data import simulated_files
from mer_utils.data.ratings import targets_from_ratings
from mer_utils.data.simulate import draw_ratings, simulate_songs
from mer_utils.data.simulated_files import simulated_root


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
    _, mean, sd, _ = targets_from_ratings(ratings)
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
    assert marker["version"] == simulated_files.SIMULATOR_VERSION


def test_written_once_and_kept(tmp_path, monkeypatch):
    root = simulated_root(n_songs=20, cache=tmp_path)
    monkeypatch.setattr(simulated_files, "_write", lambda *_: pytest.fail("written twice"))
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

    monkeypatch.setattr(simulated_files, "_write", stop)
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
    code = "import sys, mer_utils.data.simulated_files; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
