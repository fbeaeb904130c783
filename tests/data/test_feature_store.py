"""Reading an embedding store: sorted songs, one layer, and what is refused."""

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from small_store import COLUMNS, SETTINGS, Store, fill, row

from mer_utils.data.csv_tables import DataError
from mer_utils.data.feature_store import is_store, parts, read_settings, read_store


def test_what_is_written_can_be_read_by_us_and_by_pandas(tmp_path):
    folder = fill(tmp_path / "store")
    ids, features, source = read_store(folder)
    assert ids.tolist() == ["x", "y", "z"] and features.dtype == np.float32
    np.testing.assert_array_equal(features, [[0, 0], [1, -1], [2, -2]])
    assert "fake" in source and "layer b" in source
    assert read_store(folder, "a")[1].shape == (3, 3)
    frame = pd.read_parquet(folder)
    assert list(frame.columns) == [*COLUMNS, "layer_a", "layer_b"]
    np.testing.assert_array_equal(np.stack(frame["layer_b"]), features)
    assert not list((folder / "_pending").iterdir())


def test_songs_of_all_parts_come_sorted(tmp_path):
    folder = tmp_path / "store"
    for songs in (["9", "1"], ["5"], ["0", "7"]):
        with Store(folder, SETTINGS) as store:
            for song in songs:
                store.add(row(song, int(song)))
            store.complete(songs)
    ids, features, _ = read_store(folder)
    assert len(parts(folder)) == 3
    assert ids.tolist() == ["0", "1", "5", "7", "9"]
    np.testing.assert_array_equal(features[:, 0], [0, 1, 5, 7, 9])


def test_a_layer_that_is_not_there_and_an_empty_store_are_refused(tmp_path):
    folder = fill(tmp_path / "store")
    with pytest.raises(DataError, match="no layer 'c'; it has a, b"):
        read_store(folder, "c")
    with Store(tmp_path / "empty", SETTINGS):
        pass
    with pytest.raises(DataError, match="no song in it yet"):
        read_store(tmp_path / "empty")
    with pytest.raises(DataError, match="choose a store"):
        read_store(tmp_path)


def test_only_the_wanted_column_is_read(tmp_path, monkeypatch):
    folder, asked, read = fill(tmp_path / "store"), [], pq.read_table

    def spy(*arguments, columns, **options):
        asked.append(columns)
        return read(*arguments, columns=columns, **options)

    monkeypatch.setattr(pq, "read_table", spy)
    read_store(folder, "a")
    assert asked == [["song_id"], ["layer_a"]]


def test_a_broken_part_is_named(tmp_path):
    folder = fill(tmp_path / "store")
    assert is_store(folder) and read_settings(folder) == SETTINGS
    parts(folder)[0].write_bytes(b"PAR1")
    with pytest.raises(DataError, match="a part cannot be read"):
        read_store(folder)
