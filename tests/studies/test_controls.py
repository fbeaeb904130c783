"""The study of controls: its plan, its committed tables, and those that follow from them."""

import controls
import cv_intervals
import pandas as pd
import pytest
from conftest import ROOT

from mer_utils.controls import methods
from mer_utils.controls.data import WORLDS
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.results import kept, provenance


def test_every_control_stands_in_the_plan():
    names = {name for dataset in ("simulated", "deam") for name, _ in controls.plan(dataset)}
    known = {line.split("``")[1] for line in methods.__doc__.splitlines() if line[:2] == "``"}
    assert names | set(WORLDS) == known - {"able", "informative", "silent"}


@pytest.mark.parametrize(
    "name", ["controls_simulated", "controls_deam", "power_deam", "worlds_networks"]
)
def test_committed_tables_hold_no_song(name):
    table = kept("controls", name)
    assert not {"song", "song_id"} & set(table) and (table["n_songs"] == 1744).all()
    defined = table.dropna(subset=["low"])
    assert (defined["low"] <= defined["value"]).mean() > 0.99
    assert (ROOT / "results/controls" / f"provenance_{name.split('_')[1]}.json").is_file()


def test_derived_tables_are_those_that_are_committed(tmp_path):
    folder = ROOT / "results" / "controls"
    names = "power_deam protocols_deam worlds_networks intervals_networks".split()
    for name in (f"{name}.csv" for name in names):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "provenance_deam.json").write_bytes((folder / "provenance_deam.json").read_bytes())
    controls.main(["--only", "derived", "--out", str(tmp_path)])
    for made in sorted(tmp_path.iterdir()):
        assert made.read_bytes() == (folder / made.name).read_bytes(), made.name
    assert len(list(tmp_path.iterdir())) == 10


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


def test_intervals_and_worlds_go_on_where_they_were(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    monkeypatch.setattr(controls, "key", lambda experiment, songs: "key")
    asked = []

    def one_draw(songs, draw, experiment):
        asked.append(draw)
        if asked.count(draw) == 1 and draw == 1:
            raise KeyboardInterrupt
        rows = [(draw, "mse", "spearman", 1, d, 0.1 * draw, -0.1, 0.2 + draw) for d in DIMENSIONS]
        names = ["draw", *cv_intervals.KEY, "dimension", "value", "low", "high"]
        return pd.DataFrame(rows, columns=names)

    monkeypatch.setattr(cv_intervals, "one_draw", one_draw)
    with pytest.raises(KeyboardInterrupt):
        controls.intervals_table(None, None, 4)
    table = controls.intervals_table(None, None, 4)
    assert asked == [0, 1, 1, 2, 3], "what was done is not done again"
    assert table["n"].tolist() == [8]
    monkeypatch.setattr(controls, "one_draw", lambda songs, share, draw, *a, **k: pd.DataFrame(
        {"share": [share], "draw": [draw], "spread": [k["spread"][0]], "lapses": [k["lapses"]]}
    ))  # fmt: skip
    made = controls.worlds_table(None, None, 2)
    assert made["world"].tolist() == 2 * list(WORLDS)
    assert made["lapses"].nunique() == 3, "no world is taken for another"


def test_networks_have_a_provenance_of_their_own():
    made = provenance("controls", "_networks")
    assert made["protocol"]["epochs"] == controls.SHORT.epochs and made["complete"]
    assert made["seeds"] == cv_intervals.SEEDS and made["draws"]["intervals"] >= 100
