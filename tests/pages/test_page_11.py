"""Notebook 11: ridge does not see what it predicts; words follow intervals; search and formula."""

import numpy as np
import pandas as pd
import pytest
from page_cells import run_cells

from mer_utils.data.musifeast import GROUPS, load_musifeast

PAGE = "notebooks/11_listeners_or_songs.ipynb"


def page(*ids, **names):
    return run_cells(PAGE, "imports", *ids, **names)


def test_no_clip_is_predicted_by_who_saw_it_or_its_artist():
    made = page("live-learn")
    clips, sd = made["clips"], load_musifeast(GROUPS[:2]).sd
    predicted, fold = made["learnt"](sd, 4)
    assert np.isfinite(predicted).all() and sorted(np.unique(fold)) == [0, 1, 2, 3, 4]
    for artist in np.unique(clips.artist):
        assert len(set(fold[clips.artist == artist])) == 1
    changed = np.where((fold == 2)[:, None], 1 - sd, sd)
    again, _ = made["learnt"](changed, 4)
    np.testing.assert_array_equal(predicted[fold == 2], again[fold == 2])
    assert (predicted[fold != 2] != again[fold != 2]).any()


def test_teachers_and_judges_of_the_live_run_share_nobody(monkeypatch):
    asked = []
    names = page("live-learn", seed=0, n_draws=1)
    load = names["load_musifeast"]
    names["load_musifeast"] = lambda groups: asked.append(set(groups)) or load(groups)
    live = run_cells(PAGE, "live-run", **names)["live"]
    judges, *teachers = asked
    assert len(judges) == 4 and [len(t) for t in teachers] == [1, 2, 4]
    assert not any(judges & t for t in teachers)
    assert live.index.nlevels == 3 and live.between(-1, 1).all()


def test_the_words_follow_the_intervals(monkeypatch):
    monkeypatch.setattr("mer_utils.glue", lambda *args: None, raising=False)
    made = page("kept-load", "glue-listeners")
    for low, high, word in ((1.1, 2, "more"), (0.5, 0.9, "less"), (0.9, 1.1, "open")):
        assert made["which"](pd.Series({"low": low, "high": high})) == word


def test_the_design_of_a_reliability_has_an_end_for_each_end(monkeypatch):
    monkeypatch.setattr("mer_utils.captioned", lambda *args: None, raising=False)
    made = page("kept-load", "budget-search", "design-table")
    learn, ceiling, song = made["best_raters"](pd.Series({"value": 0.1, "low": 0, "high": 0.2}), 10)
    assert learn == "10 [7,\u00a0no limit]" and ceiling.startswith("84 [39")
    assert song.startswith("190 [85")
    assert len(made["planned"]) == 4
    assert made["n"][made["z"].argmax()] == pytest.approx(1 + np.sqrt(made["K"]), abs=0.6)
