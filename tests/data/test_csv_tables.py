"""Reading CSV files: what is cleaned, and what is a complaint with line and mend."""

import numpy as np
import pytest
from deam_folder import averaged, write

from mer_utils.data.csv_tables import DataError, numbers, read_table, song_ids
from mer_utils.data.deam import AVERAGED, FILES, load_deam


def test_real_headers_with_spaces(deam_root):
    """Trap 1: leading spaces everywhere, an inner one in `valence_ max_mean`."""
    table = read_table(deam_root / (AVERAGED + FILES["2001-2058"]))
    assert table.columns[0] == "song_id" and "valence_max_mean" in table.columns


def test_what_is_cleaned_and_what_is_not(tmp_path):
    path = write(tmp_path / "a.csv", " Song_ID , A,,\n\n 2 ,\t x  y ,,\n3\n")
    table = read_table(path, ["song_id"], aliases={"a": "artist"})
    assert table.index.tolist() == [3, 4] and list(table) == ["song_id", "artist"]
    assert table["artist"].tolist() == ["x y", ""]
    wide = write(tmp_path / "wide.csv", "song_id,a\n2,1,5\n")
    with pytest.raises(DataError, match="line 2: 3 fields under 2 column names"):
        read_table(wide)
    assert read_table(wide, surplus="ignore")["a"].tolist() == ["1"]
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / "none.csv")


def test_numbers_and_ids(tmp_path):
    path = write(tmp_path / "a.csv", "song_id,a\n2,1.5\n2.5,\n2,9\n")
    table, problems = read_table(path), []
    np.testing.assert_array_equal(
        numbers(table, "a", path, problems, high=8, blank="nan"), [1.5, np.nan, 9]
    )
    assert len(problems) == 1 and "line 4: a is 9, outside" in problems[0]
    problems.clear()
    assert song_ids(table, path, problems).tolist() == [2, -1, 2]
    assert len(problems) == 2 and "line 3: song_id is 2.5" in problems[0]
    assert song_ids(table, path, [], unique=False).tolist() == [2, -1, 2]


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
