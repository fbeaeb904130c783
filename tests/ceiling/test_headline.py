"""The ceilings that belong to a data set."""

from dataclasses import replace

import numpy as np
import pytest

from mer_utils.ceiling.headline import ALL, ceilings_of, panels_of, rater_data, targets
from mer_utils.data.deam import load_deam
from mer_utils.data.load import load
from mer_utils.data.musifeast import GROUPS, load_musifeast
from mer_utils.results import kept


def test_simulated_songs_reach_their_ceiling():
    songs = load("simulated")
    table = ceilings_of(songs, 200).set_index(["part", "dimension"])
    for d, name in enumerate(("valence", "arousal")):
        oracle = np.corrcoef(songs.true_sd[:, d], songs.rating_sd[:, d])[0, 1] ** 2
        row = table.loc["all", name]
        assert row["low"] <= oracle <= row["high"]
        assert row["high"] - row["low"] < 0.3


def test_committed_ceilings_follow_from_the_data(deam_root, soundtracks_root):
    table = kept("ceilings", "targets").set_index(["labels", "part", "dimension"])
    panels = panels_of(rater_data(soundtracks_root))
    for row in targets(load_deam(deam_root, features=None), panels).itertuples():
        stored = tuple(table.loc["as_distributed", row.part, row.dimension])
        assert (row.value, row.low, row.high) == pytest.approx(stored, abs=2e-3)


def test_ceilings_of_deam_are_the_kept_ones():
    table = ceilings_of("corrected")
    assert list(table.columns) == ["part", "dimension", "value", "low", "high"]
    first = table.iloc[0]
    assert (first["part"], first["dimension"]) == (ALL, "valence")
    assert not table.equals(ceilings_of("as_distributed"))


def test_a_ceiling_belongs_to_the_data_and_not_to_their_name():
    songs = load_musifeast(GROUPS[:3])  # no version of the labels: nobody measured this panel
    assert ceilings_of(songs)["value"].isna().all()
    for name in ("DEAM-like voices", "MUSIFEAST-17 of mine"):
        assert ceilings_of(replace(songs, name=name, kind=""))["value"].isna().all()
