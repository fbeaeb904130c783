"""What every notebook begins and ends with: checked parameters, saved scores, numbers in prose."""

import ast
import difflib
import hashlib
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from IPython.display import display

from mer_utils.data.load import NAMES
from mer_utils.data.own_folder import DESCRIPTION, is_own
from mer_utils.paths import build_dir, repo_root, write_atomically
from mer_utils.show.terminal import QUICK, WIDTH, score_lines


class ParameterError(ValueError):
    """A notebook parameter that is unknown, of the wrong type, or out of range."""

    def _render_traceback_(self):
        # IPython prints this instead of a traceback: the message is all the reader needs.
        return [f"ParameterError: {self}"]


@dataclass(frozen=True)
class between:
    """A number from ``low`` to ``high``, both included; whole if ``low`` is a whole number."""

    low: float
    high: float


STANDARD = {
    "dataset": NAMES,
    "data": str,
    "labels": ("as_distributed", "corrected", "few_listeners"),
    "features": str,
    "profile": ("paper", "quick"),
    "seed": between(0, 10**6),
}
"""The parameters of every page that computes: what :func:`mer_utils.data.load.load` and
:class:`mer_utils.model.experiment.Experiment` take. README.md explains them."""


class PageParameters(dict):
    """Name -> value of all parameters of a page; ``standard`` has those of every page alone."""

    @property
    def standard(self) -> dict:
        """For ``load(**params.standard)``, where a page has parameters of its own.

        ``split`` is one of these where a page has it; see
        :class:`mer_utils.model.experiment.Experiment`.
        """
        return {name: self[name] for name in (*STANDARD, "split") if name in self}


def check_parameters(namespace: dict, **own) -> PageParameters:
    """Check the parameters of a notebook; the cell right after the ``parameters`` cell.

    Parameters
    ----------
    namespace : dict
        ``globals()`` of the notebook, which has those of :data:`STANDARD`.
    **own
        One keyword for each further parameter: a type (``int``, ``float``, ``str``, ``bool``),
        a tuple of allowed values, or :class:`between`.

    Returns
    -------
    PageParameters
        A dict, the standard ones first.

    Raises
    ------
    ParameterError
        If papermill was given a name that is not declared (``-p seedd 7``), or a value that
        does not fit (``-p seed seven``). The message tells the mend.

    Examples
    --------
    >>> page = {"dataset": "simulated", "data": "", "labels": "as_distributed"}
    >>> page |= {"features": "auto", "profile": "quick", "seed": 7}
    >>> check_parameters(page)["seed"]
    7
    >>> check_parameters(page | {"seed": "seven"})
    Traceback (most recent call last):
    mer_utils.book.notebook.ParameterError: parameter 'seed' must be a whole number from 0 to \
1000000, not 'seven'
    """
    declared = STANDARD | own
    for name in _injected(namespace):
        if name not in declared:
            close = difflib.get_close_matches(name, declared, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(declared)}"
            raise ParameterError(f"unknown parameter {name!r}: {hint}")
    for name, kind in declared.items():
        if name not in namespace:
            raise ParameterError(f"parameter {name!r} has no value: run the parameters cell first")
        wanted = _unmet(namespace[name], kind)
        if wanted and name == "dataset":
            wanted = "" if is_own(namespace[name]) else f"{wanted}, or a folder with {DESCRIPTION}"
        if wanted:
            raise ParameterError(f"parameter {name!r} must be {wanted}, not {namespace[name]!r}")
    return PageParameters((name, namespace[name]) for name in declared)


def _injected(namespace: dict) -> list[str]:
    """Names assigned by papermill: its cell begins with ``# Parameters``.

    Read from IPython's list of the cells that ran (``In``), because a global that nobody
    declared may as well be a result of the notebook.
    """
    cells = [source for source in namespace.get("In", []) if source.startswith("# Parameters")]
    lines = [node for source in cells for node in ast.parse(source).body]
    return [n.targets[0].id for n in lines if isinstance(n, ast.Assign)]


def _unmet(value, kind) -> str:
    """What ``value`` should have been, in words; empty if it fits ``kind``."""
    names = {int: "a whole number", float: "a number", str: "text", bool: "True or False"}
    if isinstance(kind, tuple):
        return "" if value in kind else f"one of {', '.join(map(repr, kind))}"
    if isinstance(kind, between):
        number = type(kind.low)
        fits = not _unmet(value, number) and kind.low <= value <= kind.high
        return "" if fits else f"{names[number]} from {kind.low} to {kind.high}"
    accepted = (int, float) if kind is float else kind
    fits = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
    return "" if fits else names[kind]


def scores_path(name: str, params: dict) -> Path:
    """Where the scores of notebook ``name`` with these parameters are: one file for each set."""
    text = json.dumps(params, sort_keys=True)
    return build_dir() / "runs" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"


def save_scores(name: str, scores: pd.DataFrame, params: dict, verdict: str = "") -> None:
    """Write the scores of a notebook, show them, and say where they are; its last cell.

    The table shows in the notebook and in the book. Run by papermill, it is printed on the
    terminal too (see :mod:`mer_utils.book.papermill_engine`). The file is at :func:`scores_path`
    and holds ``{"notebook", "parameters", "scores"}``, the scores as a list of rows.

    Parameters
    ----------
    name : str
        Name of the notebook, e.g. ``"04_nll"``.
    scores : pandas.DataFrame
        One row for each score. A named index is kept.
    params : dict
        What :func:`check_parameters` returned.
    verdict : str
        What was found, in one line; it stands first on the terminal.

    Raises
    ------
    ValueError
        If the file cannot be written; what was there before is kept.
    """
    rows = scores if isinstance(scores.index, pd.RangeIndex) else scores.reset_index()
    record = {
        "notebook": name,
        "parameters": params,
        "scores": json.loads(rows.to_json(orient="records", double_precision=10)),
    }
    try:
        path = scores_path(name, params)
        with write_atomically(path) as temporary:
            temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"cannot write the scores of {name}: {error}. Make the folder writable, or set "
            "MER_BUILD to one that is."
        ) from error
    root = repo_root()
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    quick = params.get("profile") == "quick"
    display(_Scores(rows, name, verdict, quick, str(shown)), metadata={"mer_scores": True})


@dataclass(frozen=True)
class _Scores:
    """A table of scores, as text for a terminal and as HTML for a page."""

    table: pd.DataFrame
    name: str
    verdict: str
    quick: bool
    path: str

    def __repr__(self):
        quick = [QUICK] if self.quick else []
        head = [*textwrap.wrap(self.verdict, WIDTH), *quick]
        lines = [*head, ""] if head else []
        lines += score_lines(self.table)
        lines += ["", *["(in brackets: 95% intervals)"] * ("[" in "".join(lines))]
        return "\n".join([*lines, f"Scores of {self.name} are in", self.path])

    def _repr_html_(self):
        html = self.table.to_html(index=False, float_format="{:.3f}".format, border=0)
        return f"{html}<p><small>Scores of {self.name}, written to {self.path}</small></p>"


def glue(name: str, value, spec: str = "") -> None:
    """Name a number for the prose: ``{glue:text}`name``` shows ``format(value, spec)``.

    >>> glue("r2_valence", 0.4213, ".2f")  # doctest: +SKIP
    """
    from myst_nb import glue as myst_glue  # brings Sphinx, so only where a number is glued

    myst_glue(name, format(value, spec), display=False)
