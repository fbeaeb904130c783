"""DEAM's tables, read through the loader: the traps of the real files, and bad lines."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from deam_folder import SONGS, averaged, features, official, raters, write
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.data.csv_tables import DataError
from mer_utils.data.deam import load_deam


@pytest.fixture
def folder(tmp_path):
    averaged(tmp_path)
    features(tmp_path)
    return tmp_path


# --- averaged ratings ----------------------------------------------------------------------


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


# --- raters and metadata -------------------------------------------------------------------


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


def test_windows_1252_and_byte_order_mark(folder):
    write(
        folder / "metadata/metadata_2013.csv", 'song_id,artist,Genre\n2,"Touré\t",Rock\n', "cp1252"
    )
    write(folder / "metadata/metadata_2014.csv", "\ufeffsong_id,artist,Genre,,,\n1001,Ø,Pop,,,\n")
    data = load_deam(folder)
    assert data.artist.tolist() == ["Touré", "", "", "Ø"]
    assert any("2 songs have no metadata" in note for note in data.notes)


def test_bad_metadata(folder):
    write(folder / "metadata/metadata_2013.csv", "song_id,artist,Genre\n2,A,Rock\n2,B,Pop\n")
    with pytest.raises(DataError, match=r"metadata_2013\.csv, line 3: song 2 is there twice"):
        load_deam(folder)


# --- official features ---------------------------------------------------------------------


def test_official_features_over_time(tmp_path):
    averaged(tmp_path)
    for song in (2, 3, 999):
        official(tmp_path, song, [(0.0, 10, 1), (14.5, 20, 1), (15.0, 1, song), (15.5, 3, song)])
    official(tmp_path, 1001, [])
    data = load_deam(tmp_path)
    np.testing.assert_allclose(data.features[0, :3], [8.5, 1.5, np.std([10, 20, 1, 3])])
    assert data.feature_source == "openSMILE mean and SD over time"
    assert list(data.checksums)[1] == "features/*.csv"
    assert any("1 songs left out: features not finite (1001)" in note for note in data.notes)


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
