"""Folders of own ratings: what is read, what is left out and counted, what is refused."""

import shutil

import numpy as np
import pandas as pd
import pytest
from own_folder import PICTURES, VOICES, pictures, voices
from small_store import fill

from mer_utils.data.csv_tables import DataError
from mer_utils.data.load import load
from mer_utils.data.own_ratings import load_own
from mer_utils.data.simulated_files import simulated_root


def test_single_ratings_become_means_and_sds(tmp_path):
    ratings = voices(tmp_path)
    data = load_own(tmp_path)
    by_item = ratings.groupby("item")["quality"]
    assert data.song_id.tolist() == sorted(set(ratings["item"]))
    np.testing.assert_allclose(data.rating_mean[:, 0], by_item.mean())
    np.testing.assert_allclose(data.rating_sd[:, 0], by_item.std(ddof=0))
    assert (data.scale, data.dimensions, data.ddof) == ((1, 5), ("quality",), 0)
    assert data.unit == "1-5 scale" and data.feature_source == "features" and data.notes == ()
    assert set(data.n_raters) == {8} and len(data.ratings) == 480 and not data.simulated
    assert set(data.checksums) == {"dataset.toml", "ratings.csv", "features.csv"}
    features = pd.read_csv(tmp_path / "features.csv", index_col="item").sort_index()
    np.testing.assert_allclose(data.features, features, rtol=1e-6)
    np.testing.assert_allclose(data.mean, (data.rating_mean - 3) / 2)
    voices(tmp_path, toml=VOICES + "ddof = 1\n")
    np.testing.assert_allclose(load_own(tmp_path).rating_sd[:, 0], by_item.std(ddof=1))


def test_means_and_sds_are_taken_as_they_are(tmp_path):
    table = pictures(tmp_path).set_index("item").sort_index()
    data = load_own(tmp_path)
    assert data.dimensions == ("Beauty", "interest") and data.ratings is None
    np.testing.assert_array_equal(data.rating_mean, table[["beauty_mean", "interest_mean"]])
    np.testing.assert_array_equal(data.rating_sd, table[["beauty_sd", "interest_sd"]])
    assert data.ddof == 1 and set(data.n_raters) == {20} and len(set(data.artist)) == 20
    assert set(data.genre) == {""} and "items.csv" in data.checksums
    frame = pd.read_csv(tmp_path / "moments.csv").drop(columns="n")
    frame.columns = [name.replace("_sd", " _STD") for name in frame]
    frame.to_csv(tmp_path / "moments.csv", index=False)
    again = load_own(tmp_path, features=None)
    assert again.n_raters is None and again.features.shape == (80, 0)
    np.testing.assert_array_equal(again.rating_sd, data.rating_sd)


@pytest.mark.parametrize("ddof", [0, 1])
def test_the_sd_formula_is_inferred_where_the_file_does_not_say(tmp_path, ddof):
    by_item = voices(tmp_path).groupby("item")["quality"]
    (tmp_path / "ratings.csv").unlink()
    table = pd.DataFrame(
        {"n": 8, "quality_mean": by_item.mean(), "quality_sd": by_item.std(ddof=ddof)}
    )
    table.round(2).to_csv(tmp_path / "moments.csv")
    data = load_own(tmp_path)
    assert data.ddof == ddof and data.notes[0].startswith(f"SD is ddof={ddof}")
    table.assign(quality_sd=table["quality_sd"] ** 2).round(3).to_csv(tmp_path / "moments.csv")
    with pytest.raises(DataError, match="moments.csv: .*they look like variances; give SDs"):
        load_own(tmp_path)


def test_what_is_left_out_is_counted(tmp_path):
    ratings = voices(tmp_path, n_items=20)
    ratings["quality"] = ratings["quality"].astype(object)
    ratings.loc[ratings["item"].eq("v000") & ratings["rater"].ne("r1"), "quality"] = ""
    ratings.loc[ratings["item"].eq("v001") & ratings["rater"].eq("r1"), "quality"] = " "
    ratings.to_csv(tmp_path / "ratings.csv", index=False)
    features = pd.read_csv(tmp_path / "features.csv", index_col="item").rename({"v002": "other"})
    features.loc["v003", "a"] = np.inf
    features.to_csv(tmp_path / "features.csv")
    (tmp_path / "items.csv").write_text("item,group\nv004,g\nv005,g\n")
    data = load_own(tmp_path)
    assert len(data) == 17 == len(set(data.ratings["song_id"])) and data.n_raters.min() == 7
    for note in (
        "8 lines of ratings.csv left out: a rating is empty.",
        "1 items left out: fewer than 2 raters (v000).",
        "1 items left out: features not finite (v003).",
        "1 items left out: no features (v002).",
        "Features of 2 other items not used (other, v000).",
        "15 items are not in items.csv (v001, v006, v007, v008, v009, ...).",
    ):
        assert note in data.notes
    assert len(data.notes) == 6


