"""Builds the HTML book from the notebooks as they ran. Building never runs a notebook.

Committed notebooks carry no outputs and ``_toc.yml`` points at them. The outputs of the
executed copies go into a jupyter-cache, where the build finds them. See
:mod:`mer_utils.book.runner` for where the copies come from.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

import yaml
from filelock import FileLock

from mer_utils.book.runner import digest, executed_folder, pages, run_notebooks
from mer_utils.paths import repo_root, write_atomically


class BuildError(RuntimeError):
    """A notebook or the book failed; the message says which and shows the last lines."""


def build_book(home=None, parameters=None, *, jobs=None, say=print) -> Path:
    """Run the notebooks, build the HTML book, and return the path of its first page.

    Nothing is done where nothing changed. Parameters are those of :func:`run_notebooks`; other
    than default ones are announced on top of every page.

    Raises
    ------
    BuildError
        If a notebook fails, or the book builds with a warning.
    """
    root, build = repo_root(), executed_folder(home, parameters).parent
    failed = run_notebooks(home, parameters, jobs=jobs, say=say)
    if failed:
        raise BuildError("\n\n".join(f"{name} failed:\n{text}" for name, text in failed.items()))
    first, stamp = build / "html" / "index.html", build / "html.key"
    prose = (root / "book", root / "_config.yml", root / "_toc.yml")
    with FileLock(build / ".lock"):
        key = digest(*prose, Path(__file__), *pages(root), *sorted(build.glob("executed/*.key")))
        if first.is_file() and stamp.is_file() and stamp.read_text() == key:
            say("the book is unchanged")
            return first
        say("building the book ...")
        started = time.monotonic()
        stamp.unlink(missing_ok=True)
        _build_html(root, build, _fill_cache(root, build, parameters or {}))
        stamp.write_text(key)
    say(f"built the book in {time.monotonic() - started:.0f} s")
    return first


def _build_html(root: Path, build: Path, config: Path) -> None:
    # --all: outputs changed, and Sphinx only looks whether sources did.
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build"]
    command += [str(root), "--all", "-W", "-n", "--keep-going"]
    command += ["--path-output", str(build.parent), "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        problems = [line for line in done.stderr.splitlines() if re.search("WARNING|ERROR", line)]
        raise BuildError("the book did not build:\n" + ("\n".join(problems) or done.stderr))


def _fill_cache(root: Path, build: Path, parameters: dict) -> Path:
    """Store the outputs in a jupyter-cache beside a configuration that points to it.

    The cache is looked up by the *source* notebook, so outputs are copied into a copy of it;
    papermill's own file has one cell more and other metadata, and would not be found.
    """
    import nbformat  # these two take a second to load, and most builds have nothing to do
    from jupyter_cache import get_cache
    from jupyter_cache.cache.main import CacheBundleIn

    cache = get_cache(build / ".jupyter_cache")
    cache.clear_cache()
    for source in (page for page in pages(root) if page.suffix == ".ipynb"):
        notebook = nbformat.read(source, 4)
        ran = nbformat.read(build / "executed" / source.name, 4)
        same = [c for c in ran.cells if "injected-parameters" not in c.metadata.get("tags", [])]
        for cell, result in zip(notebook.cells, same, strict=True):
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = result.outputs, result.execution_count
        if "widgets" in ran.metadata:
            notebook.metadata["widgets"] = ran.metadata["widgets"]
        bundle = CacheBundleIn(notebook, str(source))
        cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["cache"] = str(build / ".jupyter_cache")
    for name, folder in config["sphinx"]["local_extensions"].items():
        config["sphinx"]["local_extensions"][name] = str(root / folder)
    if parameters:
        shown = ", ".join(
            f"{name} {Path(value).name}" for name, value in parameters.items() if name != "data"
        )
        config["html"]["announcement"] = f"Built with other than the default parameters: {shown}."
    path = build / "config.yml"
    with write_atomically(path) as temporary:
        temporary.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return path
