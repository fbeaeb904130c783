"""The label audit of DEAM: the kept tables of ``results/label_audit``.

``python studies/label_audit.py --data $DEAM_ROOT --out results/label_audit``

writes, from DEAM as it is distributed and corrected:

``evidence.csv``     the lines of evidence (:func:`mer_utils.audit.evidence.exchange_evidence`)
``blocks.csv``       evidence and agreement with emoMusic in blocks of ids (:func:`block_table`)
``border.csv``       where an exchange would end (:func:`mer_utils.audit.border.find_border`)
``differences.csv``  every score behind a claim in both versions, and the paired difference
``mixture.csv``      R2 in both versions, and what a mixture explains (:func:`mixture_table`)
``provenance.json``  command, checksums, versions

No row belongs to a song. Models that are not in the cache are trained first: 450 heads for
each version of the labels, which takes minutes. After an interruption the same command goes on
with what is in the cache. ``--audit-only`` makes the first three tables anew, in seconds, and
leaves those of the models as they are; ``audit_date`` in the provenance then says when.
"""

import argparse
import datetime
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.audit.border import BLOCK, block_evidence, find_border, song_evidence
from mer_utils.audit.evidence import NOT_AT_HAND, exchange_evidence, labels_of_file
from mer_utils.audit.trusted import emomusic_ratings
from mer_utils.data.dataset import DIMENSIONS, Dataset, checksums
from mer_utils.data.deam import (
    AVERAGED,
    DYNAMIC,
    EXCHANGED_UP_TO,
    FILES,
    LABELS,
    deam_root,
    find_file,
)
from mer_utils.model.experiment import Experiment
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.model.run import run
from mer_utils.results import versions, write_tables
from mer_utils.scoring.claims import CLAIMS
from mer_utils.scoring.intervals import bootstrap
from mer_utils.scoring.metrics import POINT_SCORES, SPREAD_SCORES, r2
from mer_utils.scoring.score_table import predictions, within_folds

COMMAND = "python studies/label_audit.py --data $DEAM_ROOT --out results/label_audit"
N_BOOT, N_RESAMPLES = 999, 500
CELL = ["claim", "loss", "method", "dimension", "score"]
SCORES = POINT_SCORES | SPREAD_SCORES


