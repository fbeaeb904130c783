"""The command that makes results/ceilings: its small tables by hand, and the data behind it."""

import numpy as np
import pandas as pd
import pytest
from make import needed_table, sizes_table, target_of

from mer_utils.ceiling.design import noise_odds
from mer_utils.data.load import load
from mer_utils.data.soundtracks import load_soundtracks
from mer_utils.results import kept, provenance


def test_raters_needed_by_hand():
    rows = [("a", "v", 10, "sd", 0.1, -0.1, 0.2), ("a", "v", 10, "mean", 0.5, 0.4, 0.6),
            ("a", "v", 10, "noise", 0.06, 0.05, 0.07)]  # fmt: skip
    names = ["data", "dimension", "raters", "statistic", "value", "low", "high"]
    table = needed_table(pd.DataFrame(rows, columns=names)).set_index(["statistic", "goal"])
    assert table.loc[("sd", 0.5), "raters"] == pytest.approx(1 + 9 * 9)  # K = 9 * .9 / .1
    assert table.loc[("sd", 0.5), "low"] == pytest.approx(1 + noise_odds(0.2, 10))
    assert np.isinf(table.loc[("sd", 0.5), "high"])
    assert table.loc[("mean", 0.9), "raters"] == pytest.approx(90)
    assert set(table.index.get_level_values("statistic")) == {"sd", "mean"}


def test_kept_needed_follows_from_what_was_seen():
    again = needed_table(kept("ceilings", "seen"))
    table = kept("ceilings", "needed")
    assert len(again) == len(table)
    np.testing.assert_allclose(table["raters"], again["raters"], rtol=0.02)


def test_the_step_holds_on_real_raters(soundtracks_root, many_raters_root):
    table = kept("ceilings", "sizes")
    assert (table["from_ten"] - table["seen"]).abs().max() < 0.08
    again = sizes_table(load_soundtracks(soundtracks_root), many_raters_root, n_draws=20)
    np.testing.assert_allclose(again["seen"], table["seen"], atol=0.05)


def test_the_target_is_deam_with_ddof_1(deam_root):
    songs = load("deam", str(deam_root), features=None)
    target = target_of(songs, 1)
    np.testing.assert_allclose(target.sd, songs.rating_sd[:, 1] * np.sqrt(10 / 9))
    assert target.n == 10 and target.scale == (1, 9)


def test_provenance_names_every_file():
    text = provenance("ceilings")
    assert {"koniq", "words", "manymusic", "raw_ratings.csv"} <= set(text["checksums"])
    assert text["command"].startswith("python studies/ceilings/make.py")
