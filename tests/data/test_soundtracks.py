"""The loader of the soundtrack ratings: real file, and every complaint."""

import pytest

from mer_utils.data.csv_tables import DataError
from mer_utils.data.soundtracks import OFFICIAL, load_soundtracks
from mer_utils.data.soundtracks import soundtracks_root as find_root

HEADER = '"","Track","id","Emotion","Tension","Energy","Valence"\n'


def write(folder, *rows):
    (folder / "raw_ratings.csv").write_text(HEADER + "\n".join(rows) + "\n")
    return folder


def test_the_published_counts(soundtracks_root):
    table = load_soundtracks(soundtracks_root)
    assert list(table) == ["song_id", "rater", "valence", "energy", "tension"]
    found = table["song_id"].nunique(), table["rater"].nunique(), len(table)
    assert found == OFFICIAL
    sizes = table.groupby("song_id").size()
    assert (sizes.min(), sizes.max()) == (49, 67)
    assert table[["valence", "energy", "tension"]].isin(range(1, 10)).all(axis=None)
    assert len(table.attrs["notes"]) == 1  # rows with other scales, and nothing odd


def test_columns_are_not_exchanged_and_other_scales_left_out(tmp_path):
    root = write(tmp_path, '"1",2,1,"Dimensional",7,8,9', '"2",1,1,"Discrete",NA,NA,NA')
    table = load_soundtracks(root)
    assert table.to_dict("records") == [
        {"song_id": 2, "rater": 1, "valence": 9, "energy": 8, "tension": 7}
    ]
    assert "1 rows with other scales" in table.attrs["notes"][0]
    assert "publication" in table.attrs["notes"][1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ('"1",2,1,"Dimensional",7,8,12', "line 3: valence is 12, outside"),
        ('"1",2,1,"Dimensional",7,NA,9', "line 3: energy is 'NA'"),
        ('"1",2,1,"Dimensional",7.5,8,9', "line 3: tension is 7.5, not a whole number"),
        ('"1",1,1,"Dimensional",7,8,9', "line 3: rater 1 rated track 1 before"),
    ],
)
def test_bad_rows_are_named(tmp_path, row, message):
    with pytest.raises(DataError, match=message):
        load_soundtracks(write(tmp_path, '"0",1,1,"Dimensional",1,2,3', row))


def test_no_folder_is_no_error_until_it_is_read(tmp_path, monkeypatch):
    monkeypatch.delenv("SOUNDTRACKS_ROOT", raising=False)
    assert find_root() is None
    with pytest.raises(DataError, match="SOUNDTRACKS_ROOT"):
        load_soundtracks()
    with pytest.raises(DataError, match="no file raw_ratings.csv"):
        find_root(tmp_path)
    with pytest.raises(DataError, match="no row has Emotion"):
        load_soundtracks(write(tmp_path, '"2",1,1,"Discrete",NA,NA,NA'))
