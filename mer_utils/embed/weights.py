"""The files of encoders' weights: which there are, which go together, and fetching musicnn's.

Needs no torch.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from filelock import FileLock

from mer_utils.data.dataset import sha256
from mer_utils.data.unpack import FetchError
from mer_utils.paths import weights_dir

WHEEL = "musicnn-0.1.0-py3-none-any.whl"  # the package that holds musicnn's weights
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
BY_HAND = f"or fetch {WHEEL} on another machine (pip download --no-deps musicnn==0.1.0) and put it"
FILES = {"musicfm": ("pretrained_msd.pt", "msd_stats.json"), "musicnn": (WHEEL,), "logmel": ()}
"""Encoder -> files in ``weights_dir()`` that it needs; nearest to the paper first."""


def fingerprint() -> str:
    """Names, sizes and times of the files of ``FILES`` that are there."""
    paths = [weights_dir() / file for files in FILES.values() for file in files]
    facts = [(path.name, path.stat()) for path in paths if path.is_file()]
    return "\n".join(f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in facts)


def stats_beside(checkpoint) -> Path:
    """Statistics of the variant that the checkpoint's name tells (msd, fma), else ``stats.json``.

    A name that tells neither leaves the choice to the one file that is there.
    """
    variants = ("msd", "fma")
    told = [variant for variant in variants if variant in checkpoint.name.lower()] or variants
    named = [checkpoint.with_name(f"{variant}_stats.json") for variant in told]
    there = [path for path in named if path.is_file()]
    if len(there) > 1:
        raise ValueError(f"{checkpoint}: {' or '.join(path.name for path in there)}? Name it "
                         "pretrained_msd.pt or pretrained_fma.pt")  # fmt: skip
    other = checkpoint.with_name("stats.json")
    return there[0] if there else other if other.is_file() else named[0]


def fetch_musicnn(dest=None, *, progress=True) -> Path:
    """Fetch the wheel with the weights (29 MB); path of the file, checked.

    ``dest`` is a folder, made if missing; default ``weights_dir()``, where ``load_musicnn`` looks.
    pip's own settings apply. A sound copy that is there is kept; of two processes, one waits for
    the other. ``progress`` lets pip say what it does, with a bar in a terminal.

    Raises
    ------
    FetchError
        If Python has no pip, pip cannot get the file, its SHA-256 is not the one published with
        version 0.1.0, or the folder cannot be written.
    """
    folder = Path(dest).expanduser() if dest else weights_dir()
    target = folder / WHEEL
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{WHEEL}.lock"):
            if target.is_file() and sha256(target) == WHEEL_SHA256:
                return target
            with tempfile.TemporaryDirectory(prefix=".musicnn-", dir=folder) as temporary:
                got = _pip_download(Path(temporary), folder, progress)
                found = sha256(got)
                if found != WHEEL_SHA256:
                    raise FetchError(
                        f"{WHEEL}: SHA-256 is {found}, not {WHEEL_SHA256}, so it was not kept; "
                        "try again, and if it stays so do not use what this index offers"
                    )
                os.replace(got, target)
    except OSError as error:
        raise FetchError(
            f"{error.filename or folder}: {error.strerror or error}; choose a folder that can be "
            "written and has room"
        ) from None
    return target


def _pip_download(temporary, folder, progress):
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:",
               "--disable-pip-version-check", "--no-input", "--retries=1", "--timeout=30",
               f"--dest={temporary}", "musicnn==0.1.0"]  # fmt: skip
    quiet, pipe = subprocess.DEVNULL, subprocess.PIPE
    shown = None if progress else quiet
    done = subprocess.run(command, stdin=quiet, stdout=shown, stderr=pipe, text=True)
    got = temporary / WHEEL
    if done.returncode == 0 and got.is_file():
        return got
    if "No module named pip" in done.stderr:
        raise FetchError(
            f"{sys.executable} has no pip: python -m ensurepip may add it, {BY_HAND} in {folder}"
        )
    said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    reason = " ".join(said or done.stderr.splitlines()[-1:])[:300] or "it said nothing"
    raise FetchError(
        f"pip could not get musicnn 0.1.0 ({reason}): check the network and pip's settings and "
        f"try again, {BY_HAND} in {folder}"
    )
