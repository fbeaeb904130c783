"""The command that makes results/more_listeners."""

import budget
import clip_scores
import clips
import deam_songs
import doubts
import pandas as pd
import pytest
import run_all

from mer_utils.results import kept, provenance

NAMES = ("scores", "changes", "factors", "reliability", "people", "genres", "deam_songs")
NAMES += ("budget", "doubts")


def test_kept_tables_name_their_command_and_cover_the_plan():
    made = provenance("more_listeners")
    assert made["command"] == run_all.COMMAND and made["parts"] == list(run_all.PARTS)
    tables = {name: kept("more_listeners", name) for name in NAMES}
    cells = set(tables["scores"][["groups", "clips"]].itertuples(index=False, name=None))
    assert cells == set(clips.CELLS)
    assert set(tables["changes"]["change"]) == {*clip_scores.CHANGES, clip_scores.OWN}
    assert set(tables["deam_songs"]["songs"]) == set(deam_songs.DRAWS)
    assert set(tables["budget"]["raters"]) == set(budget.RATERS)
    pairs = set(tables["doubts"][["songs", "raters"]].itertuples(index=False, name=None))
    assert pairs == set(doubts.CELLS)
    for name in ("scores", "changes", "genres", "deam_songs"):
        table = tables[name].dropna(subset=["value"])
        assert (table["low"] <= table["value"]).all() and (table["value"] <= table["high"]).all()


def test_only_some_parts_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "run", lambda progress: pd.DataFrame({"a": [1]}))
    run_all.main(["--only", "budget", "--out", str(tmp_path)])
    assert {file.name for file in tmp_path.iterdir()} == {"budget.csv", "provenance.json"}
    assert provenance("", folder=tmp_path)["parts"] == ["budget"]
    monkeypatch.setattr(run_all, "genre_table", lambda: pd.DataFrame({"a": [1]}))
    run_all.main(["--only", "genres", "--out", str(tmp_path)])
    assert provenance("", folder=tmp_path)["parts"] == ["genres", "budget"]


def test_kept_reliability_follows_from_the_committed_ratings():
    from mer_utils.scoring.intervals import resample_counts

    new = clip_scores.reliability(resample_counts(356, run_all.scores.N_RESAMPLES), (1, 4))
    old = kept("more_listeners", "reliability").query("groups in (1, 4)")
    for name in ("value", "low", "high"):
        assert new[name].to_numpy() == pytest.approx(old[name].to_numpy(), abs=1e-4)
