"""The committed tables about controls and power: ``results/controls``.

``python studies/controls.py --dataset simulated --out results/controls`` makes the three simulated
controls; with ``--dataset deam --data $DEAM_ROOT`` it makes those on real features, and the power
curves. A notebook has no time for the full sizes. This command works through one control and one
draw after another and keeps what is done in the cache, so that it can be stopped and goes on where
it was. It writes

``controls_DATASET.csv``    scores of each control (:func:`mer_utils.controls.methods.run_control`)
``power_deam.csv``          draws of known strength (:func:`power.one_draw`)
``protocols_deam.csv``      the same draws under the paper's protocol
``intervals_networks.csv``  how wide intervals should be (:func:`cv_intervals.null_intervals`)
``worlds_networks.csv``     draws in three worlds that look like DEAM (:func:`power.one_draw`)
``provenance_*.json``       command, checksums, versions, date

and, from the tables above and the ceilings of ``results/ceilings/bracket.csv``, without training
(:func:`power_tables.derived_tables`),

``power_rates_deam.csv``    rate of detections for each method and share
``world_rates_deam.csv``    the same for each world
``smallest_deam.csv``       smallest share that is detected with a power of 0.8
``smallest_on_deam.csv``    the same as a share of what can be explained on DEAM
``agreement_deam.csv``      what a shorter protocol changes

``--only`` does one part; ``--only derived`` needs no data. No row belongs to a song.
"""

import argparse
import datetime
import hashlib
import inspect
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv_intervals
import pandas as pd
from power import SHARES, one_draw
from power_tables import derived_tables

from mer_utils.code_digest import logic
from mer_utils.controls import data, methods
from mer_utils.controls.data import SEMI_SYNTHETIC, WORLDS
from mer_utils.controls.methods import RATERS, run_control
from mer_utils.data.load import load
from mer_utils.data.simulate import DISAGREEMENT
from mer_utils.model import sampling
from mer_utils.model.experiment import Experiment
from mer_utils.model.run import key
from mer_utils.model.training import Protocol
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.results import kept, provenance, versions, write_tables
from mer_utils.scoring import intervals, metrics, score_table

SEEDS = {10: (4, 15), 60: (4, 15)}
"""Number of raters -> seeds of KLD and NLL (no ensembles here), seeds of MSE as in the paper."""
SHORT = Protocol(epochs=30)
SHORT_ENSEMBLE, DRAWS = 4, 16
CHECKED_SHARE, CHECKED_DRAWS = 0.4, 2
WORLD_DRAWS, NULL_DRAWS = 4, 100
# fmt: off
DECIDES = (
    data.control, data.shuffled, data.feature_signal, data.semi_synthetic, data.perfect_labels,
    methods.predicted_sd, methods.score_sd, one_draw,
    score_table.predictions, score_table.score_rows, score_table.within_folds, metrics,
    intervals, sampling,
)  # fmt: on
"""Code that makes the rows; training is in the key of the experiment."""


def cached(name: str, experiment: Experiment, songs, parts: dict, compute) -> pd.DataFrame:
    """The table that ``compute()`` makes, or the one in the cache from before.

    Its key holds the experiment, the songs, ``parts`` and the code that decides the rows.
    Without ``compute`` and a table from before it is empty.
    """
    code = [logic(inspect.getsource(part)) for part in DECIDES]
    text = json.dumps([key(experiment, songs), parts, code], sort_keys=True)
    path = cache_dir() / "controls" / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.csv"
    if not path.is_file():
        if compute is None:
            return pd.DataFrame()
        with write_atomically(path) as temporary:
            compute().to_csv(temporary, index=False)
    return pd.read_csv(path)


def plan(dataset: str) -> list[tuple[str, int]]:
    """Controls and numbers of raters that a data set is for."""
    if dataset == "simulated":
        return [(name, n) for n in RATERS for name in DISAGREEMENT]
    return [(name, 10) for name in SEMI_SYNTHETIC]


def controls_table(songs, dataset: str, done_only=False, say=print):
    """Every control of :func:`plan`, or those done before, below each other."""
    tables = []
    for name, n_raters in plan(dataset):
        say(f"control {name}, {n_raters} raters")
        heads, ensemble = SEEDS[n_raters]
        experiment = Experiment(n_seeds=heads)
        parts = {"control": name, "n_raters": n_raters, "ensemble": ensemble}
        make = partial(run_control, name, songs, experiment, n_raters, ensemble=ensemble)
        compute = None if done_only else make
        tables.append(cached(f"control-{name}-{n_raters}", experiment, songs, parts, compute))
    return pd.concat(tables, ignore_index=True)


def power_table(
    songs, experiment: Experiment, shares, draws, ensemble: int, done_only=False, say=print
):
    """All draws, or those done before, below each other; each share has a draw before the next."""
    tables = []
    for draw in range(draws):
        for share in shares:
            say(f"draw {draw}, share {share:g}")
            parts = {"share": share, "draw": draw, "ensemble": ensemble}
            make = partial(one_draw, songs, share, draw, experiment, ensemble=ensemble)
            compute = None if done_only else make
            name = f"power-{share:g}-{draw}"
            tables.append(cached(name, experiment, songs, parts, compute))
    return pd.concat(tables, ignore_index=True)


