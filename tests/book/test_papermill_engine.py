"""The line that users type, ``papermill notebooks/04_nll.ipynb -p seed 7``, and its refusals.

How stock papermill reads such a line depends on the terminal, so it is tried on a real
pseudo-terminal, with a pipe on stdin, with /dev/null, and from another folder.
"""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import papermill.engines  # papermill imports our engine, not the other way round  # noqa: F401
import pytest
from conftest import ROOT

from mer_utils.book import papermill_engine

PAPERMILL = Path(sys.executable).with_name("papermill")
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LINE = ["notebooks/04_nll.ipynb", "-p", "seed", "7", "-p", "profile", "quick"]


@pytest.fixture
def environment(tmp_path):
    """The package of this clone, and a build folder of the test's own."""
    here = {"PYTHONPATH": str(ROOT), "MER_BUILD": str(tmp_path / "build"), "OMP_NUM_THREADS": "1"}
    return {name: value for name, value in os.environ.items() if name != "MER_ROOT"} | here


def run_papermill(arguments, environment, cwd=ROOT, **stdin):
    command = [str(PAPERMILL), *map(str, arguments)]
    stdin = stdin or {"stdin": subprocess.DEVNULL}
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600, **stdin
    )


def on_a_terminal(arguments, environment):
    """Run papermill with all three streams on a pseudo-terminal; (status, what it showed)."""
    ours, theirs = pty.openpty()
    command = [str(PAPERMILL), *arguments]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), theirs)
    with subprocess.Popen(command, cwd=ROOT, env=environment, **streams) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other end was closed: the program is done
            pass
    os.close(ours)
    return process.returncode, shown.decode()


def check_seed_7(status, shown, environment):
    assert status == 0, shown
    runs = Path(environment["MER_BUILD"]) / "runs"
    (scores,) = runs.glob("04_nll-*.json")
    record = json.loads(scores.read_text())
    assert record["parameters"]["seed"] == 7
    assert record["scores"]
    lines = shown.strip().splitlines()
    assert lines[-2:] == ["Scores of 04_nll are in", str(scores)]
    first = next(i for i, line in enumerate(lines) if line.startswith("R2 of the SD"))
    assert lines[first + 1] == "quick profile: for looking, not for quoting"
    assert all(len(line) <= 78 for line in lines[first:-1]), "no room on a terminal"
    assert "nan" not in "".join(lines[first:]).lower()
    executed = json.loads((runs / "04_nll.ipynb").read_text())
    assert all(cell.get("execution_count") for cell in executed["cells"] if "outputs" in cell)


def test_on_a_terminal(environment):
    check_seed_7(*on_a_terminal(LINE, environment), environment)


def test_with_a_pipe_on_stdin(environment):
    source = ROOT / LINE[0]
    before = source.read_bytes()
    done = run_papermill(LINE, environment, input="")
    check_seed_7(done.returncode, done.stderr + done.stdout, environment)
    assert source.read_bytes() == before, "the notebook was overwritten"


def test_with_nothing_on_stdin(environment):
    done = run_papermill(LINE, environment)
    check_seed_7(done.returncode, done.stderr + done.stdout, environment)
    assert not done.stdout.startswith("{"), "the notebook was poured on stdout"


def test_from_another_folder(environment, tmp_path):
    done = run_papermill([ROOT / LINE[0], *LINE[1:]], environment, cwd=tmp_path)
    check_seed_7(done.returncode, done.stderr + done.stdout, environment)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_an_unknown_parameter_is_refused_with_a_hint(notebook, environment):
    done = run_papermill([notebook, "-p", "seedd", "7"], environment)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last == "Error: unknown parameter 'seedd': did you mean 'seed'?"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_parameter_of_the_wrong_type_is_refused_with_a_hint(notebook, environment):
    done = run_papermill([notebook, "-p", "seed", "seven"], environment)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: parameter 'seed' must be a whole number")
    assert last.endswith("not 'seven'")


def test_deam_without_data_is_one_line(environment):
    environment.pop("DEAM_ROOT", None)
    done = run_papermill([LINE[0], "-p", "dataset", "deam"], environment)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("Error: no DEAM folder given") and "DEAM_ROOT" in last
    assert "Traceback" not in done.stderr


def test_a_build_folder_that_cannot_be_made_is_named(environment, tmp_path):
    (tmp_path / "file").touch()
    environment["MER_BUILD"] = str(tmp_path / "file" / "build")
    done = run_papermill(LINE, environment)
    assert done.returncode == 2
    assert str(tmp_path / "file" / "build") in done.stderr
    assert "MER_BUILD" in done.stderr


def test_options_are_counted_as_papermill_does():
    from papermill.cli import papermill as command

    for option in (p for p in command.params if p.param_type_name == "option"):
        names = {*option.opts, *option.secondary_opts}
        if option.is_flag:
            assert names <= papermill_engine.NO_VALUE, names
        else:
            assert not names & papermill_engine.NO_VALUE, names
            assert bool(names & papermill_engine.TWO_VALUES) == (option.nargs == 2), names


@pytest.mark.parametrize(
    "line, expected",
    [
        ("a.ipynb -p seed 7", ["a.ipynb"]),
        ("-p seed 7 a.ipynb out.ipynb", ["a.ipynb", "out.ipynb"]),
        ("--kernel python3 a.ipynb --log-output", ["a.ipynb"]),
        ("--kernel=python3 a.ipynb -", ["a.ipynb", "-"]),
        ("--help", []),
    ],
)
def test_positional_arguments_are_told_from_options(line, expected):
    assert papermill_engine.positionals(line.split()) == expected


@pytest.mark.parametrize("ending", [["out.ipynb"], ["-"]])
def test_an_output_path_that_is_given_is_kept(ending):
    line = [str(NOTEBOOKS[0]), *ending]
    assert papermill_engine.completed(line) == [*line, "--engine", "mer"]


def test_other_notebooks_and_questions_are_left_alone(tmp_path):
    other = tmp_path / "other.ipynb"
    other.write_text("{}")
    for line in ([str(other)], [], ["-p", "a", "1"], [str(NOTEBOOKS[0]), "--help-notebook"]):
        assert papermill_engine.completed(line) == line


@pytest.mark.parametrize("deaths, survives", [(2, True), (3, False)])
def test_a_kernel_that_dies_at_birth_is_started_again(monkeypatch, deaths, survives):
    """Two kernels that start at once can pick the same port."""
    from nbformat.v4 import new_notebook

    from mer_utils.book import papermill_engine

    left = [deaths]

    def execute(cls, nb, kernel_name, output_path=None, **options):
        left[0] -= 1
        if left[0] >= 0:
            raise RuntimeError("Kernel died before replying to kernel_info")
        return nb

    monkeypatch.setattr(papermill_engine.NBClientEngine, "execute_notebook", classmethod(execute))
    if survives:
        assert papermill_engine.Engine.execute_notebook(new_notebook(), "python3").cells == []
    else:
        with pytest.raises(RuntimeError, match="died"):
            papermill_engine.Engine.execute_notebook(new_notebook(), "python3")


def test_another_error_of_the_kernel_is_not_tried_again(monkeypatch):
    from mer_utils.book import papermill_engine

    calls = []

    def execute(cls, *arguments, **options):
        calls.append(1)
        raise RuntimeError("out of memory")

    monkeypatch.setattr(papermill_engine.NBClientEngine, "execute_notebook", classmethod(execute))
    with pytest.raises(RuntimeError, match="memory"):
        papermill_engine.Engine.execute_notebook(None, "python3")
    assert len(calls) == 1