def test_items_of_one_rater_are_left_out_of_moments_too(tmp_path):
    table = pictures(tmp_path)
    table.loc[3, ["n", "beauty_sd", "interest_sd"]] = [1, np.nan, np.nan]
    table.to_csv(tmp_path / "moments.csv", index=False)
    data = load_own(tmp_path)
    assert len(data) == 79 and "1 items left out: fewer than 2 raters (p3)." in data.notes
    table.assign(n=1).to_csv(tmp_path / "moments.csv", index=False)
    with pytest.raises(DataError, match="no item is left: all 80 have fewer than 2 raters"):
        load_own(tmp_path)


@pytest.mark.parametrize("line, said", [
    ("v000,r1,3", r"line 482: v000 by r1 is there twice \(first in line \d+\); keep one"),
    ("v000,new,6", "line 482: quality is 6, outside 1 to 5; correct"),
    ("v000,new,loud", "line 482: quality is 'loud', not a finite number; correct"),
    ("v000,,3", "line 482: rater is empty; fill it in or remove the line"),
    (",new,3", "line 482: item is empty"),
    ("v000,new,3,5", "line 482: 4 fields under 3 column names"),
])  # fmt: skip
def test_bad_lines_of_ratings(tmp_path, line, said):
    voices(tmp_path)
    path = tmp_path / "ratings.csv"
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(DataError, match=said) as caught:
        load_own(tmp_path)
    assert all("ratings.csv" in problem for problem in caught.value.problems)


@pytest.mark.parametrize("cell, value, said", [
    (("beauty_mean", 4), 101, "line 6: Beauty_mean is 101, outside 1 to 100"),
    (("interest_sd", 4), -1, "line 6: interest_sd is -1, outside 0"),
    (("interest_sd", 4), 56, "line 6: interest_sd is 56, but ratings from 1 to 100 .* correct"),
    (("beauty_sd", 4), "", "line 6: Beauty_sd is empty"),
    (("n", 4), 2.5, "line 6: n is 2.5, not a whole number of raters; correct it"),
    (("n", 4), "", "line 6: n is empty"),
    (("item", 4), "p0", r"line 6: p0 is there twice \(first in line 2\)"),
])  # fmt: skip
def test_bad_lines_of_moments(tmp_path, cell, value, said):
    table = pictures(tmp_path).astype(object)
    table.loc[cell[1], cell[0]] = value
    table.to_csv(tmp_path / "moments.csv", index=False)
    with pytest.raises(DataError, match=said):
        load_own(tmp_path)


@pytest.mark.parametrize("spoil, said", [
    (lambda f: (f / "ratings.csv").unlink(), "neither ratings.csv .* nor moments.csv"),
    (lambda f: shutil.copy(f / "ratings.csv", f / "moments.csv"), "both .*; keep one"),
    (lambda f: (f / "ratings.csv").write_text("item,rater,taste\n"), "no column 'quality'"),
    (lambda f: (f / "ratings.csv").write_text("item,rater,quality\n"), "only a header; add"),
    (lambda f: (f / "ratings.csv").write_text(""), "empty"),
    (lambda f: _replace(f / "ratings.csv", ",", ";"), "line 1: .* separated by semicolons; save"),
    (lambda f: _replace(f / "ratings.csv", ",", "\t"), "line 1: .* separated by tabs; save"),
    (lambda f: _rate(f, "loud"), r"line 2: quality is 'loud', .* \(so in 480 of 480 lines\)"),
    (lambda f: _rate(f, "3,5"), r"line 2: 4 fields .* decimals .* \(so in 480 of 480 lines\)"),
    (lambda f: _rate(f, 3), "ratings.csv: all items have the same mean quality"),
    (lambda f: (f / "features.csv").unlink(), "no features found .* dataset.toml"),
    (lambda f: shutil.copy(f / "features.csv", f / "embeddings.csv"), "more than one table"),
    (lambda f: (f / "features.csv").write_text("item,a\nx,1\n"), "none of its 1 items is among"),
    (lambda f: (f / "features.csv").write_text("item,a\n,1\n"), "line 2: song_id is '', no id"),
    (lambda f: (f / "features.csv").write_text("item,a\nv001,1\nv001,2\n"), "more than once"),
    (lambda f: (f / "items.csv").write_text("item\nv001\nv001\n"), "items.csv, line 3: v001"),
    (lambda f: (f / "items.csv").write_text("name\nv001\n"), "items.csv, line 1: .* 'item'"),
])  # fmt: skip
def test_bad_folders(tmp_path, spoil, said):
    voices(tmp_path)
    spoil(tmp_path)
    with pytest.raises(DataError, match=said) as caught:
        load_own(tmp_path)
    assert len(caught.value.problems) == 1


