"""The label audit: does the audit itself work, and the committed tables about DEAM.

``python -m mer_utils.label_audit --data $DEAM_ROOT --out results/label_audit``

writes, from DEAM as it is distributed and corrected:

``evidence.csv``     the lines of evidence (:func:`mer_utils.exchange.exchange_evidence`)
``blocks.csv``       evidence and agreement with emoMusic in blocks of ids (:func:`block_table`)
``border.csv``       where an exchange would end (:func:`mer_utils.exchange_border.find_border`)
``differences.csv``  every score behind a claim in both versions, and the paired difference
``mixture.csv``      R2 in both versions, and what a mixture explains
``provenance.json``  command, checksums, versions

No row belongs to a song. Models that are not in the cache are trained first: 450 heads for
each version of the labels, which takes minutes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.dataset import Dataset
from mer_utils.deam import EXCHANGED_UP_TO, LABELS, checksums, deam_root, load_deam
from mer_utils.exchange import NOT_AT_HAND, emomusic_ratings, exchange_evidence, labels_of_file
from mer_utils.exchange_border import BLOCK, block_evidence, find_border, song_evidence
from mer_utils.exchange_effects import exchange_songs, mixture_table, paired_differences
from mer_utils.experiment import Experiment, run
from mer_utils.results import kept_file, versions, write_tables
from mer_utils.simulate import simulated_root
from mer_utils.study import PAPER_LOSSES, predictions

COMMAND = "python -m mer_utils.label_audit --data $DEAM_ROOT"

N_BOOT, N_RESAMPLES = 999, 500
LIVE = {
    "paper": {"trials": 10, "shares": (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)},
    "quick": {"trials": 2, "shares": (0.0, 0.25, 0.5)},
}
"""What notebook 10 has time for."""
READINGS = ("as distributed", "exchanged", "undecided")


def plant(songs: Dataset, up_to: int = EXCHANGED_UP_TO) -> Dataset:
    """``songs`` with an exchange planted in the averages of all ids up to ``up_to``."""
    return exchange_songs(songs, songs.song_id <= up_to)


def audit_trials(seeds, borders=(0, 500, EXCHANGED_UP_TO), n_boot: int = 199) -> pd.DataFrame:
    """Audit simulated data with and without a planted exchange: how often is it wrong?

    Returns
    -------
    pandas.DataFrame
        One row per simulation seed and planted border (0: nothing planted): ``seed, planted``;
        how many lines of evidence said ``as distributed, exchanged, undecided``; ``border, low,
        high`` of :func:`mer_utils.exchange_border.find_border`; ``holds``, whether that interval
        holds the planted border.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            root = simulated_root(seed=int(seed), n_features=64, cache=folder)
            right = load_deam(root)
            for planted in borders:
                songs = plant(right, planted)
                said = exchange_evidence(root, songs, n_boot=n_boot)["supports"].value_counts()
                found = find_border(songs.song_id, song_evidence(songs))
                last = songs.song_id[songs.song_id <= planted].max() if planted else 0
                counts = {name: int(said.get(name, 0)) for name in READINGS}
                found["holds"] = bool(found["low"] <= last <= found["high"])
                rows.append({"seed": seed, "planted": planted} | counts | found)
    return pd.DataFrame(rows).drop(columns="gain")


def block_table(
    root, songs: Dataset, evidence, *, n_boot: int = N_BOOT, seed: int = 0
) -> pd.DataFrame:
    """:func:`block_evidence` with the shares of songs that equal emoMusic's ratings.

    ``evidence`` is that of :func:`mer_utils.exchange_border.song_evidence`.
    ``equal_as_distributed`` and ``equal_exchanged`` are NaN where emoMusic has no song.
    """
    table = block_evidence(songs.song_id, evidence, n_boot=n_boot, seed=seed)
    trusted, labels = emomusic_ratings(Path(root), songs.song_id), labels_of_file(songs)
    for name, side in (("as_distributed", labels), ("exchanged", labels[:, ::-1])):
        shares = []
        for row in table.itertuples():
            here = (songs.song_id >= row.first) & (songs.song_id <= row.last)
            gap = np.abs(trusted - side)[here].max(1) if trusted is not None else np.array([])
            gap = gap[np.isfinite(gap)]
            shares.append((gap <= 0.051).mean() if len(gap) else np.nan)
        table[f"equal_{name}"] = shares
    return table


def committed(name: str, folder=None) -> pd.DataFrame:
    """A committed table, e.g. ``"evidence"``; a ``ValueError`` that tells the mend."""
    return pd.read_csv(_stored(f"{name}.csv", folder))


def provenance(folder=None) -> dict:
    """What made the committed tables: command, data, checksums, versions."""
    return json.loads(_stored("provenance.json", folder).read_text(encoding="utf-8"))


def _stored(name, folder):
    return kept_file("label_audit", name, COMMAND, folder)


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    root = deam_root(args.data or None)
    experiments = {
        name: Experiment.of("paper", dataset="deam", data=str(root), labels=name) for name in LABELS
    }
    songs = experiments[LABELS[0]].songs()
    evidence = song_evidence(songs)
    made = {
        "evidence": exchange_evidence(root, songs, n_boot=N_BOOT),
        "blocks": block_table(root, songs, evidence),
        "border": pd.DataFrame([find_border(songs.song_id, evidence)]),
    }
    at_hand = made["evidence"]["supports"].ne(NOT_AT_HAND)
    print(f"{songs.name}: {at_hand.sum()} lines of evidence at hand", flush=True)
    predicted = {}
    for name, experiment in experiments.items():
        print(f"labels {name.replace('_', ' ')}", flush=True)
        runs = {
            loss: [replace(experiment, loss=loss, fold=k) for k in range(experiment.n_folds)]
            for loss in PAPER_LOSSES
        }
        predicted[name] = {
            loss: predictions([run(one) for one in folds]) for loss, folds in runs.items()
        }
    both = [predicted[name] for name in LABELS]
    names = dict(zip(("before", "after"), LABELS, strict=True))
    made["differences"] = paired_differences(*both, N_RESAMPLES).rename(columns=names)
    share = float((songs.song_id <= EXCHANGED_UP_TO).mean())
    made["mixture"] = mixture_table(*both, share).rename(columns=names)
    cross = sorted((root / "cross_check").glob("*.csv"))
    about = {
        "command": f"{COMMAND} --out results/label_audit",
        "date": datetime.date.today().isoformat(),
        "dataset": songs.name,
        "n_songs": len(songs),
        "share_up_to_1000": round(share, 4),
        "features": songs.feature_source,
        "not_at_hand": made["evidence"].loc[~at_hand, "evidence"].tolist(),
        "n_boot": N_BOOT,
        "n_resamples": N_RESAMPLES,
        "ids_per_block": BLOCK,
        "smallest_block": int(made["blocks"]["n"].min()),
        "seeds": [experiment.seeds.start, experiment.seeds.stop - 1],
        "checksums": songs.checksums | checksums(root, cross),
        "versions": versions(),
    }
    write_tables(args.out, made, about)


if __name__ == "__main__":
    main()
