"""The DEAM loader: the real folder, and small ones of every kind made on purpose."""

import json
from pathlib import Path

import numpy as np
import pytest
from deam_folder import SONGS, averaged, features, raters, write

from mer_utils.data.csv_tables import DataError
from mer_utils.data.deam import load_deam, swap_dimensions


@pytest.fixture
def folder(tmp_path):
    averaged(tmp_path)
    features(tmp_path)
    return tmp_path


# --- the real files ------------------------------------------------------------------------


def test_real_counts_and_moments(deam_root):
    data = load_deam(deam_root)
    assert len(data) == 1744 and data.features.shape == (1744, 130)
    assert data.song_id[0] == 2 and data.song_id[-1] == 2000
    np.testing.assert_allclose(data.rating_mean.mean(0), [4.903, 4.813], atol=5e-4)
    np.testing.assert_allclose(data.rating_sd.mean(0), [1.522, 1.467], atol=5e-4)
    assert np.isfinite(data.features).all() and data.features.dtype == np.float32
    assert any("58 other songs" in note for note in data.notes)
    assert not data.simulated and data.labels == "as_distributed"


def test_real_sd_formula_is_stated(deam_root):
    """Trap 2: the SD divides by n."""
    data = load_deam(deam_root, features=None)
    assert data.ddof == 0 and data.features.shape == (1744, 0)
    assert any(note.startswith("SD is ddof=0") for note in data.notes)


def test_real_corrected_labels(deam_root):
    """Trap 3: exchanged means *and* SDs up to id 1000, everything else as it was."""
    one, two = load_deam(deam_root), load_deam(deam_root, labels="corrected")
    low = one.song_id <= 1000
    assert low.sum() == 744
    np.testing.assert_array_equal(two.rating_mean[low], one.rating_mean[low][:, ::-1])
    np.testing.assert_array_equal(two.rating_sd[low], one.rating_sd[low][:, ::-1])
    np.testing.assert_array_equal(two.rating_mean[~low], one.rating_mean[~low])
    np.testing.assert_array_equal(two.features, one.features)
    assert two.labels == "corrected" and one.fingerprint != two.fingerprint
    assert any("exchanged for 744 songs" in note for note in two.notes)


def test_real_files_are_checksummed(deam_root):
    sums = load_deam(deam_root).checksums
    assert len(sums) == 5 and all(len(value) == 64 for value in sums.values())
    assert all(not Path(name).is_absolute() for name in sums)
    assert "features_song_mean/opensmile_song_means.csv" in sums


def test_real_load_twice_gives_the_same(deam_root):
    assert load_deam(deam_root).fingerprint == load_deam(deam_root).fingerprint


def test_the_58_full_songs(deam_root):
    data = load_deam(deam_root, songs="2001-2058")
    assert len(data) == 58 and data.song_id[0] == 2001
    np.testing.assert_allclose(data.rating_mean[0], [3.2, 6.6])
    assert data.ddof == 0


# --- small folders --------------------------------------------------------------------------


def test_root_from_the_environment(folder, monkeypatch):
    monkeypatch.setenv("DEAM_ROOT", str(folder))
    assert len(load_deam()) == 4
    monkeypatch.delenv("DEAM_ROOT")
    with pytest.raises(
        DataError, match=r"no DEAM folder given: .*-p data PATH, or --data PATH.*DEAM_ROOT"
    ):
        load_deam()


def test_files_in_a_folder_of_their_own(tmp_path):
    averaged(tmp_path / "DEAM_Annotations")
    features(tmp_path)
    assert len(load_deam(tmp_path)) == 4
    averaged(tmp_path / "copy")
    with pytest.raises(DataError, match="more than one"):
        load_deam(tmp_path)


def test_per_rater_file(folder):
    rows = [("w1", 2, 3, 4), ("w2", 2, 4, 5), ("w1", 3, 9, 1), ("w9", 1500, 1, 1)]
    raters(folder, [*rows, ("w2", 3, "", 5)])
    data = load_deam(folder)
    assert data.n_raters.tolist() == [2, 1, 0, 0]
    assert data.ratings.columns.tolist() == ["song_id", "rater", "valence", "arousal"]
    assert set(data.ratings["song_id"]) == {2, 3}
    assert any("1 per-rater lines left out because a rating is empty" in n for n in data.notes)
    assert any("2 songs have no line in the per-rater file" in n for n in data.notes)


@pytest.mark.parametrize("agrees", ["with the file", "with the exchange"])
def test_correction_and_the_per_rater_file(folder, agrees):
    """Raters follow the averaged file: both are exchanged. Else only the averaged file is."""
    rows = []
    for song, valence, _, arousal, _ in SONGS:
        if agrees == "with the exchange" and song <= 1000:
            valence, arousal = arousal, valence
        rows += [("w1", song, valence, arousal), ("w2", song, valence, arousal)]
    raters(folder, rows)
    data = load_deam(folder, labels="corrected")
    by_song = data.ratings.groupby("song_id")[["valence", "arousal"]].mean().to_numpy()
    np.testing.assert_allclose(by_song, data.rating_mean)
    verb = "exchanged too" if agrees == "with the file" else "left as they are"
    assert any(verb in note for note in data.notes)
    plain = load_deam(folder)
    warned = any("other way round" in note for note in plain.notes)
    assert warned == (agrees == "with the exchange")


def test_swap_is_its_own_inverse():
    ids, values = np.array([1, 1000, 1001]), np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(swap_dimensions(ids, values), [[1, 0], [3, 2], [4, 5]])
    np.testing.assert_array_equal(swap_dimensions(ids, swap_dimensions(ids, values)), values)


def test_simulated_folder(folder):
    write(folder / "simulated.json", json.dumps({"name": "x", "seed": 0}))
    header = "song_id,valence_mean,valence_sd,arousal_mean,arousal_sd"
    rows = ["1001,5,1,6,1.5", "2,3,0.9,3,0.7", "3,4,1,4,1", "999,5,1,5,1"]
    write(folder / "truth.csv", "\n".join([header, *rows]))
    data = load_deam(folder)
    assert data.simulated and data.name == "simulated DEAM-like data"
    np.testing.assert_array_equal(data.true_mean[3], [5, 6])
    np.testing.assert_array_equal(data.true_sd[3], [1, 1.5])
    assert {"simulated.json", "truth.csv"} < set(data.checksums)
    with pytest.raises(DataError, match="as_distributed"):
        load_deam(folder, labels="corrected")
    write(folder / "truth.csv", "\n".join([header, *rows[:3]]))
    with pytest.raises(DataError, match=r"truth\.csv: song 999 is missing"):
        load_deam(folder)
    write(folder / "simulated.json", "{")
    with pytest.raises(DataError, match="not JSON"):
        load_deam(folder)


def test_missing_folder_and_files(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        load_deam(tmp_path / "nowhere")
    with pytest.raises(DataError, match="DEAM_Annotations.zip"):
        load_deam(tmp_path)
    averaged(tmp_path)
    with pytest.raises(DataError, match="no features found"):
        load_deam(tmp_path)
    with pytest.raises(DataError, match="no such features file"):
        load_deam(tmp_path, features=tmp_path / "none.npz")


def test_unknown_options(folder):
    with pytest.raises(ValueError, match="as_distributed, corrected"):
        load_deam(folder, labels="correct")
    with pytest.raises(ValueError, match="2001-2058"):
        load_deam(folder, songs="all")


def test_loading_writes_nothing(folder):
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    load_deam(folder)
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
