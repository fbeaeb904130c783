"""Makes ``papermill notebooks/04_nll.ipynb -p seed 7`` work exactly as typed.

Stock papermill wants an output path. Without one it stops on a terminal, reads the
notebook from stdin when stdin is a pipe, and otherwise pours JSON on stdout. But papermill
imports its ``papermill.engine`` entry points *before* it parses its arguments, and this
module is one. So, unusual as it is, importing this module completes the command line:

* the only positional argument is a notebook of this repository: the executed copy goes to
  ``_build/runs/NAME.ipynb``;
* the notebook is one of this repository and no ``--engine`` is given: :class:`Engine` runs
  it, which is the stock engine plus two things. It prints the scores at the end, and it
  turns a refused parameter, or bad data, into a plain message and exit status 2.

Every other command line, and every other program that imports papermill, is left alone.
"""

import os
import sys
from pathlib import Path

import click
from papermill.engines import NBClientEngine

# Number of values after each papermill option; an option not named here takes one.
# tests/book/test_papermill_engine.py compares this with papermill's own list.
TWO_VALUES = {"-p", "--parameters", "-r", "--parameters_raw"}
NO_VALUE = {
    *("--help", "--version", "--help-notebook", "--inject-input-path", "--inject-output-path"),
    *("--inject-paths", "--request-save-on-cell-execute", "--no-request-save-on-cell-execute"),
    *("--prepare-only", "--prepare-execute", "--progress-bar", "--no-progress-bar"),
    *("--log-output", "--no-log-output", "--report-mode", "--no-report-mode"),
}
ONLY_ASKS = {"--help", "--version", "--help-notebook"}


def positionals(arguments: list[str]) -> list[str]:
    """The arguments that are neither options nor values of options."""
    found, skip = [], 0
    for argument in arguments:
        if skip:
            skip -= 1
        elif argument in TWO_VALUES:
            skip = 2
        elif argument.startswith("--") and "=" in argument or argument in NO_VALUE:
            pass
        elif argument.startswith("-") and argument != "-":
            skip = 1
        else:
            found.append(argument)
    return found


def home_of(notebook: Path) -> Path | None:
    """The repository root that ``notebook`` lies in, or None if it is not one of ours."""
    if notebook.suffix != ".ipynb" or not notebook.is_file():
        return None
    for folder in notebook.resolve().parents:
        if (folder / "_toc.yml").is_file() and (folder / "mer_utils").is_dir():
            return folder
    return None


def completed(arguments: list[str]) -> list[str]:
    """``arguments`` with the engine and the output path that the user left out.

    Sets ``$MER_ROOT`` for the kernel, so that a notebook started from another folder
    still finds its repository.

    Raises
    ------
    SystemExit
        With status 2 and a message if the folder for the output cannot be made.
    """
    places = positionals(arguments)
    root = home_of(Path(places[0])) if places else None
    if root is None or ONLY_ASKS.intersection(arguments):
        return arguments
    os.environ.setdefault("MER_ROOT", str(root))
    added = []
    if not any(argument.split("=")[0] == "--engine" for argument in arguments):
        added += ["--engine", "mer"]
    if len(places) == 1:
        runs = Path(os.environ.get("MER_BUILD") or root / "_build") / "runs"
        try:
            runs.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            click.echo(
                f"Error: cannot make {runs}: {error.strerror}. Give an output path after the "
                "notebook, or set MER_BUILD to a folder you may write to.",
                err=True,
            )
            raise SystemExit(2) from error
        added += [str(runs / Path(places[0]).name)]
    return arguments + added


class Refused(click.ClickException):
    """A parameter, or data, that the notebook refused; papermill prints it and stops."""

    exit_code = 2


class Engine(NBClientEngine):
    """papermill's own engine, which also tells the terminal what the notebook found."""

    @classmethod
    def execute_notebook(cls, nb, kernel_name, output_path=None, **options):
        """Run ``nb`` and print the scores that :func:`mer_utils.book.notebook.save_scores` left.

        Raises
        ------
        Refused
            If a parameter was refused (:func:`mer_utils.book.notebook.check_parameters`), or
            the data it names cannot be used.
        """
        # Kernels that start side by side can pick the same port; then one dies at once. It
        # has run no cell, so starting another is safe.
        for tries_left in (2, 1, 0):
            try:
                ran = super().execute_notebook(nb, kernel_name, output_path=output_path, **options)
                break
            except RuntimeError as error:
                if "Kernel died before replying" not in str(error) or not tries_left:
                    raise
        nb = ran
        for output in (output for cell in nb.cells for output in cell.get("outputs", [])):
            if output.get("ename") in ("ParameterError", "DataError"):
                raise Refused(output.evalue)
            if output.get("metadata", {}).get("mer_scores"):
                # Without an output path the notebook itself goes to stdout: keep that clean.
                click.echo(output.data["text/plain"], err=output_path is None)
        return nb


if Path(sys.argv[0]).stem == "papermill":
    sys.argv[1:] = completed(sys.argv[1:])
