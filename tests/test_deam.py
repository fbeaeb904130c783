"""The DEAM loader: each trap of the real files, and bad folders made on purpose."""

import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.deam import AVERAGED, FILES, PER_RATER, exchange, load_deam
from mer_utils.deam_features import find_features, read_features, split_layer
from mer_utils.store import COLUMNS, TEXT, Store
from mer_utils.tables import DataError, read_table

HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
SONGS = [
    (2, 3.1, 0.94, 3.0, 0.63),
    (3, 3.5, 1.75, 3.3, 1.62),
    (999, 5.0, 1.0, 6.0, 1.2),
    (1001, 7.0, 1.1, 6.4, 1.5),
]


def write(path, text, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def averaged(root, rows=SONGS, header=HEADER):
    lines = [",".join(map(str, row)) for row in rows]
    return write(root / (AVERAGED + FILES["1-2000"]), "\n".join([header, *lines]) + "\n")


def features(root, ids=(2, 3, 999, 1001), values=None):
    values = np.random.default_rng(0).normal(size=(len(ids), 3)) if values is None else values
    path = root / "features_song_mean" / "table.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    frame.insert(0, "song_id", ids)
    frame.to_csv(path, index=False)
    return path


def raters(root, rows, header="workerID, SongId, Valence, Arousal"):
    lines = [", ".join(map(str, row)) for row in rows]
    return write(root / (PER_RATER + FILES["1-2000"]), "\n".join([header, *lines]) + "\n")


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


def test_real_headers_with_spaces(deam_root):
    """Trap 1: leading spaces everywhere, an inner one in `valence_ max_mean`."""
    table = read_table(deam_root / (AVERAGED + FILES["2001-2058"]))
    assert table.columns[0] == "song_id" and "valence_max_mean" in table.columns
    data = load_deam(deam_root, songs="2001-2058")
    assert len(data) == 58 and data.song_id[0] == 2001
    np.testing.assert_allclose(data.rating_mean[0], [3.2, 6.6])
    assert data.ddof == 0


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


def test_real_metadata(deam_root):
    """Column order by year, stray tabs, empty trailing columns, a shifted row, glued titles."""
    data = load_deam(deam_root)
    at = {song: i for i, song in enumerate(data.song_id.tolist())}
    assert data.artist[at[2]] == "The New Mystikal Troubadours" and data.genre[at[2]] == "Blues"
    assert data.artist[at[1001]] == "The Rope River Blues Band"
    assert data.artist[at[736]] == "Kevin MacLeod"  # "Kevin MacLeod-Night on the Docks"
    assert data.artist[at[1459]] == "" and data.genre[at[1459]] == ""  # shifted columns
    assert (data.genre == "Hip-Hop").sum() == 100  # the 2014 songs: 100 per first genre
    assert not any("\t" in name or name != name.strip() for name in data.artist)
    assert any("Touré" in name for name in data.artist)


def test_real_files_are_checksummed(deam_root):
    sums = load_deam(deam_root).checksums
    assert len(sums) == 5 and all(len(value) == 64 for value in sums.values())
    assert all(not Path(name).is_absolute() for name in sums)
    assert "features_song_mean/opensmile_song_means.csv" in sums


def test_real_load_twice_gives_the_same(deam_root):
    assert load_deam(deam_root).fingerprint == load_deam(deam_root).fingerprint


# --- good folders of other kinds -----------------------------------------------------------


def test_root_from_the_environment(folder, monkeypatch):
    monkeypatch.setenv("DEAM_ROOT", str(folder))
    assert len(load_deam()) == 4
    monkeypatch.delenv("DEAM_ROOT")
    with pytest.raises(DataError, match="DEAM_ROOT"):
        load_deam()


def test_files_in_a_folder_of_their_own(tmp_path):
    averaged(tmp_path / "DEAM_Annotations")
    features(tmp_path)
    assert len(load_deam(tmp_path)) == 4
    averaged(tmp_path / "copy")
    with pytest.raises(DataError, match="more than one"):
        load_deam(tmp_path)


def test_windows_1252_and_byte_order_mark(folder):
    write(
        folder / "metadata/metadata_2013.csv", 'song_id,artist,Genre\n2,"Touré\t",Rock\n', "cp1252"
    )
    write(folder / "metadata/metadata_2014.csv", "\ufeffsong_id,artist,Genre,,,\n1001,Ø,Pop,,,\n")
    data = load_deam(folder)
    assert data.artist.tolist() == ["Touré", "", "", "Ø"]
    assert any("2 songs have no metadata" in note for note in data.notes)


@pytest.mark.parametrize("kind", ["csv", "parquet", "npz"])
def test_feature_tables(folder, kind):
    values = np.arange(12.0).reshape(4, 3)
    frame = pd.DataFrame(values, columns=list("abc"))
    frame.insert(0, " Song_ID", [1001, 3, 2, 999])
    path = folder / f"mine.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        np.savez(path, song_id=frame[" Song_ID"], features=values)
    data = load_deam(folder, features=path)
    np.testing.assert_array_equal(data.features, values[[2, 1, 3, 0]])
    assert f"mine.{kind}" in data.checksums


def test_embeddings_come_first(folder):
    (folder / "embeddings").mkdir()
    np.savez(folder / "embeddings/musicfm.npz", song_id=[2, 3], features=np.ones((2, 5)))
    data = load_deam(folder)
    assert data.features.shape == (2, 5) and data.feature_source == "musicfm"
    assert any("2 songs left out: no features (999, 1001)" in note for note in data.notes)
    assert any("5 of 5 feature columns are constant" in note for note in data.notes)
    np.savez(folder / "embeddings/other.npz", song_id=[2], features=np.ones((1, 5)))
    with pytest.raises(DataError, match="say which"):
        load_deam(folder)


def store(folder, songs, failed=()):
    settings = {"encoder": "fake", "layers": ["6", "7"], "n_features": {"6": 3, "7": 2},
                "default_layer": "7"}  # fmt: skip
    with Store(folder, settings) as out:
        for song in songs:
            blank = {k: "" if kind == TEXT else 1 for k, kind in COLUMNS.items()}
            layers = {"layer_6": np.full(3, 6.0), "layer_7": [float(len(song)), 7.0]}
            out.add(blank | {"song_id": song} | layers)
        out.complete([*songs, *failed], failed)
    return folder


def test_a_store_of_mer_embed_is_a_table(folder):
    place = store(folder / "embeddings/musicfm", ["2", "3", "1001"], failed=["999"])
    assert find_features(folder) == place
    data = load_deam(folder)
    assert data.song_id.tolist() == [2, 3, 1001] and data.features.dtype == np.float32
    np.testing.assert_array_equal(data.features, [[1, 7], [1, 7], [4, 7]])
    assert any("1 songs left out: no features (999)" in note for note in data.notes)
    assert data.feature_source == "fake, layer 7, mean over time"
    assert len(data.checksums["embeddings/musicfm/part-*.parquet"]) == 64
    other = load_deam(folder, features=f"{place}:6")
    assert other.features.shape == (3, 3) and "layer 6" in other.feature_source
    assert other.checksums == data.checksums and other.fingerprint != data.fingerprint
    with pytest.raises(DataError, match="no layer '12'; it has 6, 7"):
        load_deam(folder, features=f"{place}:12")
    with pytest.raises(DataError, match="skip_seconds"):
        read_features(place, 15)


def test_a_store_and_a_table_in_embeddings_are_too_many(folder):
    store(folder / "embeddings/one", ["2"])
    np.savez(folder / "embeddings/other.npz", song_id=[2], features=np.ones((1, 5)))
    with pytest.raises(DataError, match="say which"):
        load_deam(folder)


def test_a_store_of_other_music_is_refused(folder):
    place = store(folder / "elsewhere", ["2", "more/3"])
    with pytest.raises(DataError, match="song id 'more/3' is no positive whole number"):
        load_deam(folder, features=place)


def test_a_colon_in_a_path_is_not_a_layer(tmp_path):
    place = store(tmp_path / "a:6", ["2"])
    assert split_layer(place) == (place, None)
    assert split_layer(f"{place}:6") == (place, "6")
    assert split_layer("C:/data/table.csv") == (Path("C:/data/table.csv"), None)


def official(root, song, rows):
    lines = ["frameTime;x;y", *(";".join(map(str, row)) for row in rows)]
    return write(root / "features" / f"{song}.csv", "\n".join(lines) + "\n")


def test_official_features_over_time(tmp_path):
    averaged(tmp_path)
    for song in (2, 3, 999, 1001):
        official(tmp_path, song, [(0.0, 10, 1), (14.5, 20, 1), (15.0, 1, song), (15.5, 3, song)])
    whole = load_deam(tmp_path)
    np.testing.assert_allclose(whole.features[0, :2], [8.5, 1.5])
    late = load_deam(tmp_path, skip_seconds=15)
    np.testing.assert_allclose(late.features[0], [2, 2, 1, 0])  # means, then population SDs
    assert "from 15 s on" in late.feature_source and list(late.checksums)[1] == "features/*.csv"
    assert whole.checksums["features/*.csv"] == late.checksums["features/*.csv"]


def test_skip_seconds_leaves_out_songs_that_end_before(tmp_path):
    averaged(tmp_path)
    for song in (2, 3, 999):
        official(tmp_path, song, [(0.0, 1, 1), (20.0, 2, song)])
    official(tmp_path, 1001, [(0.0, 1, 1)])
    data = load_deam(tmp_path, skip_seconds=15)
    assert data.song_id.tolist() == [2, 3, 999]
    assert any("1 songs left out: features not finite (1001)" in note for note in data.notes)


def test_skip_seconds_needs_features_over_time(folder):
    with pytest.raises(DataError, match="features.zip"):
        load_deam(folder, skip_seconds=15)
    with pytest.raises(DataError, match="already averaged"):
        load_deam(folder, features=folder / "features_song_mean/table.csv", skip_seconds=15)
    with pytest.raises(ValueError, match="skip_seconds"):
        read_features(folder / "features_song_mean/table.csv", -1)


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


def test_exchange_is_its_own_inverse():
    ids, values = np.array([1, 1000, 1001]), np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(exchange(ids, values), [[1, 0], [3, 2], [4, 5]])
    np.testing.assert_array_equal(exchange(ids, exchange(ids, values)), values)


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


# --- bad folders: the message names file, line and mend ------------------------------------


@pytest.mark.parametrize("row, said", [
    ((3, "high", 1.75, 3.3, 1.62), r"line 3: valence_mean is 'high', not a finite number"),
    ((3, "nan", 1.75, 3.3, 1.62), r"line 3: valence_mean is 'nan', not a finite number"),
    ((3, "", 1.75, 3.3, 1.62), r"line 3: valence_mean is empty"),
    ((3, 3.5, "inf", 3.3, 1.62), r"line 3: valence_std is 'inf'"),
    ((3, 3.5, 1.75, 9.1, 1.62), r"line 3: arousal_mean is 9\.1, outside 1 to 9"),
    ((3, 3.5, 1.75, 0.9, 1.62), r"line 3: arousal_mean is 0\.9, outside 1 to 9"),
    ((3, 3.5, -0.1, 3.3, 1.62), r"line 3: valence_std is -0\.1, outside 0"),
    ((3, 1.2, 2.5, 3.3, 1.62), r"line 3: valence_std is 2\.5, but .* cannot spread beyond 1\.4"),
    ((2, 3.5, 1.75, 3.3, 1.62), r"line 3: song 2 is there twice \(first in line 2\)"),
    ((2.5, 3.5, 1.75, 3.3, 1.62), r"line 3: song_id is 2\.5, not a whole number"),
    ((3, "3,5", 1.75, 3.3, 1.62), r"line 3: 6 fields under 5 column names"),
    ((3, 3.5, 1.75), r"line 3: arousal_mean is empty"),
])  # fmt: skip
def test_bad_rating_lines(tmp_path, row, said):
    averaged(tmp_path, [SONGS[0], row])
    features(tmp_path)
    with pytest.raises(DataError, match=said) as caught:
        load_deam(tmp_path)
    assert isinstance(caught.value, ValueError)
    text = str(caught.value)
    assert "static_annotations_averaged_songs_1_2000.csv" in text
    assert any(mend in text for mend in ("correct", "remove", "fill", "keep one", "decimals"))


def test_all_bad_lines_are_listed(tmp_path):
    averaged(tmp_path, [(song, 0, 1, 5, 1) for song in range(1, 9)])
    with pytest.raises(DataError, match="and 3 more") as caught:
        load_deam(tmp_path, features=None)
    assert len(caught.value.problems) == 8


def test_rounded_extremes_are_possible(tmp_path):
    """Nine raters say 1 and one says 9: mean 1.8, SD 2.4, on the bound."""
    averaged(tmp_path, [(2, 1.8, 2.4, 5, 4), (3, 1, 0, 9, 0), (4, 1.0, 0.3, 5, 0)])
    assert len(load_deam(tmp_path, features=None)) == 3


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=2, max_size=12), min_size=1, max_size=8),
    st.sampled_from([1, 2, 6]),
)
def test_the_loader_accepts_whatever_raters_can_say(songs, decimals):
    """No set of ratings from 1 to 9 makes a mean and an SD that the checks refuse."""
    means, sds = ([round(float(f(song)), decimals) for song in songs] for f in (np.mean, np.std))
    with tempfile.TemporaryDirectory() as name:
        rows = [(i, m, s, m, s) for i, (m, s) in enumerate(zip(means, sds, strict=True), start=1)]
        averaged(Path(name), rows)
        data = load_deam(name, features=None)
    np.testing.assert_array_equal(data.rating_mean, np.stack([means, means], 1))
    np.testing.assert_array_equal(data.rating_sd, np.stack([sds, sds], 1))


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


