"""`make book` asks once for the weights of musicnn, and does not need them."""

import os
import shutil
import subprocess

import pytest
from conftest import ROOT


@pytest.mark.parametrize("status, noted", [(0, False), (1, True)])
def test_weights_are_asked_for_once(tmp_path, status, noted):
    shutil.copy(ROOT / "Makefile", tmp_path)
    program = tmp_path / "venv" / "bin" / "mer"
    program.parent.mkdir(parents=True)
    (tmp_path / "venv" / "installed").touch()
    fetch = f"""[ "$1" != fetch ] || {{ echo a lot of talk; echo {{}} >&2; exit {status}; }}"""
    program.write_text(f'#!/bin/sh\necho "$@" >> calls\n{fetch}\necho _build/html/index.html\n')
    program.chmod(0o755)
    line = ["make", "book", "VENV=venv", "-o", "venv/installed"]
    # what the make that runs these tests hands down
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}

    def make():
        return subprocess.run(
            line, cwd=tmp_path, env=env, capture_output=True, text=True, check=True
        )

    said = make()
    assert said.stderr == ""
    assert said.stdout.splitlines()[-1] == "_build/html/index.html"
    notes = said.stdout.splitlines()[:-1]
    assert len(notes) == int(noted) and all("mer fetch musicnn" in note for note in notes)
    assert make().stdout == "_build/html/index.html\n"
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["fetch musicnn"] + 2 * ["book --profile paper"]
