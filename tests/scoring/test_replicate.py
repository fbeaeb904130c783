"""The study of all losses, and the folder that `mer run` writes: complete, aggregates only."""

import json
import os

import pandas as pd
import pytest
from conftest import ROOT, missing
from untrained import DATA, METHODS, TINY, untrained

from mer_utils.data.dataset import sha256
from mer_utils.data.simulated_files import simulated_root
from mer_utils.model.experiment import Experiment
from mer_utils.model.training import Protocol
from mer_utils.results import read_results
from mer_utils.scoring import metrics, replicate
from mer_utils.scoring.replicate import loss_differences, run_study, write_results
from mer_utils.scoring.score_table import predictions

COMMITTED = ("simulated", "deam_opensmile")


def test_differences_are_paired():
    got = predictions(untrained(DATA), passes=3)
    other = predictions(untrained(DATA, seed=7), passes=3)
    table = loss_differences({"mse": got, "kld": got, "nll": other}, n_resamples=60)
    table = table.set_index(["loss", "method", "score", "dimension"]).sort_index()
    same = table.loc["kld", "single", "r2_minus_mse"]  # the same predictions: no doubt at all
    assert (same[["value", "low", "high"]] == 0).all().all()
    row = table.loc["nll", "seed_ensemble", "r2_minus_mse", "valence"]
    expected = metrics.r2(got.mean, other.methods["seed_ensemble"][0]).mean(0) - metrics.r2(
        got.mean, got.methods["single"][0]
    ).mean(0)
    assert row.value == pytest.approx(expected[0])
    assert row.low < row.value < row.high
    row = table.loc["kld", "single", "iqr_ratio_minus_nll", "arousal"]
    pair = [metrics.iqr_ratio(got.sd, p.methods["single"][1]).mean(0)[1] for p in (got, other)]
    assert row.value == pytest.approx(pair[0] - pair[1])
    assert ("mse", "single", "r2_minus_mse") not in table.index.droplevel("dimension")
    assert "nll" not in table.xs("outlier_share_minus_nll", level="score").index.unique("loss")


@pytest.mark.parametrize("folds", [True, False])
def test_run_study_trains_what_is_missing_and_says_how_it_scored(
    folds, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    root = simulated_root(n_songs=60, n_features=6, cache=tmp_path)
    experiment = Experiment(
        dataset="deam", data=str(root), n_seeds=2, protocol=TINY, split=("single", "folds")[folds]
    )
    options = {"passes": 2, "n_resamples": 10}
    table = run_study(experiment, losses=("mse", "nll"), progress=False, **options)
    assert list(table.columns[:2]) == ["evaluation", "loss"]
    assert set(table.evaluation) == {"5-fold" if folds else "holdout"}
    assert set(table.loss) == {"mse", "nll"} and set(table.method) == set(METHODS)
    assert set(table.n_songs) == {60 if folds else 9}
    assert "r2_minus_mse" in set(table.score)
    made = len(list((tmp_path / "experiments").glob("*.npz")))
    assert made == (10 if folds else 2)
    assert capsys.readouterr().out == ""
    again = run_study(experiment, losses=("mse", "nll"), progress=True, **options)
    pd.testing.assert_frame_equal(table, again)
    assert "nll: seeds 0 to 1" in capsys.readouterr().out
    if not folds:
        only = run_study(experiment, losses=("kld",), progress=False, **options)
        assert set(only.loss) == {"kld"} and "r2_minus_mse" not in set(only.score)


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A study of two seeds and one epoch on 120 simulated songs."""
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    data = simulated_root(n_songs=120, n_features=8, cache=tmp_path)

    def small(profile, **changes):
        protocol = Protocol(epochs=1, hidden=8)
        return Experiment(n_seeds=2, n_folds=3, protocol=protocol, **changes)

    monkeypatch.setattr(replicate.Experiment, "of", small)
    return data


def test_results_are_written_with_what_made_them(tiny, tmp_path):
    said = []
    out = write_results("deam", tiny, "quick", tmp_path / "out", ["as_distributed"], said.append)
    assert sorted(p.name for p in out.iterdir()) == ["claims.csv", "provenance.json", "scores.csv"]
    got = read_results(folder=out)
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
    monkeypatch.setattr(replicate, "run_study", lambda *a, **k: pytest.fail("trained"))
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

    monkeypatch.setattr(replicate, "run_study", fail)
    with pytest.raises(ValueError, match="no"):
        write_results("deam", tiny, "quick", out, ["as_distributed"], print)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == before


@pytest.mark.parametrize("name", COMMITTED)
def test_committed_results_are_complete_and_hold_no_song(name):
    got = read_results(name)
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
    for name, digest in read_results("deam_opensmile").provenance["checksums"].items():
        if not (deam_root / name).is_file():
            missing(f"{name} is not in {deam_root}")
        assert sha256(deam_root / name) == digest, name


def test_results_of_another_machine_can_be_compared_row_by_row():
    keys = ["labels", "evaluation", "loss", "method", "target", "score", "dimension"]
    for name in COMMITTED:
        scores = pd.read_csv(ROOT / "results" / name / "scores.csv")
        assert not scores.duplicated(keys).any()
