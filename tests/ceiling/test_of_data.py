"""The ceilings that belong to a data set: seen, computed or bracketed."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mer_utils.ceiling import of_data
from mer_utils.ceiling.of_data import ALL, BEYOND, COLUMNS, ceilings_of
from mer_utils.ceiling.shares import highest
from mer_utils.data.load import load
from mer_utils.data.musifeast import GROUPS, load_musifeast
from mer_utils.scoring.metrics import r2


def test_the_truth_of_simulated_songs_scores_its_ceiling():
    songs = load("simulated")
    table = ceilings_of(songs, 200)
    assert list(table.columns) == COLUMNS
    whole = table[table["part"].eq(ALL)]
    truth = songs.true_sd / songs.half_range
    for d, row in enumerate(whole.itertuples()):
        slope, level = np.polyfit(truth[:, d], songs.sd[:, d], 1)
        best = r2(songs.sd[:, [d]], (level + slope * truth[:, [d]]))[0]
        assert row.value == pytest.approx(best) and row.low < best < row.high
    assert (table.query("part == @BEYOND")["value"].to_numpy() < whole["value"].to_numpy()).all()


def test_deam_has_a_bracket_and_no_value():
    table = ceilings_of("corrected")
    assert list(table.columns) == COLUMNS and table["value"].isna().all()
    assert (table["low"] >= 0).all() and (table["low"] < table["high"]).all()
    assert set(table["part"]) == {ALL, BEYOND}
    assert not table.equals(ceilings_of("as_distributed"))
    top = highest(table, "sd", "pearson")
    assert table["part"].tolist() == [ALL] * 2 + [BEYOND] * 2
    np.testing.assert_allclose(top["high"], table["high"][:2] ** 0.5)
    with pytest.raises(ValueError, match="labels 'none' are kept"):
        ceilings_of("none")


def test_the_build_fails_if_a_learner_breaks_through_the_ceiling(monkeypatch):
    wrong = pd.DataFrame(
        [("as_distributed", ALL, "valence", np.nan, 0.01, 0.05, 0.4, 0.3, 0.5)],
        columns=["labels", *COLUMNS, "learner_r", "learner_low", "learner_high"],
    )
    monkeypatch.setattr(of_data, "kept", lambda *names: wrong)
    with pytest.raises(ValueError, match="an estimate is wrong"):
        ceilings_of("as_distributed")


def test_a_ceiling_belongs_to_the_data_and_not_to_their_name():
    songs = load_musifeast(GROUPS[:3])  # no version of the labels: nobody measured this panel
    assert ceilings_of(songs)["value"].isna().all()
    for name in ("DEAM-like voices", "MUSIFEAST-17 of mine"):
        assert ceilings_of(replace(songs, name=name, kind=""))["value"].isna().all()
