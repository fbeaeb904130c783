"""What ``dataset.toml`` may say, and what is said of the rest: file, line and mend."""

import pytest

from mer_utils.data.csv_tables import DataError
from mer_utils.data.own_folder import KEYS, is_own, read_description

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
    with pytest.raises(DataError, match="dataset.toml: cannot be read"):
        read_description(tmp_path)
