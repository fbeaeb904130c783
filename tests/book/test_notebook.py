"""What every page begins and ends with."""

import json

import pandas as pd
import pytest

from mer_utils.book.notebook import (
    ParameterError,
    between,
    check_parameters,
    save_scores,
    scores_path,
)

OWN = {"rate": float, "loss": ("mse", "kld"), "fast": bool, "passes": between(2, 99)}
PAGE = {"dataset": "simulated", "data": "", "labels": "corrected", "features": "auto"}
PAGE |= {"profile": "paper", "seed": 7}
GOOD = PAGE | {"rate": 1, "loss": "kld", "fast": False, "passes": 15}


def injected(**assigned):
    cell = "# Parameters\n" + "\n".join(f"{k} = {v!r}" for k, v in assigned.items())
    return {"In": ["", "import this", cell], **GOOD, **assigned}


def test_good_parameters_come_back_the_standard_ones_first():
    found = check_parameters(injected(seed=8), **OWN)
    assert list(found) == [*PAGE, *OWN] and found["seed"] == 8
    assert found.standard == PAGE | {"seed": 8}
    assert check_parameters(dict(GOOD), **OWN) == GOOD
    assert check_parameters(dict(PAGE)) == PAGE


@pytest.mark.parametrize(
    "given, message",
    [
        ({"seedd": 7}, "unknown parameter 'seedd': did you mean 'seed'"),
        ({"zzz": 7}, "unknown parameter 'zzz': known are dataset, data, labels, features"),
        ({"seed": "seven"}, "'seed' must be a whole number from 0 to 1000000, not 'seven'"),
        ({"seed": 7.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"passes": 100}, "from 2 to 99, not 100"),
        ({"rate": "fast"}, "'rate' must be a number, not 'fast'"),
        ({"loss": "ms"}, "one of 'mse', 'kld', not 'ms'"),
        ({"dataset": "dream"}, "'deam', or a folder with dataset.toml, not 'dream'"),
        ({"fast": 1}, "True or False"),
    ],
)
def test_bad_parameters_are_refused_with_the_mend(given, message):
    with pytest.raises(ParameterError, match=message):
        check_parameters(injected(**given), **OWN)


def test_a_page_run_from_the_middle_is_told_what_to_do():
    with pytest.raises(ParameterError, match="'dataset' has no value: run the parameters cell"):
        check_parameters({})


@pytest.fixture
def build(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_BUILD", str(tmp_path / "build"))
    return tmp_path / "build"


TABLE = pd.DataFrame({"valence": [0.123456, None]}, index=pd.Index(["r2", "mae"], name="score"))


def test_scores_are_written_and_shown(build, capsys):
    save_scores("04_nll", TABLE, {"seed": 7})
    path = scores_path("04_nll", {"seed": 7})
    assert json.loads(path.read_text()) == {
        "notebook": "04_nll",
        "parameters": {"seed": 7},
        "scores": [{"score": "r2", "valence": 0.123456}, {"score": "mae", "valence": None}],
    }
    shown = capsys.readouterr().out
    assert "0.12" in shown and shown.rstrip().endswith(f"Scores of 04_nll are in\n{path}")


def test_the_terminal_hears_the_verdict_first(build, capsys):
    save_scores("04_nll", TABLE, {"profile": "quick"}, "It is below 0.")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["It is below 0.", "quick profile: for looking, not for quoting", ""]


def test_other_parameters_go_to_another_file_and_the_same_give_the_same_bytes(build):
    save_scores("04_nll", TABLE, {"seed": 7, "profile": "quick"})
    first = scores_path("04_nll", {"profile": "quick", "seed": 7}).read_bytes()
    save_scores("04_nll", TABLE, {"seed": 8, "profile": "quick"})
    save_scores("04_nll", TABLE, {"seed": 7, "profile": "quick"})
    assert scores_path("04_nll", {"seed": 7, "profile": "quick"}).read_bytes() == first
    assert len(list((build / "runs").iterdir())) == 2


def test_a_folder_that_cannot_be_written_is_named(build):
    build.mkdir()
    (build / "runs").write_text("a file where the folder should be")
    with pytest.raises(ValueError, match="cannot write the scores of 04_nll.*MER_BUILD"):
        save_scores("04_nll", TABLE, {"seed": 7})
    assert [path.name for path in build.iterdir()] == ["runs"]