@pytest.mark.parametrize("header", [
    "song_id, valence, valence_std, arousal_mean, arousal_std",
    "song_id, valence_mean, valence_mean, valence_std, arousal_mean, arousal_std",
])  # fmt: skip
def test_wrong_columns(tmp_path, header):
    averaged(tmp_path, [], header)
    with pytest.raises(DataError, match=r"line 1: the header has .* 'valence_mean'"):
        load_deam(tmp_path)


def test_empty_files(tmp_path):
    averaged(tmp_path, [])
    with pytest.raises(DataError, match="no song"):
        load_deam(tmp_path)
    write(tmp_path / (AVERAGED + FILES["1-2000"]), "\n")
    with pytest.raises(DataError, match="empty"):
        load_deam(tmp_path)


def test_unknown_options(folder):
    with pytest.raises(ValueError, match="as_distributed, corrected"):
        load_deam(folder, labels="correct")
    with pytest.raises(ValueError, match="2001-2058"):
        load_deam(folder, songs="all")


def test_features_of_other_songs_only(tmp_path):
    averaged(tmp_path)
    features(tmp_path, ids=(5, 6))
    with pytest.raises(DataError, match="none of its 2 songs is among the 4 rated"):
        load_deam(tmp_path)


def test_non_finite_features_are_left_out_and_counted(tmp_path):
    averaged(tmp_path)
    values = np.ones((5, 3)) * np.arange(5)[:, None]
    values[1, 2], values[2, 0] = np.nan, np.inf
    features(tmp_path, (2, 3, 999, 1001, 7), values)
    data = load_deam(tmp_path)
    assert data.song_id.tolist() == [2, 1001]
    assert any("2 songs left out: features not finite (3, 999)" in note for note in data.notes)
    assert any("Features of 1 other songs not used (7)" in note for note in data.notes)


