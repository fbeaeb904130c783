"""What a piece of code depends on: its own logic, and that of all it imports from here.

Comments and docstrings are no logic, and it does not matter in which folder an own file lies. So a
cached result or an executed page is made again only when something that decides it has changed.
"""

import ast
import hashlib
import re
from functools import cache
from pathlib import Path


@cache  # the pages of a book use the same files
def logic(code: str, package: str = "mer_utils") -> str:
    """What can change a number, as text.

    Of an import from ``package`` counts what is taken, and as what, but not from which file.
    """
    tree, own = ast.parse(code), []
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for line in body if isinstance(body, list) else ():
            if _roots(line) == {package}:
                own += [(alias.name.split(".")[-1], alias.asname) for alias in line.names]
        if isinstance(body, list):
            node.body = [line for line in body if _roots(line) != {package} and not _text(line)]
    return ast.dump(tree) + str(sorted(own, key=str))


def _roots(line) -> set[str]:
    """The packages that a line imports from."""
    if isinstance(line, ast.ImportFrom):
        return {(line.module or "").split(".")[0]}
    return {a.name.split(".")[0] for a in line.names} if isinstance(line, ast.Import) else set()


def _text(line) -> bool:
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def used_files(code: str, package: Path) -> set[Path]:
    """Files of ``package`` that ``code`` uses, and those that these use, and so on.

    ``package`` is the folder of the package. A file is used if it is imported, or named in a text:
    ``"PACKAGE.room.file:function"``. Names that ``__init__.py`` hands out lazily (its dictionary
    ``_HOMES``) count where they are asked for: ``import PACKAGE as p``, then ``p.NAME``.
    """
    faces, found, waiting = _faces(package), set(), [code]
    while waiting:
        names, asked = _named(waiting.pop(), package.name)
        names = names | {faces[name] for name in asked & faces.keys()}
        new = {file for name in names for file in _files(name, package)} - found
        found |= new
        waiting += [file.read_text(encoding="utf-8") for file in new]
    return found


def digest_of(code: str, package: Path) -> str:
    """SHA-256 over the logic of all :func:`used_files`."""
    files = (file.read_text(encoding="utf-8") for file in used_files(code, package))
    blocks = sorted(logic(text, package.name) for text in files)
    return hashlib.sha256("\n".join(blocks).encode()).hexdigest()


def _faces(package):
    """Name that the package hands out lazily -> dotted name of the module that has it."""
    init = package / "__init__.py"
    code = init.read_text(encoding="utf-8") if init.is_file() else ""
    for node in ast.parse(code).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_HOMES":
            homes = ast.literal_eval(node.value)
            return {name: f"{package.name}.{home}" for home in homes for name in homes[home]}
    if "def __getattr__" in code:
        raise ValueError(f"{init} hands out names lazily, but has no plain dictionary _HOMES")
    return {}


@cache
def _named(code, package) -> tuple[set[str], set[str]]:
    """Dotted names that the code imports or writes as text, and names asked of the package."""
    tree, names, asked, aliases = ast.parse(code), set(), set(), set()
    as_text = re.compile(rf"{package}(\.\w+)+(?=:\w+$|$)")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            asked |= {alias.name for alias in node.names} if node.module == package else set()
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            aliases |= {a.asname or a.name for a in node.names if a.name == package}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = as_text.match(node.value)
            names |= {text[0]} if text else set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in aliases:
            asked.add(node.attr)
    return names, asked


def _files(name, package):
    """The file of ``package`` that has this dotted name, as a module or a folder."""
    root, *below = name.split(".")
    place = package.joinpath(*below)
    files = (place.with_suffix(".py"), place / "__init__.py")
    return [f for f in files if root == package.name and below and f.is_file()]