def worlds_table(songs, experiment: Experiment, draws=WORLD_DRAWS, done_only=False, say=print):
    """Draws in each of :data:`mer_utils.controls.data.WORLDS`, with a column ``world``."""
    tables = []
    for draw in range(draws):
        for world, (share, spread, lapses) in WORLDS.items():
            say(f"draw {draw}, {world}")
            options = {"ensemble": SHORT_ENSEMBLE, "spread": spread, "lapses": lapses}
            make = partial(one_draw, songs, share, draw, experiment, **options)
            parts = options | {"share": share, "draw": draw}
            compute = None if done_only else make
            table = cached(f"{world}-{draw}", experiment, songs, parts, compute)
            tables.append(table.assign(world=world))
    return pd.concat(tables, ignore_index=True)


def intervals_table(songs, experiment: Experiment, n_draws=NULL_DRAWS, done_only=False, say=print):
    """:func:`cv_intervals.null_intervals` of all draws, or of those done before."""
    code, tables = logic(inspect.getsource(cv_intervals)), []
    for draw in range(n_draws):
        say(f"intervals, draw {draw}")
        make = partial(cv_intervals.one_draw, songs, draw, experiment)
        compute = None if done_only else make
        parts = {"draw": draw, "code": code}
        tables.append(cached(f"null-{draw}", experiment, songs, parts, compute))
    return cv_intervals.null_intervals(pd.concat(tables, ignore_index=True))


def derived(out: Path) -> dict[str, pd.DataFrame]:
    """The small tables, from those that stand in ``out`` and the ceilings of DEAM."""
    names = ("power_deam", "protocols_deam", "worlds_networks", "intervals_networks")
    ceilings = kept("ceilings", "bracket")
    ceilings = ceilings[ceilings["labels"].eq("as_distributed") & ceilings["part"].eq("all")]
    return derived_tables(*(kept("controls", name, out) for name in names), ceilings)


def described(songs, args, networks=False) -> dict:
    """What the provenance of a run says; ``networks``: of the tables ``*_networks``."""
    shown = " --data $DEAM_ROOT" if args.dataset == "deam" else ""
    command = f"python studies/controls.py --dataset {args.dataset}{shown} --out results/controls"
    paper = Experiment(n_seeds=1)
    text = {
        "command": command,
        "date": datetime.date.today().isoformat(),
        "dataset": songs.name,
        "n_songs": len(songs),
        "features": songs.feature_source,
        "labels": songs.labels,
        "seeds": {str(n): {"heads": SEEDS[n][0], "mse": SEEDS[n][1]} for n in RATERS},
        "n_folds": paper.n_folds,
        "complete": not args.done,
        "protocol": asdict(paper.protocol),
        "checksums": songs.checksums,
        "versions": versions(),
    }
    if networks:
        text |= {"protocol": asdict(SHORT), "seeds": cv_intervals.SEEDS}
        text["draws"] = {"intervals": args.nulls, "worlds": WORLD_DRAWS}
    elif args.dataset == "deam":
        text["power"] = {
            "draws": args.draws,
            "ensemble": SHORT_ENSEMBLE,
            "protocol": asdict(SHORT),
            "protocols": {"share": CHECKED_SHARE, "draws": CHECKED_DRAWS},
        }
    return text


PARTS = ("controls", "power", "protocols", "intervals", "worlds", "derived")


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=["simulated", "deam"], default="simulated")
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=PARTS)
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws for each share")
    parser.add_argument("--nulls", type=int, default=NULL_DRAWS, help="draws without signal")
    parser.add_argument("--done", action="store_true", help="write what is done, train nothing")
    args = parser.parse_args(argv)
    if args.only == "derived":
        args.dataset = "deam"
    asked = PARTS if args.only is None else (args.only,)
    if args.dataset == "simulated":
        asked = [part for part in asked if part == "controls"]
    ending = f"_{args.dataset}"
    if args.only != "derived":
        songs = load(args.dataset, args.data)
        short, paper = Experiment(n_seeds=1, protocol=SHORT), Experiment(n_seeds=1)
        made, networks = {}, {}
        if "controls" in asked:
            made["controls"] = controls_table(songs, args.dataset, args.done)
        if "power" in asked:
            size = args.draws, SHORT_ENSEMBLE
            made["power"] = power_table(songs, short, SHARES, *size, args.done)
        if "protocols" in asked:
            size = CHECKED_DRAWS, SHORT_ENSEMBLE
            made["protocols"] = power_table(songs, paper, [CHECKED_SHARE], *size, args.done)
        if "intervals" in asked:
            networks["intervals"] = intervals_table(songs, short, args.nulls, args.done)
        if "worlds" in asked:
            networks["worlds"] = worlds_table(songs, short, WORLD_DRAWS, args.done)
        if made:
            write_tables(args.out, made, described(songs, args), ending)
        if networks:
            write_tables(args.out, networks, described(songs, args, True), "_networks")
    if "derived" in asked:  # from the tables as they are written, in four decimals
        write_tables(args.out, derived(args.out), provenance("controls", ending, args.out), ending)


if __name__ == "__main__":
    main()