@pytest.mark.parametrize("text, said", [
    ("song_id,a\n2,1\n3,loud\n", r"line 3: 'a' is 'loud', not a number"),
    ("song_id,a\n2,1\n2,2\n", "song 2 is there more than once"),
    ("song_id,a\n2,1\nx,2\n", r"song_id is 'x'"),
    ("song,a\n2,1\n", "needs one column 'song_id'"),
    ("song_id\n2\n", "no feature columns"),
    ("", "cannot be read"),
])  # fmt: skip
def test_bad_feature_tables(tmp_path, text, said):
    averaged(tmp_path)
    path = write(tmp_path / "features_song_mean/table.csv", text)
    with pytest.raises(DataError, match=said) as caught:
        load_deam(tmp_path)
    assert path.name in str(caught.value)


def test_bad_npz(folder):
    for name, arrays in {
        "names": {"ids": [2], "features": np.ones((1, 2))},
        "shape": {"song_id": [2, 3], "features": np.ones((1, 2))},
        "text": {"song_id": [2], "features": np.array([["a"]])},
        "object": {"song_id": [2], "features": np.array([[None]])},
    }.items():
        np.savez(folder / f"{name}.npz", **arrays)
        with pytest.raises(DataError, match=f"{name}.npz"):
            load_deam(folder, features=folder / f"{name}.npz")
    write(folder / "broken.npz", "PK no")
    with pytest.raises(DataError, match="broken.npz"):
        load_deam(folder, features=folder / "broken.npz")


