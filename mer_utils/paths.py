"""Where things are: the repository root, the cache and the build folder."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


def repo_root() -> Path:
    """Folder that holds ``_toc.yml`` and ``mer_utils/``.

    Looked for in ``$MER_ROOT``, then upwards from the working folder, then upwards from
    the installed package. A notebook's working folder is the caller's, so the first two
    can both miss.

    Raises
    ------
    ValueError
        If none of them is inside a clone of the repository.
    """
    given = os.environ.get("MER_ROOT")
    here = [Path.cwd(), *Path.cwd().parents]
    package = list(Path(__file__).resolve().parents)
    for folder in ([Path(given)] if given else []) + here + package:
        if (folder / "_toc.yml").is_file() and (folder / "mer_utils").is_dir():
            return folder.resolve()
    raise ValueError("no clone of the repository found: set MER_ROOT to the folder with _toc.yml")


def cache_dir() -> Path:
    """``$MER_CACHE``, or ``.cache`` in the repository root; made if missing.

    Raises ``ValueError`` if it cannot be made.
    """
    return _folder("MER_CACHE", ".cache")


def build_dir() -> Path:
    """``$MER_BUILD``, or ``_build`` in the repository root; made if missing.

    Raises ``ValueError`` if it cannot be made.
    """
    return _folder("MER_BUILD", "_build")


def weights_dir() -> Path:
    """Where downloaded weights are kept: $MER_WEIGHTS, or the user's cache folder."""
    import pooch

    return Path(os.environ.get("MER_WEIGHTS") or pooch.os_cache("mer_utils"))


def _folder(variable, default):
    folder = Path(os.environ.get(variable) or repo_root() / default)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"cannot make the folder {folder}: {error}. Set {variable} to one that can be written"
        ) from error
    return folder


@contextmanager
def write_atomically(path: str | Path):
    """Yield a temporary path beside ``path``; move it there only if the body succeeds.

    >>> with write_atomically("scores.csv") as temporary:  # doctest: +SKIP
    ...     table.to_csv(temporary)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
