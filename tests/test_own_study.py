"""From a folder of own ratings to scores: one dimension on 1-5, two others on 1-100."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from own_folder import pictures, voices

import mer_utils as mer
from mer_utils import cli
from mer_utils.audit.check import check_report
from mer_utils.book.notebook import ParameterError
from mer_utils.ceiling.shares import with_shares
from mer_utils.model.run import key
from mer_utils.model.training import Protocol
from mer_utils.results import read_results
from mer_utils.scoring import replicate
from mer_utils.scoring.replicate import run_study, write_results
from mer_utils.show.scorecard import picked, study_lines
from mer_utils.show.tables import readable, sd_beside_trivial

SETS = {"voices": (voices, ("quality",)), "pictures": (pictures, ("Beauty", "interest"))}
TINY = Protocol(epochs=8, hidden=16)


@pytest.fixture(params=SETS)
def own(request, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    make, dimensions = SETS[request.param]
    make(tmp_path / request.param)
    return tmp_path / request.param, dimensions


def experiment(folder, **changes):
    return mer.Experiment(dataset=str(folder), n_seeds=2, protocol=TINY, **changes)


def test_load_run_score_and_show(own):
    folder, dimensions = own
    songs = mer.load(folder)
    long = replace(experiment(folder, loss="mse"), protocol=Protocol(epochs=40, hidden=16))
    result = mer.run(long, progress=False)
    scores = mer.score(result, passes=3, n_resamples=30)
    assert tuple(scores["dimension"].unique()) == dimensions
    found = scores.query("method == 'single' and target == 'mean' and score == 'spearman'")
    assert (found["value"] > 0.3).all(), "a feature says where the mean lies"
    assert scores["n_songs"].eq(len(songs)).all(), "few items: every one is scored"
    ceilings = mer.ceilings_of(songs)
    assert tuple(mer.highest(ceilings)["dimension"]) == dimensions
    assert with_shares(scores, ceilings)["share"].isna().all()
    rows = {"R2 of the SD": ("single", "sd", "r2", "far below 0")}
    table = mer.compare_with_paper(scores, rows, songs.name, ceilings, loss="mse")
    assert " / ".join(dimensions) in readable(table).caption
    page = sd_beside_trivial(scores, songs.name, ceilings).data
    assert page["ceiling"].eq("-").all() and set(page["dimension"]) == set(dimensions)


def test_the_study_writes_tables_and_provenance(own, tmp_path, monkeypatch):
    folder, dimensions = own

    def small(profile, **changes):
        return mer.Experiment(n_seeds=2, n_folds=3, protocol=TINY, **changes)

    monkeypatch.setattr(replicate.Experiment, "of", small)
    out = write_results(str(folder), "", "quick", tmp_path / "out", say=lambda line: None)
    got = read_results(folder=out)
    assert tuple(got.scores["dimension"].unique()) == dimensions
    assert set(got.claims["dimension"]) == set(dimensions)
    p = got.provenance
    assert p["command"] == "mer run --dataset FOLDER --profile quick"
    assert str(tmp_path) not in json.dumps(p) and "dataset.toml" in p["checksums"]
    assert ("folds" in p) == (folder.name == "pictures"), "groups stay together"
    lines = study_lines(got, "quick")
    assert max(map(len, lines)) < 80
    assert picked(got.scores, mer.ceilings_of(mer.load(folder)), "R2")["share"].isna().all()


def test_the_key_is_the_content_and_not_the_place(own, tmp_path):
    folder, _ = own
    shutil.copytree(folder, tmp_path / "elsewhere")
    keys = {key(experiment(f), mer.load(f)) for f in (folder, tmp_path / "elsewhere")}
    assert len(keys) == 1
    assert keys != {key(experiment("simulated"), mer.load(folder))}
    toml = tmp_path / "elsewhere/dataset.toml"
    toml.write_text(toml.read_text().replace("[1, ", "[0, "))
    mer.load.__globals__["_load"].cache_clear()
    moved = tmp_path / "elsewhere"
    assert key(experiment(moved), mer.load(moved)) not in keys


def test_one_study_of_all_losses(own):
    folder, dimensions = own
    table = run_study(experiment(folder), passes=2, n_resamples=10, progress=False)
    assert set(table["loss"]) == {"mse", "kld", "nll"} and set(table["evaluation"]) == {"5-fold"}
    assert tuple(table["dimension"].unique()) == dimensions
    assert np.isfinite(table.query("score == 'rmse'")["value"]).all()


def test_a_page_takes_the_folder_as_its_data_set(own, monkeypatch):
    folder, _ = own
    page = {"dataset": folder.name, "data": "", "labels": "as_distributed", "features": "auto"}
    page |= {"profile": "quick", "seed": 0}
    with pytest.raises(ParameterError, match="or a folder with dataset.toml"):
        mer.check_parameters(page)
    monkeypatch.chdir(folder.parent)  # papermill runs a page where its command is typed
    params = mer.check_parameters(page)
    assert mer.load(**params.standard).name == mer.load(folder).name


def test_three_commands_from_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MER_BUILD", str(tmp_path / "build"))
    monkeypatch.chdir(tmp_path)

    def mer_command(*arguments):
        return CliRunner().invoke(cli.main, list(arguments))

    made = mer_command("init", "my_ratings")
    assert made.exit_code == 0 and "simulated" in made.output, made.output
    again = mer_command("init", "my_ratings")
    assert again.exit_code == 2 and "choose a new folder" in again.output
    checked = mer_command("check", "my_ratings")
    assert checked.exit_code == 0 and "reliability of" in checked.output, checked.output
    ran = mer_command("run", "--dataset", "my_ratings", "--profile", "quick")
    assert ran.exit_code == 0, ran.output
    assert (tmp_path / "build/studies/my_ratings-quick/scores.csv").is_file()
    assert max(map(len, ran.stdout.splitlines()[:-1])) < 80
    refused = mer_command("run", "--dataset", "your_ratings")
    assert refused.exit_code == 2 and "no folder that holds dataset.toml" in refused.output
    refused = mer_command("run", "--dataset", "my_ratings", "--data", "x")
    assert refused.exit_code == 2 and "goes with --dataset deam" in refused.output


def test_the_report_of_both_sets_is_good(own):
    assert check_report(own[0]).errors == 0