@pytest.mark.parametrize("rows, said", [
    ([(0.0, 1, "x")], r"3\.csv, line 2: 'y' is 'x', not a number"),
    ([(0.0, 1, 2), (0.5, 1)], r"3\.csv, line 3: 2 fields, expected 3"),
])  # fmt: skip
def test_bad_official_features(tmp_path, rows, said):
    averaged(tmp_path)
    official(tmp_path, 2, [(0.0, 1, 2)])
    official(tmp_path, 3, rows)
    with pytest.raises(DataError, match=said):
        load_deam(tmp_path)
    write(tmp_path / "features/3.csv", "frameTime,x,y\n0,1,2\n")
    with pytest.raises(DataError, match="line 1: the first column"):
        load_deam(tmp_path)


@pytest.mark.parametrize("row, said", [
    (("w1", 2, 10, 5), r"line 2: valence is 10, outside 1 to 9"),
    (("w1", 2, 5, "high"), r"line 2: arousal is 'high'"),
    (("w1", "song", 5, 5), r"line 2: song_id is 'song'"),
])  # fmt: skip
def test_bad_per_rater_lines(folder, row, said):
    raters(folder, [row])
    with pytest.raises(DataError, match=said) as caught:
        load_deam(folder)
    assert "static_annotations_songs_1_2000.csv" in str(caught.value)


def test_bad_metadata(folder):
    write(folder / "metadata/metadata_2013.csv", "song_id,artist,Genre\n2,A,Rock\n2,B,Pop\n")
    with pytest.raises(DataError, match=r"metadata_2013\.csv, line 3: song 2 is there twice"):
        load_deam(folder)


def test_loading_writes_nothing(folder):
    before = sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*"))
    load_deam(folder)
    assert sorted((p, p.stat().st_mtime_ns) for p in folder.rglob("*")) == before
