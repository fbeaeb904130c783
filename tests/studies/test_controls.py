"""The study of controls: its plan, its committed tables, and those that follow from them."""

from types import SimpleNamespace

import controls
import cv_intervals
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from mer_utils.controls import methods
from mer_utils.results import kept


def test_every_control_stands_in_the_plan():
    names = {name for dataset in ("simulated", "deam") for name, _ in controls.plan(dataset)}
    known = {line.split("``")[1] for line in methods.__doc__.splitlines() if line[:2] == "``"}
    assert names == {name for name in known if name not in ("able", "informative", "silent")}


@pytest.mark.parametrize("name", ["controls_simulated", "controls_deam", "power_deam"])
def test_committed_tables_hold_no_song(name):
    table = kept("controls", name)
    assert not {"song", "song_id"} & set(table) and (table["n_songs"] == 1744).all()
    defined = table.dropna(subset=["low"])
    assert (defined["low"] <= defined["value"]).mean() > 0.99
    assert (ROOT / "results/controls" / f"provenance_{name.split('_')[1]}.json").is_file()


def test_derived_tables_are_those_that_are_committed(tmp_path):
    folder = ROOT / "results" / "controls"
    for name in ("power_deam.csv", "protocols_deam.csv", "intervals_deam.csv"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "provenance_deam.json").write_bytes((folder / "provenance_deam.json").read_bytes())
    controls.main(["--only", "derived", "--out", str(tmp_path)])
    for made in sorted(tmp_path.iterdir()):
        assert made.read_bytes() == (folder / made.name).read_bytes(), made.name
    assert len(list(tmp_path.iterdir())) == 8


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    monkeypatch.setattr(controls, "key", lambda experiment, songs: "key")
    made = []

    def compute():
        made.append(1)
        return pd.DataFrame({"value": [0.1 + 0.2]})

    assert controls.cached("a", None, None, {"share": 0}, None).empty
    one, again = (controls.cached("a", None, None, {"share": 0}, compute) for _ in range(2))
    assert len(made) == 1 and one["value"][0] == again["value"][0] == 0.1 + 0.2
    controls.cached("a", None, None, {"share": 1}, compute)
    assert len(made) == 2


def test_intervals_go_on_where_they_were(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    monkeypatch.setattr(controls, "key", lambda experiment, songs: "key")
    songs = SimpleNamespace(features=np.random.default_rng(0).normal(size=(60, 4)))
    whole, shares = cv_intervals.null_intervals(songs.features, n_draws=3), []
    one_target = cv_intervals.one_target

    def stopped(features, share, *rest):
        if share == 0.1 and not shares.count(0.1):
            shares.append(share)
            raise KeyboardInterrupt
        shares.append(share)
        return one_target(features, share, *rest)

    monkeypatch.setattr(cv_intervals, "one_target", stopped)
    with pytest.raises(KeyboardInterrupt):
        controls.intervals_table(songs, None, 3)
    shares = shares[-1:]
    again = controls.intervals_table(songs, None, 3)
    assert shares == [0.1] * 7, "what was done is not done again"
    pd.testing.assert_frame_equal(again, whole, check_exact=True)
