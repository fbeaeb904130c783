"""Every notebook: how it is committed, its parts, and that it runs in the quick profile."""

import ast
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

from mer_utils.book.runner import declared, pages

SOURCES = [page for page in pages(ROOT) if page.suffix == ".ipynb"]
LESSONS = [page for page in SOURCES if page.parent.name == "notebooks"]
COMPUTE = [page for page in SOURCES if page.stem != "what_we_learned"]  # that shows kept tables
each = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
each_computed = pytest.mark.parametrize("source", COMPUTE, ids=lambda path: path.stem)
each_lesson = pytest.mark.parametrize("source", LESSONS, ids=lambda path: path.stem)


def program(name):
    return str(Path(sys.executable).with_name(name))


def test_notebooks_carry_no_outputs():
    command = [program("nbstripout"), "--keep-id", "--verify", *map(str, SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_code_is_linted_and_formatted():
    for command in (["check"], ["format", "--check"]):
        line = [program("ruff"), *command, str(ROOT)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@each
def test_kernel_is_python3(source):
    assert nbformat.read(source, 4).metadata.kernelspec.name == "python3"


@each_computed
def test_parameters_are_typed_explained_and_checked(source):
    cells = nbformat.read(source, 4).cells
    (place,) = [i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])]
    lines = cells[place].source.splitlines()
    assert all(isinstance(node, ast.AnnAssign) for node in ast.parse(cells[place].source).body)
    assert all("#" in line for line in lines if line.strip()), "a parameter without a comment"
    check = next(cell for cell in cells[place + 1 :] if cell.cell_type == "code")
    assert "parameters(" in check.source and "globals()" in check.source
    assert {"profile", "dataset", "data", "seed"} <= set(declared(source))


@each_lesson
def test_lesson_has_its_parts(source):
    cells = nbformat.read(source, 4).cells
    title = cells[0].source.splitlines()[0]
    assert title.startswith("# ") and title.rstrip().endswith("?"), "the title is a question"
    prose = "\n".join(c.source for c in cells if c.cell_type == "markdown").lower()
    for part in PARTS:
        assert part in prose, f"no part {part!r}"


PARTS = (
    "minutes",
    "you will be able to",
    "check yourself",
    "what could mislead you",
    "{exercise",
    "{solution",
    "in this notebook",
)


@each
def test_runs_in_the_quick_profile_and_leaves_scores(source, quick_run):
    build, failed = quick_run
    assert source.stem not in failed, failed[source.stem]
    executed = nbformat.read(build / "executed" / source.name, 4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert [o.text for o in outputs if o.get("name") == "stderr"] == [], "a warning on the page"
    shown = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
    assert not any("Dataset(" in html or "array([" in html for html in shown), "a raw object"
    if source in LESSONS:
        assert any(output.get("metadata", {}).get("mer_scores") for output in outputs)
        assert list(build.glob(f"runs/{source.stem}-*.json"))
