"""Kept tables: the one reader and the one writer of ``results/``.

A folder of ``results/`` holds CSV tables of aggregates (no row belongs to a song) and
``provenance.json``: the command, the checksums of the data, versions and date. Which command
makes which folder stands in ``results/README.md``.
"""

import importlib.metadata
import json
import platform
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mer_utils import __version__
from mer_utils.paths import repo_root, write_atomically

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "scoringrules")


def versions() -> dict:
    """Versions of the module, of Python and of the packages that decide results."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"mer_utils": __version__, "python": platform.python_version()} | packages


def write_tables(out: Path, tables: dict, provenance: dict, ending: str = "", digits: int = 4):
    """Write ``NAME{ending}.csv`` for each table and ``provenance{ending}.json``, each whole.

    ``digits`` after the point.
    """
    for name, table in tables.items():
        with write_atomically(out / f"{name}{ending}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format=f"%.{digits}f")
    with write_atomically(out / f"provenance{ending}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")


def kept(study: str, name: str, folder=None) -> pd.DataFrame:
    """The table ``results/STUDY/NAME.csv``, or that of ``folder``.

    Raises
    ------
    ValueError
        If it is not there; the message tells the mend.
    """
    # only an empty field is missing: "null" is the name of an estimator
    return pd.read_csv(
        _there(study, f"{name}.csv", folder), keep_default_na=False, na_values=["", "nan"]
    )


def provenance(study: str, ending: str = "", folder=None) -> dict:
    """What made the tables of ``results/STUDY``: command, data, checksums, versions."""
    path = _there(study, f"provenance{ending}.json", folder)
    return json.loads(path.read_text(encoding="utf-8"))


def _there(study, name, folder) -> Path:
    path = Path(folder or repo_root() / "results" / study) / name
    if not path.is_file():
        how = f"the command for {study}/ in results/README.md" if study else "mer run --out FOLDER"
        raise ValueError(f"{path} is missing: make it with {how}")
    return path


@dataclass(frozen=True, eq=False)
class Results:
    """The folder that ``mer run`` writes: scores, claims with their verdicts, provenance."""

    scores: pd.DataFrame
    claims: pd.DataFrame
    provenance: dict


def read_results(study: str = "", folder=None) -> Results:
    """The tables of ``mer run`` in ``results/STUDY`` or in ``folder``; errors as :func:`kept`."""
    claims = kept(study, "claims", folder)
    return Results(
        scores=kept(study, "scores", folder),
        claims=claims.assign(why=claims["why"].astype(object).fillna("")),
        provenance=provenance(study, folder=folder),
    )