def block_table(
    root, songs: Dataset, evidence, *, n_boot: int = N_BOOT, seed: int = 0
) -> pd.DataFrame:
    """:func:`block_evidence` with the shares of songs that equal emoMusic's ratings.

    ``evidence`` is that of :func:`mer_utils.audit.border.song_evidence`.
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


def paired_differences(before: dict, after: dict, n_resamples: int = 500) -> pd.DataFrame:
    """How much every score behind a claim differs between two versions of the labels.

    Parameters
    ----------
    before, after : dict of loss -> Predictions
        Of the same songs in the same folds, the labels in one version and in the other.

    Returns
    -------
    pandas.DataFrame
        ``claim, loss, method, dimension, score, before, after, difference, low, high``: after
        minus before, with a 95% bootstrap interval. Each resample holds the same songs in both
        versions, so this is an interval *of the difference*.

    Raises
    ------
    ValueError
        If songs or folds differ.
    """
    first = next(iter(before.values()))
    for predicted in [*before.values(), *after.values()]:
        if not (np.array_equal(predicted.song, first.song)
                and np.array_equal(predicted.fold, first.fold)):  # fmt: skip
            raise ValueError("the two versions must have the same songs in the same folds")
    rows = []
    for claim in CLAIMS:
        name, _, other = claim.score.partition("_minus_")
        # as in score_table: correlations and R2 within folds, descriptions on all songs together
        score = within_folds(SCORES[name], first.fold) if name in POINT_SCORES else SCORES[name]
        for loss, method in claim.cells:
            arrays = [
                array
                for version in (before, after)
                for cell in [(loss, method), *([(other, "single")] if other else [])]
                for array in _arrays(version[cell[0]], cell[1], claim.target)
            ]
            value = _change(score, arrays, n_resamples)
            for d, dimension in enumerate(DIMENSIONS):
                rows.append((claim.key, loss, method, dimension, claim.score, *value[:, d]))
    return pd.DataFrame(rows, columns=[*CELL, "before", "after", "difference", "low", "high"])


def _change(score, arrays, n_resamples):
    """Score before, after, their difference and its interval, (5, 2).

    ``arrays`` is truth, prediction for each term; half of the terms belong to each version. A
    second term of a version is subtracted from its first.
    """

    def sides(*given, weights=None):
        pairs = zip(given[::2], given[1::2], strict=True)
        terms = [score(*pair, weights=weights).mean(-2) for pair in pairs]
        half = len(terms) // 2
        return [part[0] - (part[1] if half == 2 else 0) for part in (terms[:half], terms[half:])]

    def change(*given, weights=None):
        before, after = sides(*given, weights=weights)
        return after - before

    return np.stack([*sides(*arrays), *bootstrap(change, *arrays, n_resamples=n_resamples)])


def expected_r2(truth, predicted, share: float) -> np.ndarray:
    """R2 if a random share of the labels is exchanged, (2,); notebook 10 derives it.

    ``truth`` and ``predicted`` (n_songs, 2) are right labels and predictions made from them. A
    model that learns from mixed labels is taken to predict the mixture of both dimensions.
    """
    m = (1 - share) * predicted + share * predicted[:, ::-1]
    error = (1 - share) * ((truth - m) ** 2).mean(0) + share * ((truth[:, ::-1] - m) ** 2).mean(0)
    own, gap = truth.var(0), truth.mean(0) - truth.mean(0)[::-1]
    return 1 - error / ((1 - share) * own + share * own[::-1] + share * (1 - share) * gap**2)


def mixture_table(before: dict, after: dict, share: float) -> pd.DataFrame:
    """Can a mixture explain the scores? R2 of single heads, averaged over seeds.

    ``before`` and ``after`` as in :func:`paired_differences`. Columns ``loss, target, dimension,
    after, expected, before``; ``expected`` is :func:`expected_r2` from the predictions of
    ``after``, and compares with ``before``.
    """
    rows = []
    for loss in before:
        for target in ("mean", "sd"):
            old, new = (_arrays(version[loss], "single", target) for version in (before, after))
            formula = np.mean([expected_r2(new[0], member, share) for member in new[1]], axis=0)
            figures = zip(r2(*new).mean(0), formula, r2(*old).mean(0), strict=True)
            rows += [(loss, target, d, *f) for d, f in zip(DIMENSIONS, figures, strict=True)]
    return pd.DataFrame(
        rows, columns=["loss", "target", "dimension", "after", "expected", "before"]
    )


def _arrays(predicted, method, target):
    """Truth (n_songs, 2) and predictions (n_members, n_songs, 2) of one target."""
    mu, sigma = predicted.methods[method]
    return (predicted.mean, mu) if target == "mean" else (predicted.sd, sigma)


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--audit-only", action="store_true", help="keep the tables of the models")
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
    more = sorted((root / "cross_check").glob("*.csv"))
    places = [*(DYNAMIC.format(name) for name in DIMENSIONS), AVERAGED + FILES["2001-2058"]]
    more += [path for place in places if (path := find_file(root, place))]
    audit = {
        "audit_date": datetime.date.today().isoformat(),
        "not_at_hand": made["evidence"].loc[~at_hand, "evidence"].tolist(),
        "checksums": songs.checksums | checksums(root, more),
    }
    if args.audit_only:
        before = json.loads((args.out / "provenance.json").read_text())
        if not songs.checksums.items() <= before["checksums"].items():
            parser.error(f"{args.out} is about other data: leave out --audit-only")
        return write_tables(args.out, made, before | audit)
    predicted = {}
    for name, experiment in experiments.items():
        print(f"labels {name.replace('_', ' ')}", flush=True)
        predicted[name] = {
            loss: predictions(run(replace(experiment, loss=loss, split="folds")))
            for loss in PAPER_LOSSES
        }
    both = [predicted[name] for name in LABELS]
    names = dict(zip(("before", "after"), LABELS, strict=True))
    made["differences"] = paired_differences(*both, N_RESAMPLES).rename(columns=names)
    share = float((songs.song_id <= EXCHANGED_UP_TO).mean())
    made["mixture"] = mixture_table(*both, share).rename(columns=names)
    about = {
        "command": COMMAND,
        "date": datetime.date.today().isoformat(),
        "dataset": songs.name,
        "n_songs": len(songs),
        "share_up_to_1000": round(share, 4),
        "features": songs.feature_source,
        "n_boot": N_BOOT,
        "n_resamples": N_RESAMPLES,
        "ids_per_block": BLOCK,
        "smallest_block": int(made["blocks"]["n"].min()),
        "seeds": [experiment.seeds.start, experiment.seeds.stop - 1],
        "versions": versions(),
    }
    return write_tables(args.out, made, about | audit)


if __name__ == "__main__":
    main()
