"""The README's commands, typed in a fresh clone of the last commit.

A command line is run as it stands in the README, with four exceptions that save an hour and
are told here: the packages are those of the Python that runs this test (``.ci/run`` installs
afresh), ``make book`` builds the quick profile, and ``make test``, which runs this very test,
is only asked what it would do; ``my_ratings`` lies beside the clone, and ``mer run`` on it takes
the quick profile. ``MER_FULL_CLONE=1`` takes none of these but the last two.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, missing

FULL = os.environ.get("MER_FULL_CLONE") == "1"
VENV = Path(sys.prefix)


def commands(text):
    """Lines of the ```bash, ```sh and ```console blocks, without prompt and comment."""
    blocks = re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, flags=re.M | re.S)
    lines = [
        re.sub(r"\s+#.*", "", line).removeprefix("$ ").strip()
        for line in "".join(blocks).splitlines()
    ]
    return [line for line in lines if line and not line.startswith("#")]


def as_run_here(command):
    """What is run for a command of the README, or None where a person's own data is needed."""
    installed = "" if FULL else f" VENV={VENV} -o {VENV}/installed"
    if command == "make test":
        return f"make --dry-run test{installed}"
    if command == "make book":
        return f"make book{installed}" + ("" if FULL else " PROFILE=quick")
    if command.startswith("papermill notebooks/") or command in ("make help", "mer --help"):
        return command
    if "my_ratings" in command:  # beside the clone, which must stay as it is
        quick = " --profile quick" if command.startswith("mer run") and not FULL else ""
        return command.replace("my_ratings", "../my_ratings") + quick
    return None


# Beginnings of the commands that need a server, a person's own files, a screen or an hour.
NOT_HERE = (
    *("git clone ", "cd ", "source ", ". ", "export ", "conda ", "pip install ", "open "),
    *("mer run", "mer check", "mer fetch", "mer embed", "mer book"),
    *("jupyter lab", "python studies/"),
)


@pytest.fixture(scope="session")
def clone(tmp_path_factory):
    if not (ROOT / ".git").exists():
        missing("this is not a git clone, so there is nothing to clone from")
    folder = tmp_path_factory.mktemp("fresh") / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    return folder


def test_readme_commands_work_in_a_fresh_clone(clone):
    readme = commands((clone / "README.md").read_text(encoding="utf-8"))
    for wanted in ("make book", "make test", "papermill notebooks/04_nll.ipynb -p seed 7"):
        assert wanted in readme, f"the README does not say {wanted!r}"
    programs = clone / ".venv" / "bin" if FULL else VENV / "bin"
    # also without what a make around this test tells a make inside it
    not_hers = ("MER_", "PYTHONPATH", "MAKE", "MFLAGS")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(not_hers)}
    environment = kept | {"PATH": f"{programs}:{kept['PATH']}"}
    if not FULL:  # the installed package is that of ROOT
        environment["PYTHONPATH"] = str(clone)
    for command in readme:
        line = as_run_here(command)
        if line is None:
            assert command.removeprefix(".venv/bin/").startswith(NOT_HERE), f"new: {command!r}"
            continue
        done = subprocess.run(
            line,
            shell=True,
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        shown = done.stdout + done.stderr
        assert done.returncode == 0, f"{line}\n{shown}"
        if command == "make book":
            page = Path(done.stdout.strip().splitlines()[-1])
            assert page.is_file() and page.is_relative_to(clone)
        if command.startswith("papermill"):
            assert done.stdout.splitlines()[-1].startswith(("_build/runs/", f"{clone}/"))
    left = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert left.stdout == "", "the commands left files that git does not ignore"
