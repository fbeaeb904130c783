"""What a piece of code depends on: its own logic, and that of all it imports from here.

Comments, docstrings and imports are no logic; where a definition stands does not matter either. So
a cached result or an executed page is made again only when something that decides it has changed.
"""

import ast
import hashlib
from pathlib import Path


def logic(code: str) -> list[str]:
    """The definitions in a piece of code as syntax trees: what can change a number."""
    tree = ast.parse(code)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [
                line
                for line in body
                if not isinstance(line, (ast.Import, ast.ImportFrom))
                and not (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant))
            ]
    return [ast.dump(definition) for definition in tree.body]


def used_files(code: str, package: Path) -> set[Path]:
    """Files of ``package`` that ``code`` imports, and those that these import, and so on.

    ``package`` is the folder of the package. Names that its ``__init__.py`` hands out lazily (its
    dictionary ``_HOMES``) count where they are asked for: ``import PACKAGE as p``, then ``p.NAME``.
    """
    faces, found, waiting = _faces(package), set(), [code]
    while waiting:
        new = _imported(ast.parse(waiting.pop()), package, faces) - found
        found |= new
        waiting += [file.read_text(encoding="utf-8") for file in new]
    return found


def digest_of(code: str, package: Path) -> str:
    """SHA-256 over the logic of all :func:`used_files`."""
    texts = [file.read_text(encoding="utf-8") for file in used_files(code, package)]
    lines = sorted(line for text in texts for line in logic(text))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _faces(package):
    """Name that the package hands out lazily -> dotted name of the module that has it."""
    init = package / "__init__.py"
    tree = ast.parse(init.read_text(encoding="utf-8")) if init.is_file() else ast.Module([], [])
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "_HOMES":
            homes = ast.literal_eval(node.value)
            return {
                name: f"{package.name}.{home}" for home, names in homes.items() for name in names
            }
    return {}


def _imported(tree, package, faces):
    names, aliases = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            aliases |= {a.asname or a.name for a in node.names if a.name == package.name}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in aliases:
            names.add(faces.get(node.attr, package.name))
    files = set()
    for name in names:
        root, *below = name.split(".")
        if root == package.name:
            place = package.joinpath(*below)
            files |= {f for f in (place.with_suffix(".py"), place / "__init__.py") if f.is_file()}
    return files - {package / "__init__.py"}
