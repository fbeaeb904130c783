"""Features per song: tables, stores, the official folder, and what cannot be used."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from deam_folder import averaged, features, official, write

from mer_utils.data.csv_tables import DataError
from mer_utils.data.deam import load_deam
from mer_utils.data.features import find_features, official_features, split_layer
from mer_utils.embed.store_writer import COLUMNS, TEXT, Store


@pytest.fixture
def folder(tmp_path):
    averaged(tmp_path)
    features(tmp_path)
    return tmp_path


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


def test_official_features_come_last(tmp_path):
    assert official_features(tmp_path) is None
    official(tmp_path / "features", 2, [(0.0, 1, 1)])  # unpacked into a folder of their own
    assert official_features(tmp_path) == tmp_path / "features/features"
    assert find_features(tmp_path) == tmp_path / "features/features"
    path = features(tmp_path)
    assert find_features(tmp_path) == path and official_features(tmp_path) is not None


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
    ("song_id,a\n2,1\n2,2\n", "2 is there more than once"),
    ("song_id,a\n2,1\nx,2\n", r"song_id is 'x'"),
    ("song,a\n2,1\n", "needs one column 'song_id'"),
    ("song_id\n2\n", "no feature columns"),
    ("song_id,a\n", "no lines below the header; add them"),
    ("song_id,a,b\n2,1,\n3,2,\n", "every line has a feature that is no finite number"),
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
