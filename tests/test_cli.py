import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT

from mer_utils import cli


def mer(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def stand_in(monkeypatch, module, **functions):
    monkeypatch.setitem(sys.modules, f"mer_utils.{module}", SimpleNamespace(**functions))


def test_help_names_every_command_and_explains_itself():
    text = mer("--help").output
    for word in ("run", "book", "check", "fetch", "bench", "papermill", "Exit status"):
        assert word in text
    for command in (["run"], ["book"], ["check"], ["fetch", "deam"], ["bench", "training"]):
        done = mer(*command, "--help")
        assert done.exit_code == 0
        assert len(done.output.splitlines()) > 5


def test_the_installed_command_starts():
    command = [Path(sys.executable).with_name("mer"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.startswith("mer ")


def test_check_prints_the_report_and_exits_with_1_on_errors(monkeypatch, tmp_path):
    for errors, status in (((), 0), (("a duplicate song",), 1)):
        report = SimpleNamespace(text="1744 songs", errors=errors)
        stand_in(monkeypatch, "audit", check_report=lambda path, report=report: report)
        done = mer("check", tmp_path)
        assert (done.output, done.exit_code) == ("1744 songs\n", status)


@pytest.mark.parametrize("error", [ValueError("song 3 is there twice"), PermissionError("no")])
def test_bad_input_is_a_message_and_exit_status_2(monkeypatch, tmp_path, error):
    def refuse(path):
        raise error

    stand_in(monkeypatch, "audit", check_report=refuse)
    done = mer("check", tmp_path)
    assert done.exit_code == 2
    assert done.stderr == f"Error: {error}\n" and done.stdout == ""


@pytest.mark.parametrize(
    "line",
    ["run --profile slow", "run --dataset emomusic", "fetch", "fetch deam", "bogus", "check"],
)
def test_a_wrong_command_line_is_exit_status_2(line):
    assert mer(*line.split()).exit_code == 2


def test_run_hands_its_options_to_the_study(monkeypatch, tmp_path):
    seen = {}
    stand_in(monkeypatch, "study", run_study=lambda **options: seen.update(options))
    line = ("run", "--dataset", "deam", "--data", tmp_path, "--profile", "quick", "--out", "o")
    assert mer(*line).exit_code == 0
    assert seen == {
        "dataset": "deam",
        "data": tmp_path,
        "profile": "quick",
        "out": Path("o"),
    }


def test_book_hands_on_only_what_is_not_the_default(monkeypatch, tmp_path):
    seen = []

    def build_book(out, parameters, jobs, say):
        seen.append((out, parameters, jobs))
        return Path("index.html")

    monkeypatch.setattr("mer_utils.book.build_book", build_book)
    monkeypatch.setenv("DEAM_ROOT", str(tmp_path))  # of no use to the simulated data
    assert mer("book").stdout == "index.html\n"
    mer("book", "--profile", "quick", "--dataset", "deam", "--jobs", "1")
    given = {"profile": "quick", "dataset": "deam", "data": str(tmp_path.resolve())}
    assert seen == [(None, {}, None), (None, given, 1)]


def test_environment_file_is_read_the_way_conda_does():
    from rattler import MatchSpec

    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    specs = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert {str(MatchSpec(spec, strict=True).name.normalized) for spec in specs} >= {
        "python",
        "pip",
    }


def test_constraints_are_exact_and_name_no_index():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("#")[0].strip() for line in lines if not line.startswith("#")]
    assert all(pin.count("==") == 1 and "@" not in pin and "://" not in pin for pin in pins)
    names = {pin.split("==")[0].lower().replace("_", "-") for pin in pins}
    promised = (
        "jupyter jupyter-book papermill torch torchaudio numpy pandas matplotlib seaborn scipy"
    )
    assert names >= set(promised.split())
