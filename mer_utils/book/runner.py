"""Runs the notebooks with papermill: all that changed, independent ones side by side.

Everything goes into ``home/_build``::

    executed/NAME.ipynb   the notebook as it ran
    executed/NAME.key     what that run depended on
    runs/NAME-*.json      its scores

A notebook runs again only if its key changed: a digest of its source, the code of the module that
it imports (and what that imports; comments do not count), the exact package versions, the
parameters, ``results/`` and the notebooks if it reads them, and, if it has a parameter
``encoder``, the encoders' weights that are there. Experiments are cached by
content, so running a notebook again is quick where nothing it computes has changed. Of two
runs into one folder, the second waits for the first.
"""

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from graphlib import TopologicalSorter
from pathlib import Path

import yaml
from filelock import FileLock

from mer_utils.code_digest import digest_of, used_files
from mer_utils.embed.weights import fingerprint
from mer_utils.paths import repo_root

# These share cached experiments with the notebooks named, so they start after them. Only the
# order matters: alone, they compute what they need.
STARTS_AFTER = {
    "05_seed_ensemble": ("02_mse", "03_kld", "04_nll"),
    "06_mc_dropout": ("02_mse", "03_kld", "04_nll"),
    "07_failure_analysis": ("02_mse", "03_kld", "04_nll", "05_seed_ensemble", "06_mc_dropout"),
}
# These show the results of all others, and of results/: they run again when one of them did.
READS_ALL = ("scorecard",)


def pages(root: Path) -> list[Path]:
    """Source files of the book in the order of ``_toc.yml``.

    Raises
    ------
    ValueError
        If an entry has no ``.ipynb`` or ``.md`` file.
    """
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    parts = toc.get("parts", [toc])
    entries = [toc["root"], *(c["file"] for part in parts for c in part.get("chapters", []))]
    found = []
    for entry in entries:
        files = [root / f"{entry}{end}" for end in (".ipynb", ".md")]
        found += [file for file in files if file.is_file()][:1]
        if not any(file.is_file() for file in files):
            raise ValueError(f"_toc.yml names {entry!r}, but there is no {entry}.ipynb or .md")
    return found


def digest(*parts) -> str:
    """SHA-256 over strings and the contents of files and folders (given as Path)."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            inside = sorted(part.rglob("*")) if part.is_dir() else [part]
            for file in inside:
                if file.is_file() and "__pycache__" not in file.parts:
                    total.update(f"{file.relative_to(part)}\0".encode() + file.read_bytes())
        else:
            total.update(f"{part}\0".encode())
    return total.hexdigest()


def listing(place: str) -> str:
    """Names, sizes and times of the files of a data folder: changes when the data do.

    ``place`` may also be a file, or a store with a layer behind a colon; "" gives "".
    """
    paths = [path for path in (Path(place), Path(place.rpartition(":")[0])) if path.exists()]
    files = [paths[0], *sorted(paths[0].rglob("*"))] if place and paths else []
    files = [f for f in files if f.is_file()]
    return "\n".join(f"{f} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)


def code_of(notebook: Path, tag: str = "") -> str:
    """The code of a notebook, or of its cells with this tag."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    cells = [c for c in cells if c["cell_type"] == "code"]
    cells = [c for c in cells if not tag or tag in c.get("metadata", {}).get("tags", [])]
    return "\n".join("".join(cell["source"]) for cell in cells)


def declared(notebook: Path) -> list[str]:
    """Names that the notebook's ``parameters`` cell assigns."""
    body = ast.parse(code_of(notebook, "parameters")).body
    targets = [n.target if isinstance(n, ast.AnnAssign) else n.targets[0] for n in body]
    return [target.id for target in targets]


