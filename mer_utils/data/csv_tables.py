"""Reading small CSV files so that every complaint names file, line and mend.

``read_table`` cleans what is harmless (spaces, stray tabs, letter case of the header,
empty trailing columns) and keeps every field as text with its line number. ``numbers``
turns one column into numbers and says which lines are not.
"""

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

SHOWN = 5
MANY = 10
"""So many bad lines, and a fifth of all, are one problem and not many."""


class DataError(ValueError):
    """Bad input data. ``problems`` lists all that were found; the message shows a few.

    Each problem is one sentence that names the file, the line (the header is line 1) and
    what to do about it.
    """

    def __init__(self, problems):
        problems = [problems] if isinstance(problems, str) else problems
        self.problems = sorted(problems, key=_line)
        more = len(self.problems) - SHOWN
        tail = [f"... and {more} more problems of this kind"] if more > 0 else []
        super().__init__("\n".join(self.problems[:SHOWN] + tail))


def _line(problem: str) -> int:
    found = re.search(r", line (\d+)", problem)
    return int(found[1]) if found else 0


def clean(text: str) -> str:
    """Collapse runs of spaces and tabs to one space and trim both ends."""
    return " ".join(text.split())


def read_text(path: Path) -> str:
    """Read a text file as UTF-8, or as Windows-1252 where it is not UTF-8."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def read_table(path, required=(), *, aliases=None, surplus="error") -> pd.DataFrame:
    """Read a comma-separated file as cleaned text.

    Parameters
    ----------
    path : path of the file.
    required : column names that must be there, in canonical form (lower case, no spaces).
    aliases : dict of other canonical spellings to the names used here.
    surplus : {"error", "ignore"}
        What to do with fields to the right of the header. In a table of numbers they mean
        a decimal comma; in the DEAM metadata they are listeners' tags.

    Returns
    -------
    pandas.DataFrame of str, indexed by line number. Blank lines are skipped, fields
    missing at the end of a line are ``""``.

    Raises
    ------
    DataError
        No header, a required column missing or twice there, or surplus fields.
    """
    text = read_text(path)
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        rows = [(reader.line_num, [clean(field) for field in row]) for row in reader]
    except csv.Error as error:
        raise DataError(
            f"{path}, line {reader.line_num}: not a CSV line ({error}); correct the line, or "
            "download the file again"
        ) from None
    rows = [(line, row) for line, row in rows if any(row)]
    if rows and len(rows[0][1]) < len(required) and (wrong := re.search("[;\t]", text[:1000])):
        mark = {";": "semicolons", "\t": "tabs"}[wrong[0]]
        raise DataError(
            f"{path}, line 1: fields are separated by {mark}; save the file as CSV with commas, "
            "and with points in decimals"
        )
    if not rows:
        raise DataError(f"{path}: the file is empty; fill it, or download it again")
    header = ["".join(name.split()).lower() for name in rows[0][1]]
    header = [(aliases or {}).get(name, name) for name in header]
    problems = []
    for name in required:
        if header.count(name) != 1:
            has = "has no column" if name not in header else "has more than one column"
            named = ", ".join(filter(None, header[:12])) or "nothing"
            problems.append(
                f"{path}, line 1: the header {has} '{name}' (it names: {named}); "
                "correct the header, or the names that are expected"
            )
    wide = [(line, row) for line, row in rows[1:] if any(row[len(header) :])]
    if surplus == "error":
        wide = [
            f"{path}, line {line}: {len(row)} fields under {len(header)} column names; "
            "write decimals with a point and separate fields with one comma"
            for line, row in wide
        ]
        problems += as_one(wide, len(rows) - 1)
    if problems:
        raise DataError(problems)
    width = len(header)
    frame = pd.DataFrame(
        [row[:width] + [""] * (width - len(row)) for _, row in rows[1:]],
        columns=header,
        index=pd.Index([line for line, _ in rows[1:]], name="line"),
        dtype=str,
    )
    return frame.loc[:, [bool(name) for name in header]]


def numbers(frame, column, path, problems, *, low=-np.inf, high=np.inf, blank="error"):
    """One text column as floats; what is wrong with it is appended to ``problems``.

    A blank field is a problem with ``blank="error"`` and NaN with ``blank="nan"``. Text,
    NaN, infinity and values outside [low, high] are always problems.
    """
    text = frame[column]
    value = pd.to_numeric(text.where(text != "", None), errors="coerce").to_numpy(dtype=float)
    empty = (text == "").to_numpy()
    finite = np.isfinite(value)
    outside = finite & ((value < low) | (value > high))
    blanks = empty if blank == "error" else np.zeros_like(empty)
    for wrong, said in (
        (blanks, "{} is empty; fill it in or remove the line"),
        (
            outside,
            f"{{}} is {{}}, outside {low:g} to {high:g}; correct the value or remove the line",
        ),
        (~finite & ~empty, "{} is '{}', not a finite number; correct the field or remove the line"),
    ):
        found = [f"{path}, line {frame.index[i]}: {said.format(column, text.iloc[i])}"
                 for i in np.flatnonzero(wrong)]  # fmt: skip
        problems += as_one(found, len(text))
    return value


def as_one(found, n_lines) -> list[str]:
    """The problems ``found`` of one kind; if a file is full of them, only the first, counted."""
    if len(found) < max(MANY, 0.2 * n_lines):
        return found
    return [f"{found[0]} (so in {len(found)} of {n_lines} lines)"]


def song_ids(frame, path, problems, *, unique=True) -> np.ndarray:
    """The ``song_id`` column as positive whole numbers; duplicates are problems if ``unique``."""
    value = numbers(frame, "song_id", path, problems, low=1, high=10**9)
    whole = np.isfinite(value) & (value == np.floor(value))
    problems += [
        f"{path}, line {frame.index[i]}: song_id is {value[i]:g}, not a whole number; correct it"
        for i in np.flatnonzero(np.isfinite(value) & ~whole)
    ]
    ids = np.where(whole, value, -1).astype(np.int64)
    if unique:
        known = frame.index[ids > 0]
        twice(known, [f"song {song}" for song in ids[ids > 0]], path, problems)
    return ids


def twice(lines, names, path, problems):
    """A name (hashable) that an earlier one of ``lines`` had is a problem."""
    first, found = {}, []
    for line, name in zip(lines, names, strict=True):
        before = first.setdefault(name, line)
        if before != line:
            found.append(
                f"{path}, line {line}: {name} is there twice (first in line {before}); "
                "keep one of the two lines"
            )
    problems += as_one(found, len(lines))
