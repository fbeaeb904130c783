import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT

from mer_utils import cli
from mer_utils.data.simulated_files import simulated_root


def mer(*arguments):
    return CliRunner().invoke(cli.main, [str(argument) for argument in arguments])


def stand_in(monkeypatch, module, **functions):
    monkeypatch.setitem(sys.modules, f"mer_utils.{module}", SimpleNamespace(**functions))


def test_help_names_every_command_and_explains_itself():
    text = mer("--help").output
    for word in ("run", "book", "check", "fetch", "embed", "papermill", "Exit status"):
        assert word in text
    for command in (["run"], ["book"], ["check"], ["fetch", "deam"], ["embed"]):
        done = mer(*command, "--help")
        assert done.exit_code == 0
        assert len(done.output.splitlines()) > 5


PAGES = [[], *([name] for name in cli.main.commands), *(["fetch", n] for n in cli.fetch.commands)]


@pytest.mark.parametrize("command", PAGES, ids=" ".join)
def test_every_help_page_reads_well_at_80_columns(command):
    done = CliRunner().invoke(cli.main, [*command, "--help"], terminal_width=80)
    lines = done.output.splitlines()
    assert done.exit_code == 0 and lines[0].startswith("Usage:")
    assert max(map(len, lines)) <= 80
    assert "\\b" not in done.output and "\b" not in done.output, "a mark for click is printed"
    assert "..." not in done.output.split("Commands:")[-1], "a line of help is cut off"


def test_examples_in_the_help_keep_their_lines():
    lines = mer("--help").output.splitlines()
    for example in ("mer book --profile quick", "mer check ~/deam", "papermill notebooks/04_nll"):
        assert sum(line.strip().startswith(example) for line in lines) == 1, example


def test_the_installed_command_starts():
    command = [Path(sys.executable).with_name("mer"), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0 and done.stdout.startswith("mer ")


def test_check_prints_the_report_and_exits_with_1_on_errors(tmp_path):
    folder = simulated_root(n_songs=60, n_features=4, cache=tmp_path)
    good = mer("check", folder)
    assert good.exit_code == 0, good.output
    assert "60" in good.stdout and "ddof" in good.stdout
    averages = next(folder.rglob("static_annotations_averaged_songs_1_2000.csv"))
    lines = averages.read_text().splitlines()
    averages.write_text("\n".join([*lines, lines[-1]]) + "\n")
    bad = mer("check", folder)
    assert bad.exit_code == 1 and "twice" in bad.stdout
    assert "Traceback" not in bad.output


@pytest.mark.parametrize("error", [ValueError("song 3 is there twice"), PermissionError("no")])
def test_bad_input_is_a_message_and_exit_status_2(monkeypatch, tmp_path, error):
    def refuse(path):
        raise error

    stand_in(monkeypatch, "audit.check", check_report=refuse)
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
    seen = []

    def write_results(*arguments, say, features, tops):
        seen.append((*arguments, features))
        raise ValueError("far enough")

    monkeypatch.setattr("mer_utils.scoring.replicate.write_results", write_results)
    line = ("run", "--dataset", "deam", "--data", tmp_path, "--profile", "quick", "--out", "o",
            "--features", "store:7")  # fmt: skip
    assert mer(*line).exit_code == 2
    features = str(Path.cwd() / "store:7")  # absolute: notebooks run elsewhere
    assert seen == [("deam", str(tmp_path.resolve()), "quick", Path("o"), features)]


def test_a_data_folder_goes_with_deam_but_the_variable_may_stay_set(monkeypatch, tmp_path):
    asked = []

    def write_results(*arguments, say, features, tops):
        asked.append(arguments[:2])
        raise ValueError("far enough")

    monkeypatch.setattr("mer_utils.scoring.replicate.write_results", write_results)
    monkeypatch.setenv("DEAM_ROOT", str(tmp_path))
    mer("run")
    mer("run", "--dataset", "deam")
    assert asked == [("musifeast", ""), ("deam", str(tmp_path.resolve()))]
    refused = mer("run", "--data", tmp_path)
    assert refused.exit_code == 2 and "goes with --dataset deam" in refused.stderr
    assert len(asked) == 2


def test_book_hands_on_only_what_is_not_the_default(monkeypatch, tmp_path):
    seen = []

    def build_book(out, parameters, jobs, say):
        seen.append((out, parameters, jobs))
        return Path("index.html")

    monkeypatch.setattr("mer_utils.book.build.build_book", build_book)
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


def test_embed_says_when_the_format_asked_for_is_the_slow_one(tmp_path, monkeypatch):
    done = SimpleNamespace(done=1, new=1, failed=0, others=0, failures=())
    asked = []
    stand_in(
        monkeypatch, "embed.extract", extract=lambda *args, **options: asked.append(options) or done
    )
    monkeypatch.setattr("mer_utils.embed.number_format.speed_up", lambda: 0.4)
    slow = mer("embed", tmp_path, tmp_path / "out", "--dtype", "bfloat16")
    assert slow.exit_code == 0 and "bfloat16 is slow on this processor" in slow.output
    assert "2.5 times as long as in float32" in slow.output
    for quiet in (["--dtype", "float32"], [], ["--dtype", "bfloat16", "--scheduler", "tcp://x:1"]):
        assert "slow" not in mer("embed", tmp_path, tmp_path / "out", *quiet).output
    assert [options["dtype"] for options in asked] == ["bfloat16", "float32", "auto", "bfloat16"]
