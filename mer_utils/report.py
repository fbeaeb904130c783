"""A plain-text report in sections, in which a failing section does not end the report."""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

WIDTH = 92


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
        wrapped = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest,
                                break_long_words=False, break_on_hyphens=False)  # fmt: skip
        self.lines += wrapped or [""]

    def row(self, label, value):
        self.say(value, f"  {label:<36}", " " * 38)

    def table(self, frame):
        self.lines += ["  " + line for line in frame.to_string(index=False).splitlines()]

    @contextmanager
    def section(self, title):
        self.lines += ["", title, "-" * len(title)]
        try:
            yield
        except ValueError as error:
            found = [self.shorten(text) for text in getattr(error, "problems", [str(error)])]
            new = [text for text in found if text not in self.problems]
            self.problems += new
            self.say(f"{len(new)} error(s) here, listed at the end." if new else
                     "Not possible because of the errors above.")  # fmt: skip
