"""What ``dataset.toml`` may say, and what is said of the rest: file, line and mend."""

import numpy as np
import pytest

from mer_utils.data.csv_tables import DataError
from mer_utils.data.own_folder import KEYS, copy_example, is_own, read_description
from mer_utils.data.own_ratings import load_own

GOOD = 'name = "voices"\nscale = [1, 5]\ndimensions = ["quality"]\n'


def write(folder, text):
    (folder / "dataset.toml").write_text(text)
    return folder


def test_three_lines_are_enough_and_the_rest_is_open(tmp_path):
    assert not is_own(tmp_path) and not is_own("simulated") and not is_own(7)
    found = read_description(write(tmp_path, "# ten lines\n" + GOOD))
    assert is_own(tmp_path) and is_own(str(tmp_path)) and set(found) == set(KEYS)
    assert (found["ddof"], found["simulated"], found["features"]) == (None, False, "")
    more = GOOD + 'ddof = 1\nlicence = "CC0"\nfeatures = "x.csv"\nsimulated = true\n'
    assert read_description(write(tmp_path, more))["ddof"] == 1


@pytest.mark.parametrize("text, said", [
    (GOOD + "dof = 1\n", "line 4: unknown key 'dof'; it may have name, scale, dimensions"),
    ("# scale = 3\n" + GOOD.replace("[1, 5]", "5"), "line 3: 'scale' is 5; .* such as .1, 5."),
    (GOOD.replace("[1, 5]", "[5, 1]"), "line 2: 'scale' is .5, 1."),
    (GOOD.replace("[1, 5]", "[1, 1]"), "line 2: 'scale'"),
    (GOOD.replace("[1, 5]", '["1", "5"]'), "line 2: 'scale'"),
    (GOOD.replace("[1, 5]", "[0, inf]"), "line 2: 'scale'"),
    (GOOD.replace("[1, 5]", "[1, 2, 3]"), "line 2: 'scale'"),
    (GOOD.replace('["quality"]', '"quality"'), "line 3: 'dimensions' is 'quality'; .* a list"),
    (GOOD.replace('["quality"]', "[]"), "line 3: 'dimensions'"),
    (GOOD.replace('["quality"]', "[1]"), "line 3: 'dimensions'"),
    (GOOD.replace('["quality"]', '["a", "A "]'), "line 3: 'dimensions'"),
    (GOOD.replace('["quality"]', '["rater"]'), "line 3: 'dimensions'"),
    (GOOD + "ddof = 2\n", "line 4: 'ddof' is 2; it must be 0 if"),
    (GOOD + "ddof = true\n", "line 4: 'ddof' is True"),
    (GOOD + "simulated = 1\n", "line 4: 'simulated' is 1; it must be true or false"),
    (GOOD + "licence = 0\n", "line 4: 'licence' is 0; it must be text"),
    ("scale = [1, 5]\n", "no 'name'; add it: text"),
    (GOOD.replace("[1, 5]", "[1, 5"), r"not TOML \(.*line 3.*\); correct the line"),
    ("[set]\n" + GOOD, "line 1: unknown key 'set'"),
])  # fmt: skip
def test_what_cannot_be_is_named_with_its_mend(tmp_path, text, said):
    with pytest.raises(DataError, match=said) as caught:
        read_description(write(tmp_path, text))
    assert all("dataset.toml" in problem for problem in caught.value.problems)


def test_a_folder_without_it_is_named(tmp_path):
    with pytest.raises(DataError, match="dataset.toml: not there; mer init"):
        read_description(tmp_path)


def test_the_example_says_that_it_is_simulated_and_is_what_its_study_makes(tmp_path):
    from make_example import N_ITEMS, N_RATERS, write_example

    copy_example(tmp_path / "new/folder")
    songs = load_own(tmp_path / "new/folder")
    assert songs.simulated and "simulated" in songs.name and songs.notes == ()
    assert len(songs) == N_ITEMS and set(songs.n_raters) == {N_RATERS}
    assert songs.scale == (1, 5) and len(set(songs.artist)) == 10
    assert np.corrcoef(songs.features[:, 0], songs.rating_mean[:, 0])[0, 1] > 0.6
    write_example(tmp_path / "again")
    for path in (tmp_path / "again").iterdir():
        assert path.read_bytes() == (tmp_path / "new/folder" / path.name).read_bytes()
    assert "simulated" in (tmp_path / "new/folder/dataset.toml").read_text().splitlines()[1]


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(DataError, match="there is something already; choose a new folder"):
            copy_example(place)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    copy_example(tmp_path / "empty")
    assert is_own(tmp_path / "empty")
