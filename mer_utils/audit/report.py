"""A plain-text report in sections, in which a failing section does not end the report."""

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

WIDTH = 78
"""Columns of the report: it fits a terminal of 80."""


@dataclass(frozen=True)
class CheckReport:
    """A readable report: ``str()`` it. ``problems`` has one sentence per error."""

    lines: tuple
    problems: tuple

    @property
    def errors(self) -> int:
        """Number of errors; 0 means that the folder can be used."""
        return len(self.problems)

    def __str__(self):
        return "\n".join(self.lines)


class Writer:
    """Collects lines and problems; a section that fails says so and the next one goes on."""

    def __init__(self, shorten=str):
        self.shorten, self.lines, self.problems = shorten, [], []

    def say(self, text="", first="  ", rest="  "):
        """A paragraph; only a word longer than a line, such as a path, is broken."""
        wrapped = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest,
                                break_on_hyphens=False)  # fmt: skip
        self.lines += wrapped or [""]

    def title(self, text, line="-"):
        """A heading, underlined."""
        start = len(self.lines)
        self.say(text, "", "")
        self.lines.append(line * max(map(len, self.lines[start:])))

    def row(self, label, value):
        """A line with a label of at most 27 characters."""
        self.say(value, f"  {label:<28}", " " * 30)

    def table(self, frame):
        """A data frame of a few narrow columns."""
        self.lines += ["  " + line for line in frame.to_string(index=False).splitlines()]

    @contextmanager
    def section(self, title):
        """What follows under a heading; its errors are collected, with the folder left out."""
        self.say()
        self.title(title)
        try:
            yield
        except ValueError as error:
            found = [self.shorten(text) for text in getattr(error, "problems", [str(error)])]
            new = [text for text in found if text not in self.problems]
            self.problems += new
            self.say(f"{len(new)} error(s) here, listed at the end." if new else
                     "Not possible because of the errors above.")  # fmt: skip
