"""A plain-text report in sections, in which a failing section does not end the report."""

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.data.moments import part_of_scale

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

    def moments(self, data):
        """What means and SDs there are of each dimension, and what is odd about them as a whole.

        ``data`` has ``dimensions``, ``scale``, ``rating_mean`` and ``rating_sd``.
        """
        rows, mean = [], data.rating_mean
        for k, name in enumerate(data.dimensions):
            for what, values in (("mean", mean[:, k]), ("SD", data.rating_sd[:, k])):
                parts = (values.mean(), values.std(), values.min(), np.median(values), values.max())
                rows.append((f"{name} {what}"[:28], *(f"{v:.2f}" for v in parts)))
        head = ["", "average", "spread", "lowest", "median", "highest"]
        self.table(pd.DataFrame(rows, columns=head))
        if len(data.dimensions) == 2 and mean.std(axis=0).min() > 0:
            one, other = (f"mean {name}" for name in data.dimensions)
            self.say()
            self.say(f"Correlation of {one} and {other}: {np.corrcoef(mean.T)[0, 1]:.2f}.")
        for name, values in zip(data.dimensions, mean.T, strict=True):
            if odd := part_of_scale(values, data.scale):
                self.say()
                self.say(f"Odd, {name}: {odd}")

    def finish(self, good):
        """The errors once more, or ``good``; returns the :class:`CheckReport`."""
        self.say()
        self.title(f"{len(self.problems)} error(s)" if self.problems else "No errors", "=")
        for i, text in enumerate(self.problems[:20], start=1):
            self.say(text, f"{i:3}. ", "     ")
        if len(self.problems) > 20:
            self.say(f"... and {len(self.problems) - 20} more of these kinds.", "     ")
        if not self.problems:
            self.say(good)
        return CheckReport(tuple(self.lines), tuple(self.problems))

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
