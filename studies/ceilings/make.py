"""The committed tables about ceilings: ``results/ceilings``.

``python studies/ceilings/make.py --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT --out
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

``--only validation`` or ``--only data`` does one half. The validation is long. It keeps each world
that it has finished in the cache, so that it can be stopped and goes on where it was.
"""

import argparse
import datetime
import json
from pathlib import Path

import pandas as pd
import real_raters
import side_by_side
from mean_tells import share_table
from raters_needed import needed_table
from validation import RATERS, bias_and_coverage, validate_ceilings

from mer_utils.ceiling.headline import rater_data, targets
from mer_utils.data.dataset import sha256
from mer_utils.data.load import load
from mer_utils.data.soundtracks import FILE, soundtracks_root
from mer_utils.results import versions, write_tables

COMMAND = "python studies/ceilings/make.py --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT"
REPEATS, SONGS = 12, 1744
"""Size of the committed validation."""


def data_tables(data: str, soundtracks: str, n_resamples=500) -> tuple[dict, dict]:
    """All tables but the validation, and what they were made from."""
    raters = rater_data(soundtracks)
    if raters.simulated:
        raise ValueError("give the folder of the film soundtracks: --soundtracks PATH")
    tails = side_by_side.tails_of(raters, n_resamples)
    found: dict[str, list] = {name: [] for name in ("ceilings", "targets", "needed")}
    for labels in ("as_distributed", "corrected"):
        songs = load("deam", data, labels, features=None)
        table = side_by_side.ceilings_table(songs, tails, n_resamples)
        found["ceilings"].append(table.assign(labels=labels))
        panels = {d: tail.panels for d, tail in tails.items()}
        found["targets"].append(targets(songs, panels, n_resamples).assign(labels=labels))
        needed = needed_table(songs, table, raters, tails, n_resamples)
        own = needed["data"].eq(songs.name)
        found["needed"].append(needed[own].assign(labels=labels))
    found["needed"].append(needed[~own].assign(labels=""))
    tables = {name: pd.concat(parts, ignore_index=True) for name, parts in found.items()}
    tables["raters"] = real_raters.reliability_curves(raters, n_draws=400)
    tables["steps"] = real_raters.extrapolation_test(raters, n_draws=1000)
    tables["transfer"] = real_raters.transfer_test(raters)
    tables["own_mean"] = real_raters.own_mean_test(raters)
    tables["leniency"] = real_raters.leniency_table(raters)
    tables["mean_share"] = share_table(load("deam", data, features=None), raters)
    sums = songs.checksums | {FILE: sha256(soundtracks_root(soundtracks or None) / FILE)}
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
        worlds = validate_ceilings(n_songs=SONGS, n_repeats=args.repeats, keep=True)
        by = ("part", "estimator", "shape", "tails", "raters")
        tables["validation"] = bias_and_coverage(worlds, by)
    write_tables(args.out, tables, provenance)


if __name__ == "__main__":
    main()
