"""The house: rooms that import downwards, files that are read at one sitting, a test for each."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT

MODULE = ROOT / "mer_utils"
FILES = sorted(path for path in MODULE.rglob("*.py") if path.read_text().strip())
STUDIES = sorted((ROOT / "studies").rglob("*.py"))
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FOLDED = {"hide-input", "hide-cell", "remove-cell", "remove-input"}


def lines(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def test_a_room_imports_only_what_is_below_it():
    command = [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / "pyproject.toml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_the_module_knows_nothing_of_studies_and_rooms_have_one_level():
    names = {path.stem for path in STUDIES}
    for path in FILES:
        assert len(path.relative_to(MODULE).parts) <= 2
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module.split(".")[0] not in names | {"studies"}
            elif isinstance(node, ast.Import):
                assert not {a.name.split(".")[0] for a in node.names} & (names | {"studies"})


def test_the_module_is_thin():
    assert sum(map(lines, FILES)) <= 13_000
    long = [name_of(path) for path in (*FILES, *STUDIES) if lines(path) > 250]
    assert not long


def test_the_hour():
    text = (ROOT / "README.md").read_text()
    listed = re.search(r"<!-- the hour -->(.*?)<!-- end -->", text, re.S)[1]
    files = re.findall(r"`(mer_utils/\w+/\w+\.py)`", listed)
    assert 14 <= len(files) <= 18 and len(set(files)) == len(files)
    assert sum(lines(ROOT / file) for file in files) <= 2_500


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_file_says_what_it_holds_and_has_its_tests(path):
    assert ast.get_docstring(ast.parse(path.read_text()))
    where = path.relative_to(MODULE)
    test = ROOT / "tests" / where.parent / f"test_{where.name}"
    assert test.is_file() or where.name == "__init__.py", f"no {name_of(test)}"


def test_each_test_file_of_a_room_is_about_a_file():
    rooms = {path.parent.name for path in FILES} - {"mer_utils"}
    tests = [path for room in rooms for path in (ROOT / "tests" / room).glob("test_*.py")]
    lost = [
        t for t in tests if not (MODULE / t.parent.name / t.name.removeprefix("test_")).is_file()
    ]
    assert [name_of(path) for path in lost] == []


def code_cells(path):
    return [c for c in nbformat.read(path, 4).cells if c.cell_type == "code"]


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_shows_ideas_not_plumbing(path):
    cells = code_cells(path)
    first = [line for line in cells[0].source.splitlines() if line.strip()]
    assert len(first) <= 8, "the first import cell"
    assert any("import mer_utils as mer" in line for line in first)
    seen = [c for c in cells if not FOLDED & set(c.metadata.get("tags", []))]
    shown = [line for cell in seen for line in cell.source.splitlines() if line.strip()]
    assert len(shown) <= 150
    for cell in cells:
        for node in ast.walk(ast.parse(cell.source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {path.stem for path in STUDIES}


def resolves(name):
    """Whether a dotted name, such as one in a docstring, is a module or something in one."""
    parts = name.split(".")
    for i in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:i]))
        except ImportError:
            continue
        for part in parts[i:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_what_texts_name_is_there():
    import papermill  # noqa: F401  (its engine is imported by papermill first)

    texts = [*FILES, *STUDIES, *CHAPTERS, *(ROOT / "book").glob("*.[im]*"), ROOT / "README.md"]
    lost = []
    for path in [*texts, ROOT / "results" / "README.md"]:
        text = path.read_text(encoding="utf-8")
        names = set(re.findall(r"(?<![\w/.])mer_utils(?:\.\w+)+", text))
        lost += [f"{name_of(path)}: {name}" for name in names if not resolves(name)]
        files = set(re.findall(r"\b((?:mer_utils|studies|tests)/[\w/]+\.py)", text))
        lost += [f"{name_of(path)}: {file}" for file in files if not (ROOT / file).is_file()]
    assert lost == []
