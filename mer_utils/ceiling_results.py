"""The committed tables about ceilings, and the ceilings that belong to a data set.

``python -m mer_utils.ceiling_results --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT --out
results/ceilings`` writes, as aggregates (no row belongs to a song),

``ceilings.csv``       all estimators on DEAM, for both versions of the labels
``targets.csv``        the headline: reliability of the SD, and of its part beyond the mean
``needed.csv``         raters per song for reliabilities of 0.5, 0.7 and 0.9
``raters.csv``         reliability against the number of raters, film soundtracks
``steps.csv``          24 raters predicted from 10, film soundtracks
``transfer.csv``       noise carried from one half of the soundtracks to the other
``own_mean.csv``       the mean of the same panel, or of another, as predictor of the SD
``leniency.csv``       variance components, film soundtracks
``mean_share.csv``     what the mean tells about the SD
``validation.csv``     bias and coverage of every estimator on simulated worlds
``provenance.json``    command, checksums, versions, date

``--only validation`` or ``--only data`` does one half.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path

import pandas as pd

from . import ceiling_study, rater_study
from .ceiling_pages import share_table
from .dataset import DIMENSIONS, Dataset
from .experiment import load_data
from .results import kept_file, versions, write_tables
from .soundtracks import soundtracks_checksums
from .transfer import transferred_ceiling
from .validate_ceilings import RATERS, bias_and_coverage, validate_ceilings

COMMAND = "python -m mer_utils.ceiling_results --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT"
ALL, BEYOND = "all", "beyond the mean"
REPEATS, SONGS = 12, 1744
"""Size of the committed validation."""


def targets(songs: Dataset, tails: dict, n_resamples=500) -> pd.DataFrame:
    """Reliability of the raters' SD, and of what a quadratic in their mean leaves of it.

    Returns
    -------
    pandas.DataFrame
        ``part, dimension, value, low, high``. The highest R2 is ``value`` and the highest
        correlation its root. For "beyond the mean" the target is the SD less the quadratic.
    """
    keep, _ = ceiling_study.usual_songs(songs)
    rows = []
    for part in (ALL, BEYOND):
        for d, dimension in enumerate(DIMENSIONS):
            found = transferred_ceiling(
                songs.rating_mean[keep, d], songs.rating_sd[keep, d], tails[dimension].panels,
                songs.ddof, beyond=part == BEYOND, n_resamples=n_resamples,
            )  # fmt: skip
            rows.append((part, dimension, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["part", "dimension", "value", "low", "high"])


def ceilings_of(songs: Dataset, n_resamples=500) -> pd.DataFrame:
    """The table of :func:`targets` that belongs to a data set.

    For simulated songs it is computed, with simulated raters of other songs. For DEAM it is
    the committed table, made with the raters of film soundtracks.
    """
    if songs.simulated:
        n = ceiling_study.usual_songs(songs)[1]
        tails = ceiling_study.tails_of(rater_study.simulated_raters(), 2, n)
        return targets(songs, tails, n_resamples)
    table = committed("targets")
    return table[table["labels"].eq(songs.labels)].drop(columns="labels").reset_index(drop=True)


def committed(name: str, folder=None) -> pd.DataFrame:
    """A committed table, e.g. ``"needed"``; a ``ValueError`` that tells the mend."""
    path = kept_file("ceilings", f"{name}.csv", COMMAND, folder)
    return pd.read_csv(path, keep_default_na=False, na_values=[""])  # one estimator is "null"


def data_tables(data: str, soundtracks: str, n_resamples=500) -> tuple[dict, dict]:
    """All tables but the validation, and what they were made from."""
    raters = rater_study.rater_data(soundtracks)
    if raters.simulated:
        raise ValueError("give the folder of the film soundtracks: --soundtracks PATH")
    tails = ceiling_study.tails_of(raters, n_resamples)
    found: dict[str, list] = {name: [] for name in ("ceilings", "targets", "needed")}
    for labels in ("as_distributed", "corrected"):
        songs = load_data("deam", data, labels, features=None)
        table = ceiling_study.ceilings_table(songs, tails, n_resamples)
        found["ceilings"].append(table.assign(labels=labels))
        found["targets"].append(targets(songs, tails, n_resamples).assign(labels=labels))
        needed = ceiling_study.needed_table(songs, table, raters, tails, n_resamples)
        own = needed["data"].eq(songs.name)
        found["needed"].append(needed[own].assign(labels=labels))
    found["needed"].append(needed[~own].assign(labels=""))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    tables["raters"] = rater_study.reliability_curves(raters, n_draws=400)
    tables["steps"] = rater_study.extrapolation_test(raters, n_draws=1000)
    tables["transfer"] = rater_study.transfer_test(raters)
    tables["own_mean"] = rater_study.own_mean_test(raters)
    tables["leniency"] = rater_study.leniency_table(raters)
    tables["mean_share"] = share_table(load_data("deam", data, features=None), raters)
    sums = songs.checksums | soundtracks_checksums(soundtracks or None)
    return tables, {"n_songs": len(songs), "checksums": sums}


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--soundtracks", default="", help="folder; $SOUNDTRACKS_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=["data", "validation"])
    parser.add_argument("--repeats", type=int, default=REPEATS, help="repeats of each world")
    args = parser.parse_args(argv)
    provenance = {
        "command": f"{COMMAND} --out results/ceilings",
        "date": datetime.date.today().isoformat(),
        "versions": versions(),
        "validation": {"raters": RATERS, "repeats": args.repeats, "songs": SONGS},
    }
    path, tables = args.out / "provenance.json", {}
    if args.only == "validation" and path.is_file():
        provenance = json.loads(path.read_text(encoding="utf-8")) | provenance
    if args.only != "validation":
        tables, made = data_tables(args.data, args.soundtracks)
        provenance |= made
    if args.only != "data":
        worlds = validate_ceilings(n_songs=SONGS, n_repeats=args.repeats)
        by = ("part", "estimator", "shape", "tails", "raters")
        tables["validation"] = bias_and_coverage(worlds, by)
    write_tables(args.out, tables, provenance)


if __name__ == "__main__":
    main()
