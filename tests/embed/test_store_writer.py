"""The store: whole or not at all, one writer, one setting, the same bytes each time."""

import json

import pandas as pd
import pytest
from small_store import SETTINGS, Store, fill, row

from mer_utils.data.csv_tables import DataError
from mer_utils.data.feature_store import is_store, read_store


def parts(folder):
    return {p.name: p.read_bytes() for p in folder.glob("part-*")}


def test_only_one_run_writes(tmp_path):
    with Store(tmp_path / "store", SETTINGS):
        with pytest.raises(DataError, match="another run is writing"):
            with Store(tmp_path / "store", SETTINGS):
                pass
    fill(tmp_path / "store")


def test_other_settings_are_refused_and_named(tmp_path):
    before = parts(fill(tmp_path / "store"))
    other = SETTINGS | {"checkpoint_sha256": "cd", "layers": ["a"]}
    with pytest.raises(DataError) as error:
        with Store(tmp_path / "store", other):
            pass
    text = str(error.value)
    assert "checkpoint_sha256 'ab', now 'cd'" in text and "layers" in text and "another OUT" in text
    assert "seconds" not in text
    assert parts(tmp_path / "store") == before


def test_a_folder_that_is_no_store_is_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    with pytest.raises(DataError, match="no embedding store"):
        Store(tmp_path, SETTINGS)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"] and not is_store(tmp_path)


def test_the_bytes_do_not_depend_on_the_order_of_arrival(tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    for folder, order in ((one, "xyz"), (two, "zxy")):
        for song in order:  # a run for each song: each is killed before the group is complete
            with Store(folder, SETTINGS) as store:
                assert song not in store.pending
                store.add(row(song, ord(song)))
        with Store(folder, SETTINGS) as store:
            store.complete(list("zyx"))
    assert parts(one) == parts(two) and len(parts(one)) == 1


def test_a_kill_between_part_and_clean_up_leaves_nothing_twice(tmp_path, monkeypatch):
    def die(*_, **__):
        raise RuntimeError("killed")

    folder = tmp_path / "store"
    with Store(folder, SETTINGS) as store:
        for song in "xyz":
            store.add(row(song))
        with monkeypatch.context() as patched, pytest.raises(RuntimeError):
            patched.setattr("pathlib.Path.unlink", die)
            store.complete(list("xyz"))
    assert len(parts(folder)) == 1 and len(list((folder / "_pending").glob("*.arrow"))) == 3
    assert read_store(folder)[0].tolist() == ["x", "y", "z"]
    with Store(folder, SETTINGS) as store:
        assert store.size_of == {"x": 7, "y": 7, "z": 7} and not store.pending
    assert not list((folder / "_pending").iterdir())


def test_half_written_files_are_cleared_away(tmp_path):
    with Store(tmp_path / "store", SETTINGS) as store:
        store.add(row("x"))
    pending = tmp_path / "store/_pending"
    (pending / "broken.arrow").write_bytes(b"PAR1")
    (pending / "_half.arrow.tmp").write_bytes(b"PAR1")
    with Store(tmp_path / "store", SETTINGS) as store:
        assert store.pending == {"x": 7} and not store.size_of
    assert len(list(pending.iterdir())) == 1


def test_the_songs_of_a_group_that_failed_are_remembered(tmp_path):
    folder = fill(tmp_path / "store", failed=("y",))
    with Store(folder, SETTINGS) as store:
        assert store.failed == {"y"} and store.size_of.keys() == {"x", "z"}
        store.add(row("y"))
        store.complete(["y"])
    with Store(folder, SETTINGS) as store:
        assert not store.failed
    assert read_store(folder)[0].tolist() == ["x", "y", "z"]


def test_failures_are_a_table(tmp_path):
    with Store(tmp_path / "store", SETTINGS) as store:
        store.write_failures([("b", "b.mp3", 'a, "quoted" reason'), ("ä", "ä.mp3", "other")])
    frame = pd.read_csv(tmp_path / "store/_failures.csv")
    assert frame["reason"].tolist() == ['a, "quoted" reason', "other"]
    assert frame["song_id"].tolist() == ["b", "ä"]


def test_settings_are_plain_json(tmp_path):
    folder = fill(tmp_path / "store")
    assert json.loads((folder / "_settings.json").read_text()) == SETTINGS