def run_notebooks(home=None, parameters=None, *, jobs=None, say=print) -> dict:
    """Run the notebooks that are not up to date, independent ones side by side.

    Parameters
    ----------
    home : path, optional
        Results go to ``home/_build``; see :func:`executed_folder` for the default.
    parameters : dict of str -> str, optional
        Handed to every notebook that declares them, e.g. ``{"profile": "quick"}``.
    jobs : int, optional
        Notebooks at a time; by default one for each processor, at most four.
    say : callable
        Takes one line of progress.

    Returns
    -------
    dict of str -> str
        Name of each notebook that failed -> what it said. Empty if all is well.
    """
    root, given = repo_root(), dict(parameters or {})
    executed = executed_folder(home, given)
    sources = {page.stem: page for page in pages(root) if page.suffix == ".ipynb"}
    places = (given.get(name, "").removesuffix("auto") for name in ("data", "features", "dataset"))
    files = [listing(place) for place in places]
    common = digest(root / "constraints.txt", *files)
    results, package = digest(root / "results"), root / "mer_utils"
    processors = os.cpu_count() or 1
    jobs = jobs or min(processors, 4)
    keys, failed, running, ran = {}, {}, {}, 0

    def finish(name, problem=""):
        if problem:
            failed[name] = problem
        order.done(name)

    order = TopologicalSorter({name: _before(name, sources) for name in sources})
    order.prepare()
    with FileLock(executed.parent / ".lock"), ThreadPoolExecutor(jobs) as pool:
        while order.is_active():
            for name in order.get_ready():
                code = code_of(sources[name])
                kept = name in READS_ALL or package / "results.py" in used_files(code, package)
                reads = [results] if kept else []
                reads += sorted(keys.items()) if name in READS_ALL else []
                mine = {k: v for k, v in given.items() if k in declared(sources[name])}
                weights = fingerprint() if "encoder" in declared(sources[name]) else ""
                own = digest_of(code, package)
                keys[name] = digest(common, own, sources[name], mine, reads, weights)
                if name in READS_ALL and failed:
                    finish(name, f"not run, because it reads {', '.join(failed)}")
                elif is_fresh(executed / name, keys[name]):
                    finish(name)
                else:
                    if not running and not ran:
                        say(f"running the notebooks, {jobs} at a time ...")
                    threads = max(1, processors // jobs)
                    task = pool.submit(_run, sources[name], executed, mine, keys[name], threads)
                    running[task] = name
            for task in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                name, ran = running.pop(task), ran + 1
                seconds, problem = task.result()
                count = f"[{len(keys) - len(running)}/{len(sources)}]"
                say(f"{count} {name} {'FAILED after' if problem else 'ran in'} {seconds:.0f} s")
                finish(name, problem)
    if ran < len(sources):
        say(f"{len(sources) - ran - len(set(failed) & set(READS_ALL))} notebooks unchanged")
    return failed


def is_fresh(stem: Path, key: str) -> bool:
    """True if the executed notebook ``stem.ipynb`` is there and was made under ``key``."""
    stamp = stem.with_suffix(".key")
    return stem.with_suffix(".ipynb").is_file() and stamp.is_file() and stamp.read_text() == key


def executed_folder(home=None, parameters=None) -> Path:
    """``home/_build/executed``, made if missing.

    Without ``home`` it is the repository root for default parameters, and for others a folder
    in its ``_build`` that is named after them, e.g. ``_build/quick``.
    """
    given = {name: str(value) for name, value in (parameters or {}).items() if name != "data"}
    # of a path its last name, with the layer
    values = [re.sub(r"[^\w.-]+", "-", Path(value).name) for value in given.values()]
    home = home or repo_root().joinpath(*(["_build", "-".join(values)] if values else []))
    folder = Path(home).resolve() / "_build" / "executed"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot make {folder}: {error.strerror}. Choose another one") from error
    return folder


def _before(name: str, names) -> set:
    if name in READS_ALL:
        return set(names) - set(READS_ALL)
    return set(STARTS_AFTER.get(name, ())) & set(names)


def _run(source: Path, executed: Path, parameters: dict, key: str, threads: int):
    """Run one notebook; (seconds, "") or (seconds, what it said). Keeps the old copy on failure."""
    stamp, failed = executed / f"{source.stem}.key", executed / f"{source.stem}.failed.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), str(failed), "--no-progress-bar"]
    command += ["--engine", "mer"]
    command += [word for name, value in parameters.items() for word in ("-r", name, str(value))]
    threads_of = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
    places = {"MER_ROOT": str(repo_root()), "MER_BUILD": str(executed.parent)}
    started = time.monotonic()
    done = subprocess.run(
        command,
        env={**os.environ, **threads_of, **places},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.monotonic() - started
    if done.returncode:
        return seconds, f"{_last_lines(done.stderr, 15)}\n(as far as it ran: {failed})"
    stamp.unlink(missing_ok=True)
    os.replace(failed, executed / source.name)
    stamp.write_text(key)
    return seconds, ""


def _last_lines(text: str, count: int) -> str:
    return "\n".join(re.sub(r"\x1b\[[0-9;]*m", "", text).strip().splitlines()[-count:])
