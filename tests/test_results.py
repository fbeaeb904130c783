"""The folder that `mer run` writes: complete, with provenance, aggregates only."""

import json
import os

import pandas as pd
import pytest
from conftest import ROOT, missing

from mer_utils import results
from mer_utils.dataset import sha256
from mer_utils.experiment import Experiment
from mer_utils.results import read_results, write_results
from mer_utils.simulate import simulated_root
from mer_utils.training import Protocol

COMMITTED = ("simulated", "deam_opensmile")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A study of two seeds and one epoch on 120 simulated songs."""
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    data = simulated_root(n_songs=120, n_features=8, cache=tmp_path)

    def small(profile, **changes):
        protocol = Protocol(epochs=1, hidden=8)
        return Experiment(n_seeds=2, n_folds=3, protocol=protocol, **changes)

    monkeypatch.setattr(results.Experiment, "of", small)
    return data


def test_results_are_written_with_what_made_them(tiny, tmp_path):
    said = []
    out = write_results("deam", tiny, "quick", tmp_path / "out", ["as_distributed"], said.append)
    assert sorted(p.name for p in out.iterdir()) == ["claims.csv", "provenance.json", "scores.csv"]
    got = read_results(out)
    assert set(got.scores["loss"]) == {"mse", "kld", "nll"}
    assert set(got.scores["evaluation"]) == {"3-fold"}
    assert got.scores["n_songs"].unique() == [120]
    assert (got.claims["labels"] == "as_distributed").all()
    p = got.provenance
    assert p["command"] == "mer run --dataset deam --data $DEAM_ROOT --profile quick"
    assert p["simulated"] and "simulated" in p["dataset"] and p["n_features"] == 8
    for name, digest in p["checksums"].items():
        assert digest == sha256(tiny / name), name
    assert str(tmp_path) not in json.dumps(p)
    assert any("120 songs" in line for line in said)


def test_a_folder_that_cannot_be_written_is_found_out_before_training(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "run_study", lambda *a, **k: pytest.fail("trained"))
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(ValueError, match="cannot write to .*Choose another"):
        write_results("deam", tiny, "quick", blocked / "out")
    if os.geteuid() != 0:  # root may write anywhere
        locked = tmp_path / "locked"
        locked.mkdir(mode=0o500)
        with pytest.raises(ValueError, match="cannot write to"):
            write_results("deam", tiny, "quick", locked)


def test_a_failed_study_leaves_the_old_results(tiny, tmp_path, monkeypatch):
    out = write_results("deam", tiny, "quick", tmp_path / "out", ["as_distributed"], print)
    before = {p.name: p.read_bytes() for p in out.iterdir()}

    def fail(*args, **kwargs):
        raise ValueError("no")

    monkeypatch.setattr(results, "run_study", fail)
    with pytest.raises(ValueError, match="no"):
        write_results("deam", tiny, "quick", out, ["as_distributed"], print)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(ValueError, match="scores.csv is missing: make it with"):
        read_results(tmp_path)


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_results_are_complete_and_hold_no_song(name):
    got = read_results(ROOT / "results" / name)
    p = got.provenance
    assert p["n_songs"] == 1744 and p["seeds"] == [0, 14] and p["protocol"]["epochs"] == 100
    labels = {"as_distributed"} if p["simulated"] else {"as_distributed", "corrected"}
    assert set(got.scores["labels"]) == set(got.claims["labels"]) == labels
    assert set(got.scores["evaluation"]) == {"5-fold"}
    assert not {"song", "song_id"} & (set(got.scores) | set(got.claims))
    single = got.scores.query("method == 'single' and score == 'r2'")
    assert len(single) == 12 * len(labels) and single[["low", "high"]].notna().all(axis=None)
    assert (single["low"] <= single["value"]).all() and (single["value"] <= single["high"]).all()


def test_committed_checksums_are_those_of_the_real_files(deam_root):
    for name, digest in (
        read_results(ROOT / "results/deam_opensmile").provenance["checksums"].items()
    ):
        if not (deam_root / name).is_file():
            missing(f"{name} is not in {deam_root}")
        assert sha256(deam_root / name) == digest, name


def test_results_of_another_machine_can_be_compared_row_by_row():
    keys = ["labels", "evaluation", "loss", "method", "target", "score", "dimension"]
    for name in COMMITTED:
        scores = pd.read_csv(ROOT / "results" / name / "scores.csv")
        assert not scores.duplicated(keys).any()
