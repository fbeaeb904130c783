"""The loaders of other collections: the real files, and damaged ones with a named error."""

import numpy as np
import pandas as pd
import pytest
from many_raters import FILES, load_koniq, load_manymusic, load_words

from mer_utils.data.csv_tables import DataError


def test_votes_of_images(many_raters_root):
    votes = load_koniq(many_raters_root)
    assert votes.shape == (10_073, 5) and votes.sum(1).min() >= 50
    table = pd.read_csv(many_raters_root / FILES["koniq"])
    mean = votes @ np.arange(1, 6) / votes.sum(1)
    sd = np.sqrt((votes @ np.arange(1, 6) ** 2 - votes.sum(1) * mean**2) / (votes.sum(1) - 1))
    np.testing.assert_allclose(sd, table["SD"], atol=0.01)


def test_words_have_raters_on_both_sides(many_raters_root):
    words = load_words(many_raters_root, "valence", ("Y", "O"))
    assert words[["n_1", "n_2"]].to_numpy().min() >= 8 and words[["n_1", "n_2"]].max().max() <= 12
    assert np.corrcoef(words["mean_1"], words["mean_2"])[0, 1] > 0.7
    assert not words.isna().any().any()


def test_listeners_of_manymusic_rate_a_track_once(many_raters_root):
    ratings, twice = load_manymusic(many_raters_root)
    assert not ratings.duplicated(["song_id", "rater"]).any()
    assert ratings[["valence", "arousal"]].abs().max().max() <= 1
    assert ratings["rater"].nunique() == 190 and len(twice) > 100
    again = twice.merge(ratings, on=["song_id", "rater"])
    assert len(again) == len(twice)
    np.testing.assert_array_equal(again["valence_1"], again["valence"])


def written(folder, name, text):
    path = folder / FILES[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("name", "text", "load", "message"),
    [
        ("koniq", "c1,c2\n0,1\n", load_koniq, "no column c3"),
        ("koniq", "c1,c2,c3,c4,c5,c_total\n0,0,0,0.5,0.4,100\n", load_koniq, "line 2: shares"),
        ("koniq", "c1,c2,c3,c4,c5,c_total\n0,0,x,0.5,0.4,100\n", load_koniq, "line 2: c3 is 'x'"),
        ("words", "", lambda root: load_words(root, "valence"), "no table"),
        ("manymusic", "subjectId,trackStartSec\n", load_manymusic, "no column valence_val"),
    ],
)  # fmt: skip
def test_damaged_files_are_named(tmp_path, name, text, load, message):
    with pytest.raises(DataError, match=message):
        load(written(tmp_path, name, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="koniq10k.*not found; get the published file"):
        load_koniq(tmp_path)
