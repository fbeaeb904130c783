"""``dataset.toml``: the lines that make a folder one of own ratings, read and checked.

What else is in such a folder: :mod:`mer_utils.data.own_ratings`.
"""

import re
import shutil
import tomllib
from pathlib import Path

import numpy as np

from mer_utils.data.csv_tables import DataError, read_text
from mer_utils.paths import repo_root

DESCRIPTION = "dataset.toml"
KEYS = {
    "name": "text",
    "scale": "two numbers, the lowest and the highest possible rating, such as [1, 5]",
    "dimensions": 'a list of names, each once, such as ["quality"]',
    "ddof": "0 if the SDs divide by n, 1 if they divide by n - 1",
    "features": "text, the path of the features from this folder",
    "simulated": "true or false",
    "licence": "text",
}
"""What ``dataset.toml`` may say; the first three it must."""
TAKEN = {"item", "rater", "n", "group", "genre", ""}


def is_own(folder, *signs) -> bool:
    """Whether ``folder`` is one of own ratings: it holds ``dataset.toml``, or one of ``signs``."""
    place = Path(folder).expanduser() if isinstance(folder, str | Path) else None
    return place is not None and any((place / name).is_file() for name in (DESCRIPTION, *signs))


def read_description(folder) -> dict:
    """What ``dataset.toml`` says, checked; what it leaves open is as in :func:`load_own`.

    Raises
    ------
    DataError
        No such file, no TOML, a key that is unknown or missing, or a value of the wrong kind.
    """
    path = Path(folder).expanduser() / DESCRIPTION
    if not path.is_file():
        raise DataError(f"{path}: not there; mer init FOLDER writes one to begin with")
    text = read_text(path)
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: not TOML ({error}); correct the line") from None
    problems = [f"{path}: no '{key}'; add it: {KEYS[key]}" for key in list(KEYS)[:3]
                if key not in found]  # fmt: skip
    for key, value in found.items():
        place = re.search(rf"^[^\w\n#]*{re.escape(key)}(?!\w)", text, re.M)
        where = f"{path}, line {text.count(chr(10), 0, place.start() if place else 0) + 1}"
        if key not in KEYS:
            problems.append(f"{where}: unknown key '{key}'; it may have {', '.join(KEYS)}")
        elif not _fits(key, value):
            problems.append(f"{where}: '{key}' is {value!r}; it must be {KEYS[key]}")
    if problems:
        raise DataError(problems)
    return {"ddof": None, "features": "", "simulated": False, "licence": ""} | found


def _fits(key, value) -> bool:
    if key in ("scale", "dimensions") and not isinstance(value, list):
        return False
    if key == "scale":
        numbers = len(value) == 2 and {*map(type, value)} <= {int, float}
        return numbers and np.isfinite(value).all() and value[0] < value[1]
    if key == "dimensions":
        names = {plain(name) if isinstance(name, str) else "" for name in value}
        return 0 < len(names) == len(value) and not TAKEN & names
    if key in ("ddof", "simulated"):
        return type(value) is (int if key == "ddof" else bool) and value in (0, 1)
    return isinstance(value, str) and value != ""


def plain(name) -> str:
    """A name as :func:`mer_utils.data.csv_tables.read_table` has it in the header."""
    return "".join(name.split()).lower()


def copy_example(folder) -> None:
    """Copy ``data/example`` to ``folder``; a ``DataError`` if there is something already."""
    folder = Path(folder).expanduser()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: there is something already; choose a new folder")
    shutil.copytree(repo_root() / "data" / "example", folder, dirs_exist_ok=True)
