"""Shared fixtures. Tests that need data or a browser say why they are skipped.

With ``MER_REQUIRE_DATA=1`` (set by ``.ci/run``) a missing requirement is a failure.
"""

import os
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def missing(reason: str):
    """Skip with ``reason``, or fail where everything must be there."""
    if os.environ.get("MER_REQUIRE_DATA") == "1":
        pytest.fail(f"MER_REQUIRE_DATA=1, but {reason}")
    pytest.skip(reason)


def data_folder(name: str, holds: str) -> Path:
    """A folder that holds ``holds``: $NAME_ROOT, or ../shared/name beside the clone."""
    variable = f"{name.upper()}_ROOT"
    for folder in (os.environ.get(variable), ROOT.parent / "shared" / name):
        if folder and (Path(folder) / holds).exists():
            return Path(folder)
    missing(f"no data of {name}: set {variable} to the folder that holds {holds}")


@pytest.fixture(scope="session")
def deam_root() -> Path:
    """The real DEAM folder."""
    return data_folder("deam", "annotations")


@pytest.fixture(scope="session")
def many_raters_root() -> Path:
    """The folder of other collections with many raters."""
    return data_folder("many_raters", "koniq10k/koniq10k_distributions_sets.csv")


@pytest.fixture(scope="session")
def soundtracks_root() -> Path:
    """Ratings of film music."""
    return data_folder("soundtracks", "raw_ratings.csv")


@pytest.fixture(scope="session")
def musicfm_root() -> Path:
    """Reference values for MusicFM."""
    return data_folder("musicfm", "tiny")


@pytest.fixture(scope="session")
def musifeast17_root() -> Path:
    """MUSIFEAST-17 as published."""
    return data_folder("musifeast17", "MUSIFEAST17_all.csv")


@pytest.fixture(scope="session")
def musicnn_weights() -> Path:
    """The wheel with musicnn's weights: where they are kept, else fetched there with pip."""
    from mer_utils.data.unpack import FetchError
    from mer_utils.embed.weights import fetch_musicnn

    try:
        return fetch_musicnn(progress=False)
    except FetchError as error:
        missing(f"no weights of musicnn: {error}")


@pytest.fixture(scope="session")
def quick_run():
    """All notebooks run in the quick profile, as `mer book --profile quick` would.

    Returns (folder with executed/ and runs/, {name of a notebook that failed: what it said}).
    What is up to date is not run again; of two test processes, one waits for the other.
    """
    from mer_utils.book.runner import executed_folder, run_notebooks

    quick = {"profile": "quick"}
    failed = run_notebooks(parameters=quick)
    return executed_folder(parameters=quick).parent, failed


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium of the system, driven by playwright."""
    program = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    )
    if not program:
        missing("no chromium found: install it, or set CHROMIUM to its path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = {"executable_path": program, "args": ["--no-sandbox"]}
        with playwright.chromium.launch(**options) as browser:
            yield browser
