"""The folder of tables that ``mer run`` writes, with what made them.

A results folder holds ``scores.csv`` (see :mod:`mer_utils.study`), ``claims.csv`` (see
:mod:`mer_utils.claims`) and ``provenance.json``: the command, the checksums of the data,
versions and date. They hold aggregates only: no row belongs to a song.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd

from mer_utils import __version__
from mer_utils.claims import judge
from mer_utils.experiment import Experiment, get_profile
from mer_utils.paths import build_dir, repo_root, write_atomically
from mer_utils.study import run_study

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "scoringrules")


@dataclass(frozen=True, eq=False)
class Results:
    """What is in a results folder; see the module."""

    scores: pd.DataFrame
    claims: pd.DataFrame
    provenance: dict


def versions() -> dict:
    """Versions of the module, of Python and of the packages that decide results."""
    packages = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"mer_utils": __version__, "python": platform.python_version()} | packages


def write_tables(out: Path, tables: dict, provenance: dict, ending: str = ""):
    """Write ``NAME{ending}.csv`` for each table and ``provenance{ending}.json``, each whole."""
    for name, table in tables.items():
        with write_atomically(out / f"{name}{ending}.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.4f")
    with write_atomically(out / f"provenance{ending}.json") as temporary:
        temporary.write_text(json.dumps(provenance, indent=1) + "\n", encoding="utf-8")


def kept_file(study: str, name: str, command: str, folder=None) -> Path:
    """A file of ``results/STUDY`` (or of ``folder``); a ``ValueError`` that tells the mend.

    ``command`` is what makes it, up to ``--out``.
    """
    path = Path(folder or repo_root() / "results" / study) / name
    if not path.is_file():
        raise ValueError(f"{path} is missing: make it with `{command} --out {path.parent}`")
    return path


def write_results(
    dataset, data, profile, out=None, labels=None, say=print, features="auto"
) -> Path:
    """Run the study and write its folder; what ``mer run`` does.

    Parameters
    ----------
    dataset, data : str
        As in :class:`mer_utils.experiment.Experiment`.
    profile : {"paper", "quick"}
    out : path, optional
        The folder; one in the build folder by default.
    labels : sequence of str, optional
        Both versions for DEAM, ``as_distributed`` for simulated data.
    features : str
        As in :class:`mer_utils.experiment.Experiment`.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ValueError
        Bad data, or a folder that cannot be written (found out before training).
    """
    size = get_profile(profile)
    labels = labels or (
        ["as_distributed", "corrected"] if dataset == "deam" else ["as_distributed"]
    )
    out = Path(out) if out else build_dir() / "studies" / f"{dataset}-{profile}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise ValueError(f"cannot write to {out}: {error}. Choose another folder") from error

    scores, claims, described = [], [], None
    for version in labels:
        which = {"dataset": dataset, "data": str(data or ""), "features": features}
        experiment = Experiment.of(profile, labels=version, **which)
        songs = experiment.songs()
        say(f"{songs.name}, {len(songs)} songs, labels {version}, {songs.feature_source}")
        # rounded before judging, so that verdicts follow from what is written
        table = run_study(experiment, n_resamples=size["n_resamples"]).round(4)
        table.insert(0, "labels", version)
        verdicts = judge(table, songs)
        verdicts.insert(0, "labels", version)
        scores.append(table)
        claims.append(verdicts)
        described = described or songs
    shown = " --data $DEAM_ROOT" if dataset == "deam" else ""
    shown += " --features FEATURES" if features != "auto" else ""  # a path is of one machine
    provenance = {
        "command": f"mer run --dataset {dataset}{shown} --profile {profile}",
        "date": datetime.date.today().isoformat(),
        "dataset": described.name,
        "simulated": described.simulated,
        "n_songs": len(described),
        "features": described.feature_source,
        "n_features": int(described.features.shape[1]),
        "seeds": [experiment.seeds.start, experiment.seeds.stop - 1],
        "split_seed": experiment.split_seed,
        "protocol": asdict(experiment.protocol),
        "n_resamples": size["n_resamples"],
        "notes": list(described.notes),
        "checksums": described.checksums,
        "versions": versions(),
    }
    tables = {"scores": pd.concat(scores), "claims": pd.concat(claims)}
    write_tables(out, tables, provenance)
    return out


def read_results(folder) -> Results:
    """Read a results folder; a ``ValueError`` that names what is missing."""
    folder = Path(folder)
    for name in ("scores.csv", "claims.csv", "provenance.json"):
        if not (folder / name).is_file():
            raise ValueError(f"{folder / name} is missing: make it with `mer run --out {folder}`")
    return Results(
        scores=pd.read_csv(folder / "scores.csv"),
        claims=pd.read_csv(folder / "claims.csv", keep_default_na=False, na_values=["nan"]),
        provenance=json.loads((folder / "provenance.json").read_text(encoding="utf-8")),
    )
