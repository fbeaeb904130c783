"""What ``mer init`` writes: it says that it is simulated, and it runs."""

import numpy as np
import pytest

from mer_utils.data.csv_tables import DataError
from mer_utils.data.example import N_ITEMS, N_RATERS, write_example
from mer_utils.data.own_ratings import load_own


def test_the_example_loads_and_says_that_it_is_simulated(tmp_path):
    write_example(tmp_path / "new/folder")
    songs = load_own(tmp_path / "new/folder")
    assert songs.simulated and "simulated" in songs.name and songs.notes == ()
    assert len(songs) == N_ITEMS and set(songs.n_raters) == {N_RATERS}
    assert songs.scale == (1, 5) and len(set(songs.artist)) == 10
    assert "simulated" in (tmp_path / "new/folder/dataset.toml").read_text().splitlines()[1]
    r = np.corrcoef(songs.features[:, 0], songs.rating_mean[:, 0])[0, 1]
    assert r > 0.6, "the mean follows the first feature"


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    write_example(tmp_path / "a")
    (tmp_path / "b").mkdir()  # an empty folder is as good as none
    write_example(tmp_path / "b")
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["dataset.toml", "features.csv", "items.csv", "ratings.csv"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_what_is_there_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(DataError, match="there is something already; choose a new folder"):
            write_example(place)
    assert (tmp_path / "mine.txt").read_text() == "mine"
