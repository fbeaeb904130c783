"""The committed tables about controls and power.

``python -m mer_utils.controls_study --dataset deam --data $DEAM_ROOT --out results/controls``

A notebook has no time for the full sizes. This command works through one control and one
draw after another and keeps what is done in the cache, so that it can be stopped and goes on
where it was. ``--only controls`` or ``--only power`` does one part. With the simulated data
it makes the three simulated controls; with DEAM those on real features, and the power curves.

It writes ``controls_DATASET.csv`` (:func:`mer_utils.controls.run_control`),
``power_DATASET.csv`` (:func:`mer_utils.power.one_draw`), ``protocols_DATASET.csv`` (the same
draws under the paper's protocol), ``intervals_deam.csv``
(:func:`mer_utils.null_intervals.null_intervals`) and ``provenance_DATASET.json``. No row
belongs to a song.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import inspect
import json
from dataclasses import asdict
from pathlib import Path

import pandas as pd

from mer_utils import control_data, controls, metrics, power, sampling, study
from mer_utils.control_data import SEMI_SYNTHETIC
from mer_utils.controls import RATERS, run_control
from mer_utils.experiment import Experiment, _logic, key, load_data
from mer_utils.null_intervals import null_intervals, widened
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.power import SHARES, one_draw
from mer_utils.results import kept_file, versions, write_tables
from mer_utils.simulate import DISAGREEMENT
from mer_utils.training import Protocol

SEEDS = {10: (4, 15), 60: (4, 15)}
"""Number of raters -> seeds of KLD and NLL (no ensembles here), seeds of MSE as in the paper."""
SHORT = Protocol(epochs=30)
SHORT_ENSEMBLE, DRAWS = 4, 16
CHECKED_SHARE, CHECKED_DRAWS = 0.4, 2
INTERVAL_DRAWS = 500
LIVE = {
    "paper": {"heads": 4, "epochs": 20, "n_resamples": 500, "shares": (0.0, 0.4, 1.0)},
    "quick": {"heads": 2, "epochs": 3, "n_resamples": 50, "shares": (1.0,)},
}
"""What notebook 09 has time for, on one split; the committed tables are larger."""
DECIDES = (control_data.control, control_data.shuffled, control_data.feature_signal,
           control_data.semi_synthetic, control_data.perfect_labels, controls.predicted_sd,
           controls.score_sd, power.one_draw,
           study.predictions, study.score_rows, study.within_folds, metrics, sampling)  # fmt: skip
"""Code that makes the rows; training is in the key of the experiment."""


def kept(name: str, experiment: Experiment, songs, parts: dict, compute) -> pd.DataFrame:
    """The table that ``compute()`` makes, or the one kept from before.

    Its key holds the experiment, the songs, ``parts`` and the code that decides the rows.
    Without ``compute`` and a table from before it is empty.
    """
    code = [_logic(inspect.getsource(part)) for part in DECIDES]
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

        def compute(name=name, n_raters=n_raters, experiment=experiment, ensemble=ensemble):
            return run_control(name, songs, experiment, n_raters, ensemble=ensemble)

        compute = None if done_only else compute
        tables.append(kept(f"control-{name}-{n_raters}", experiment, songs, parts, compute))
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

            def compute(share=share, draw=draw):
                return one_draw(songs, share, draw, experiment, ensemble=ensemble)

            compute = None if done_only else compute
            name = f"power-{share:g}-{draw}"
            tables.append(kept(name, experiment, songs, parts, compute))
    return pd.concat(tables, ignore_index=True)


def committed(name: str, folder=None) -> pd.DataFrame:
    """A committed table, e.g. ``"controls_simulated"``; a ``ValueError`` that tells the mend."""
    command = f"python -m mer_utils.controls_study --dataset {name.split('_')[-1]}"
    return pd.read_csv(kept_file("controls", f"{name}.csv", command, folder))


def interval_factor() -> float:
    """How many times as wide five-fold intervals should be where nothing is to be found."""
    table = committed("intervals_deam").set_index(["share", "evaluation"])
    return float(table.loc[(0.0, "5-fold"), "ratio"])


def honest_power() -> pd.DataFrame:
    """The committed draws, judged by intervals as wide as :func:`interval_factor` asks."""
    draws = widened(committed("power_deam"), interval_factor())
    return draws.assign(detected=draws["low"] > 0)


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", choices=["simulated", "deam"], default="simulated")
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=["controls", "power", "protocols", "intervals"])
    parser.add_argument("--draws", type=int, default=DRAWS, help="draws for each share")
    parser.add_argument("--done", action="store_true", help="write what is done, train nothing")
    args = parser.parse_args(argv)
    songs = load_data(args.dataset, args.data)
    short, paper = Experiment(n_seeds=1, protocol=SHORT), Experiment(n_seeds=1)
    made = {}
    if args.only in (None, "controls"):
        made["controls"] = controls_table(songs, args.dataset, args.done)
    if args.only in (None, "power") and args.dataset == "deam":
        made["power"] = power_table(songs, short, SHARES, args.draws, SHORT_ENSEMBLE, args.done)
    if args.only in (None, "protocols") and args.dataset == "deam":
        made["protocols"] = power_table(
            songs, paper, [CHECKED_SHARE], CHECKED_DRAWS, SHORT_ENSEMBLE, args.done
        )
    if args.only in (None, "intervals") and args.dataset == "deam":
        made["intervals"] = null_intervals(songs.features, n_draws=INTERVAL_DRAWS)
    shown = " --data $DEAM_ROOT" if args.dataset == "deam" else ""
    provenance = {
        "command": "python -m mer_utils.controls_study "
        f"--dataset {args.dataset}{shown} --out results/controls",
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
    if args.dataset == "deam":
        provenance["power"] = {
            "draws": args.draws,
            "ensemble": SHORT_ENSEMBLE,
            "protocol": asdict(SHORT),
            "protocols": {"share": CHECKED_SHARE, "draws": CHECKED_DRAWS},
        }
    write_tables(args.out, made, provenance, f"_{args.dataset}")


if __name__ == "__main__":
    main()
