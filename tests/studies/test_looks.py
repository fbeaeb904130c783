"""What simulated ratings look like beside DEAM's."""

from dataclasses import replace

import looks
import numpy as np
import pytest

from mer_utils.controls.data import WORLDS, simulated_control
from mer_utils.results import kept


def test_looks_by_hand(tmp_path):
    songs = simulated_control("deam_like", 10, n_songs=40, n_features=5, cache=tmp_path)
    mean = np.repeat([[2.0, 2.0], [5.0, 5.0], [6.0, 6.0], [8.0, 8.0]], 10, axis=0)
    sd = np.repeat([[1.0, 1.0], [2.0, 2.0], [1.6, 1.6], [1.4, 1.4]], 10, axis=0)
    made = replace(songs, rating_mean=mean, rating_sd=sd, true_sd=None)
    row = looks.looks(made).set_index("dimension").loc["valence"]
    assert row["at_ends"] == 0.5 and row["sd_correlation"] == pytest.approx(1)
    assert row["sd_ends"] == pytest.approx(1.2) and row["sd_middle"] == pytest.approx(1.8)
    assert row["sd_average"] == pytest.approx(1.5) and np.isnan(row["ceiling"])
    known = looks.looks(replace(made, true_sd=sd)).set_index("dimension")
    assert known.loc["valence", "ceiling"] == pytest.approx(1)


def test_the_worlds_look_like_deam_and_differ_where_nobody_can_look():
    table = kept("controls", "looks_beside_deam").set_index(["data", "dimension"])
    real = table.loc["DEAM"]
    for name in ("deam_like", *WORLDS):
        for column, off in (("sd_average", 0.02), ("sd_spread", 0.02)):
            gap = table.loc[name][column] - real[column]
            assert gap.abs().max() < off, (name, column)
    ceiling = table["ceiling"].groupby(level="data").mean()
    assert ceiling["deam_low"] < 0.06 < 0.09 < ceiling["deam_middle"] < 0.13 < ceiling["deam_high"]
    reach = [WORLDS[name][0] * ceiling[name] for name in WORLDS]
    assert max(reach) - min(reach) < 0.01, "a perfect reader of the features scores the same"
