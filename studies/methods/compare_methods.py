"""Other methods, the committed tables: ``results/methods``.

``python studies/methods/compare_methods.py --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT --out
results/methods`` takes about two hours of two cores (``--jobs 2``). Every fit is kept in the cache,
so that it can be stopped and goes on where it was. ``RULES.md`` says how methods are judged, and
was committed before the first run. Tables, all aggregates:

``scores.csv``       every score of every method on every data set, with intervals
``best.csv``         what could be reached, where it can be said
``differences.csv``  paired differences with *mean only* and with MSE, with verdicts
``null.csv``         where nothing is to be found: factors of intervals, false alarms
``verdicts.csv``     the rule of the open question
``calibration.csv``  the next listener: PIT, coverage, sharpness
``who_listens.csv``  MUSIFEAST-17: how much of the disagreement lies between groups of listeners
``genres.csv``       the same, by genre: older less younger listeners, UK less US
``predict_groups.csv``  is that part more predictable; a model that is told the group
``leniency.csv``     film music: leniency of raters, and what is left without it
``conformal.csv``    intervals for the next listener; ``conformal_simulated.csv``: where it is known
``pairs.csv``        both dimensions together: does the predicted correlation mean anything
``provenance.json``  command, checksums, versions, date

``--only`` does some of the data sets and leaves the rows of the others as they are.
"""

import argparse
import datetime
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import calibrate
import cases
import conformal
import judge
import leniency
import null
import open_question
import pairs
import pandas as pd
import predict_groups
import reach
import who_listens
from fits import EPOCHS, SEEDS, SEEDS_TO_SPREAD, fit, possible
from tqdm import tqdm

from mer_utils.data.dataset import sha256
from mer_utils.data.load import load
from mer_utils.data.soundtracks import FILE, soundtracks_root
from mer_utils.results import kept, versions, write_tables

COMMAND = (
    "python studies/methods/compare_methods.py --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT "
    "--out results/methods"
)
CONTROL_SEEDS, CONTROL_EPOCHS = 2, 40
"""Of the controls on DEAM's features; see RULES.md, "Changes"."""
DIGITS = 6
"""Differences of scores are some thousandths of a point, or less."""
PARTS = ("null", "musifeast", "worlds", "soundtracks", "deam", "people", "pairs", "deam_controls")


def designs(part: str, args) -> list[list]:
    """The designs of a part; each a list of cases, one for each turn."""
    if part == "worlds":
        made = [cases.world(name) for name in cases.worlds.WORLDS]
    else:
        root = {"musifeast": (), "soundtracks": (args.soundtracks,)}.get(part, (args.data,))
        made = getattr(cases, part)(*root)
    grouped = {}
    for case in made:
        grouped.setdefault((case.data, case.design), []).append(case)
    return list(grouped.values())


def _fit(task):
    case, name, seeds, epochs = task
    fit(case, name, seeds, epochs)


def trained(all_designs, args):
    """Fits of every case, made by several processes where they are not in the cache."""
    tasks = [
        (case, name, args.seeds, args.epochs)
        for turns in all_designs for case in turns for name in possible(case)
    ]  # fmt: skip
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(args.jobs) as pool:
        list(tqdm(pool.map(_fit, tasks), total=len(tasks), unit="fit"))
    return [
        [
            {name: fit(case, name, args.seeds, args.epochs) for name in possible(case)}
            for case in turns
        ]
        for turns in all_designs
    ]


def tables_of(turns, fits, factors) -> dict:
    """All tables of one design."""
    weights = judge.weights_of(turns)
    found = judge.all_together(turns, fits)
    scores = judge.score_rows(turns, fits, factors, weights, found)
    differences = judge.difference_rows(turns, fits, factors, weights, found=found)
    single = scores["score"].str.startswith("crps").any()
    spare = ["pearson", "log_own", *(["dss", "dss_spread", "dss_own"] if single else [])]
    return {
        "scores": scores[~scores["score"].isin(spare)],
        "best": pd.concat([judge.best_rows(turns, weights), reach.rows(turns)], ignore_index=True),
        "differences": differences,
        "calibration": calibrate.rows(turns, fits),
        "verdicts": open_question.verdicts(scores, null.out_of(factors)),
    }


def people_tables(soundtracks) -> dict:
    """Who listens, and the next listener: tables that need no network."""
    return {
        "who_listens": who_listens.table(),
        "genres": who_listens.by_genre(),
        "predict_groups": predict_groups.table(),
        "leniency": leniency.table(soundtracks or None),
        "conformal": conformal.table(),
        "conformal_simulated": conformal.simulated(),
    }


def merged(out: Path, tables: dict) -> dict:
    """New rows in place of the old ones of the same data and design; all others stay."""
    for name, table in tables.items():
        if (out / f"{name}.csv").is_file():
            old = kept("methods", name, out)
            new = pd.MultiIndex.from_frame(table[["data", "design"]])
            stays = ~pd.MultiIndex.from_frame(old[["data", "design"]]).isin(new)
            tables[name] = pd.concat([old[stays], table], ignore_index=True)
    return tables


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--soundtracks", default="", help="$SOUNDTRACKS_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--draws", type=int, default=null.DRAWS)
    args = parser.parse_args(argv)
    sums = dict(load("musifeast").checksums)
    if {"deam", "deam_controls"} & set(args.only):
        sums |= load("deam", args.data).checksums
    if {"soundtracks", "people", "pairs"} & set(args.only):
        folder = soundtracks_root(args.soundtracks or None)
        sums |= {name: sha256(folder / name) for name in (FILE, "audio_features.csv")}
    about = {
        "command": COMMAND, "date": datetime.date.today().isoformat(), "seeds": args.seeds,
        "seeds_to_spread": SEEDS_TO_SPREAD, "epochs": args.epochs, "draws": args.draws,
        "deam_controls": {"seeds": CONTROL_SEEDS, "epochs": CONTROL_EPOCHS},
        "checksums": sums, "versions": versions(),
    }  # fmt: skip
    print(
        "About two hours of two cores in all; what is in the cache is not made again.", flush=True
    )
    if "null" in args.only:
        factors = null.factors(null.draws(args.draws, jobs=args.jobs))
        write_tables(args.out, {"null": factors}, about, digits=DIGITS)
    if "people" in args.only:
        write_tables(args.out, people_tables(args.soundtracks), about)
    if "pairs" in args.only:
        table = pairs.table(args.soundtracks, args.seeds, args.epochs)
        write_tables(args.out, {"pairs": table}, about)
    for part in (part for part in args.only if part not in ("null", "people", "pairs")):
        factors = kept("methods", "null", args.out)
        print(f"{part}:", flush=True)
        all_designs = designs(part, args)
        if part == "deam_controls":
            args.seeds = min(args.seeds, CONTROL_SEEDS)
            args.epochs = min(args.epochs, CONTROL_EPOCHS)
        for turns, fits in zip(all_designs, trained(all_designs, args), strict=True):
            tables = merged(args.out, tables_of(turns, fits, factors))
            write_tables(args.out, tables, about, digits=DIGITS)


if __name__ == "__main__":
    main()
