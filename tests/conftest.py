"""Shared fixtures. Tests that need data or a browser say why they are skipped.

With ``MER_REQUIRE_DATA=1`` (set by ``.ci/run``) a missing requirement is a failure.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def missing(reason: str):
    """Skip with ``reason``, or fail where everything must be there."""
    if os.environ.get("MER_REQUIRE_DATA") == "1":
        pytest.fail(f"MER_REQUIRE_DATA=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def deam_root() -> Path:
    """The real DEAM folder: $DEAM_ROOT, or ../shared/deam beside the clone."""
    for folder in (os.environ.get("DEAM_ROOT"), ROOT.parent / "shared" / "deam"):
        if folder and (Path(folder) / "annotations").is_dir():
            return Path(folder)
    missing("no DEAM folder: set DEAM_ROOT to the folder that holds annotations/")