def _replace(path, old, new):
    path.write_text(path.read_text().replace(old, new))


def _rate(folder, rating):
    lines = (folder / "ratings.csv").read_text().splitlines()
    lines[1:] = [f"{line.rpartition(',')[0]},{rating}" for line in lines[1:]]
    (folder / "ratings.csv").write_text("\n".join(lines) + "\n")


def test_another_scale_is_one_problem(tmp_path):
    voices(tmp_path, toml=VOICES.replace("[1, 5]", "[-1, 1]"))
    with pytest.raises(DataError, match="ratings.csv: .* looks like another scale") as caught:
        load_own(tmp_path)
    assert len(caught.value.problems) == 1
    pictures(tmp_path / "p", toml=PICTURES.replace("[1, 100]", "[1, 9]"))
    with pytest.raises(DataError, match="moments.csv: .* go from .* another scale"):
        load_own(tmp_path / "p")


def test_features_may_be_a_store_or_named(tmp_path):
    ratings = voices(tmp_path, n_items=12)
    other = tmp_path / "deep/other.parquet"
    other.parent.mkdir()
    pd.read_csv(tmp_path / "features.csv").to_parquet(other)
    (tmp_path / "features.csv").unlink()
    fill(tmp_path / "embeddings", sorted(set(ratings["item"])))
    data = load_own(tmp_path)
    assert "layer" in data.feature_source and "embeddings/part-*.parquet" in data.checksums
    assert load_own(tmp_path, features=other).features.shape == (12, 4)
    toml = tmp_path / "dataset.toml"
    toml.write_text(VOICES + 'features = "deep/other.parquet"\n')
    assert load_own(tmp_path).feature_source == "other"
    assert load_own(tmp_path, features=None).feature_source == "none"


def test_the_ratings_of_the_simulation_give_what_its_own_loader_gives(tmp_path):
    """The same single ratings, read twice: as DEAM's files and as own ratings."""
    root = simulated_root(n_songs=60, n_features=5, cache=tmp_path)
    from mer_utils.data.deam import load_deam

    deam = load_deam(root)
    deam.ratings.rename(columns={"song_id": "item"}).to_csv(tmp_path / "ratings.csv", index=False)
    np.savez(tmp_path / "features.npz", song_id=deam.song_id, features=deam.features)
    text = 'name = "simulated"\nscale = [1, 9]\ndimensions = ["valence", "arousal"]\n'
    (tmp_path / "dataset.toml").write_text(text)
    own = load_own(tmp_path)
    order = np.argsort(own.song_id.astype(int))
    np.testing.assert_array_equal(own.song_id.astype(int)[order], deam.song_id)
    np.testing.assert_allclose(own.rating_mean[order], deam.rating_mean, atol=0.0051)
    np.testing.assert_allclose(own.rating_sd[order], deam.rating_sd, atol=0.0051)
    np.testing.assert_array_equal(own.features[order], deam.features)
    np.testing.assert_array_equal(own.n_raters[order], deam.n_raters)


def test_by_name_it_is_the_same_object_and_takes_no_labels(tmp_path, monkeypatch):
    voices(tmp_path / "mine", n_items=12)
    monkeypatch.chdir(tmp_path)
    songs = load("mine")
    assert load(tmp_path / "mine") is songs and load(str(tmp_path / "mine")) is songs
    for wrong in ({"labels": "corrected"}, {"data": "x"}):
        with pytest.raises(DataError, match="own ratings have no data=.*: only 'as_distributed'"):
            load("mine", **wrong)
    with pytest.raises(DataError, match="unknown dataset 'yours': .*mer init FOLDER"):
        load("yours")
