"""What counts as a change of code, and what a piece of code uses."""

from pathlib import Path

import pytest

from mer_utils.code_digest import digest_of, logic, used_files


@pytest.fixture
def package(tmp_path):
    files = {
        "__init__.py": '_HOMES = {"low.one": ("a",), "low.two": ("b", "c")}\n',
        "low/__init__.py": "",
        "low/one.py": "from pack.low.two import b\na = b\n",
        "low/two.py": "b = c = 1\n",
        "low/three.py": "def lazily():\n    from pack.low import two\n    return two\n",
    }
    for name, text in files.items():
        path = tmp_path / "pack" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "pack"


def names(code, package):
    files = used_files(code, package)
    return sorted(file.stem for file in files if file.name != "__init__.py")


@pytest.mark.parametrize(
    "code, used",
    [
        ("import numpy", []),
        ("from pack.low.two import b", ["two"]),
        ("from pack.low import one", ["one", "two"]),
        ("import pack.low.three", ["three", "two"]),
        ("import pack as p\np.c", ["two"]),
        ("import pack as p\np.c\nother.a", ["two"]),
        ("from pack import c as x", ["two"]),
        ("x = {'a': 'pack.low.three:lazily'}", ["three", "two"]),
        ("x = 'see pack.low.three'", []),
        ("import pack", []),
        ("def f():\n    from pack.low.three import lazily", ["three", "two"]),
    ],
)
def test_imports_are_followed_also_lazy_ones_and_through_the_face(package, code, used):
    assert names(code, package) == used


def test_only_logic_counts(package):
    code = "import pack as p\np.a"
    before = digest_of(code, package)
    two = package / "low" / "two.py"
    two.write_text('"""About."""\n\nb = c = 1  # one\n')
    (package / "low" / "three.py").write_text("changed = 1\n")
    assert digest_of(code, package) == before
    two.write_text("b = c = 2\n")
    assert digest_of(code, package) != before


def test_logic_is_about_what_is_computed():
    base = logic("def f(x):\n    return 2 * x\n")
    prose = '"""About."""\n# note\ndef f(x):\n    """Twice."""\n    return 2 * x  # !\n'
    assert base == logic(prose)
    assert base != logic("def f(x):\n    return 3 * x\n")
    assert base != logic("def f(x):\n    return x * 2\n")
    assert logic("a = 1\na = 2\n") != logic("a = 2\na = 1\n")


def test_of_an_import_counts_what_is_taken_and_as_what():
    base = logic("from torch import relu as f\nfrom pack.low.one import a, b\n", "pack")
    moved = "from torch import relu as f\nfrom pack.high import b\nfrom pack.one import a\n"
    assert base == logic(moved, "pack")
    for other in (
        "from torch import elu as f\nfrom pack.low.one import a, b\n",
        "from torch import relu as f\nfrom pack.low.one import c as a, b\n",
        "from torch import relu as f\nfrom pack.low.one import a\n",
    ):
        assert base != logic(other, "pack")


def test_a_face_that_cannot_be_read_is_an_error(package):
    (package / "__init__.py").write_text("_HOMES: dict = {}\n\ndef __getattr__(name): ...\n")
    with pytest.raises(ValueError, match="no plain dictionary _HOMES"):
        used_files("import pack", package)


def test_a_page_of_the_book_does_not_depend_on_the_encoders():
    root = Path(__file__).resolve().parents[1]
    from mer_utils.book.runner import code_of

    used = used_files(code_of(root / "notebooks" / "04_nll.ipynb"), root / "mer_utils")
    rooms = {file.parent.name for file in used}
    assert {"model", "scoring", "data"} <= rooms and not rooms & {"embed", "audit"}
