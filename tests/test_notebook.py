import json

import pandas as pd
import pytest

from mer_utils.notebook import (
    ParameterError,
    between,
    parameters,
    save_scores,
    scores_path,
)

DECLARED = {"seed": between(0, 99), "rate": float, "loss": ("mse", "kld"), "fast": bool}
GOOD = {"seed": 7, "rate": 1, "loss": "kld", "fast": False}


def injected(**assigned):
    cell = "# Parameters\n" + "\n".join(f"{k} = {v!r}" for k, v in assigned.items())
    return {"In": ["", "import this", cell], **GOOD, **assigned}


def test_good_parameters_come_back_in_order():
    assert list(parameters(injected(seed=8), **DECLARED).items())[0] == ("seed", 8)
    assert parameters(dict(GOOD), **DECLARED) == GOOD


@pytest.mark.parametrize(
    "given, message",
    [
        ({"seedd": 7}, "unknown parameter 'seedd': did you mean 'seed'"),
        ({"zzz": 7}, "unknown parameter 'zzz': known are seed, rate, loss, fast"),
        ({"seed": "seven"}, "'seed' must be a whole number from 0 to 99, not 'seven'"),
        ({"seed": 7.5}, "whole number"),
        ({"seed": True}, "whole number"),
        ({"seed": 100}, "from 0 to 99, not 100"),
        ({"rate": "fast"}, "'rate' must be a number, not 'fast'"),
        ({"loss": "ms"}, "one of 'mse', 'kld', not 'ms'"),
        ({"fast": 1}, "True or False"),
    ],
)
def test_bad_parameters_are_refused_with_the_mend(given, message):
    with pytest.raises(ParameterError, match=message):
        parameters(injected(**given), **DECLARED)


def test_results_of_the_notebook_are_not_taken_for_parameters():
    assert parameters({**GOOD, "r2": 0.4, "In": ["", "r2 = 0.4"]}, **DECLARED) == GOOD


def test_a_parameter_that_was_never_set_is_named():
    with pytest.raises(ParameterError, match="'seed' has no value: run the parameters cell"):
        parameters({}, seed=int)


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
    assert "0.123" in shown and shown.rstrip().endswith(f"written to {path}")


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
