"""The whole study: train all losses on all folds, score all methods, judge the claims.

``mer run`` writes it into a folder (:func:`write_results`); the score tables are those of
:mod:`mer_utils.scoring.score_table`, with the losses side by side.
"""

import datetime
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd

from mer_utils.model.experiment import Experiment, get_profile
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.model.run import run
from mer_utils.paths import build_dir
from mer_utils.results import versions, write_tables
from mer_utils.scoring.claims import judge
from mer_utils.scoring.intervals import bootstrap
from mer_utils.scoring.metrics import SPREAD_SCORES, r2
from mer_utils.scoring.score_table import Predictions, predictions, score_table, within_folds

VERSIONS = {
    "simulated": ["as_distributed"],
    "musifeast": ["as_distributed", "few_listeners"],
    "deam": ["as_distributed", "corrected"],
}
"""Versions of the labels of each data set; own ratings have the first."""


def loss_differences(predicted: dict[str, Predictions], n_resamples: int = 500) -> pd.DataFrame:
    """How much losses and methods differ on the *same* songs, with paired intervals.

    Two kinds of rows, in the columns of :func:`score_table` after ``loss``:

    ``r2_minus_mse``    target ``mean``: R2 of each loss and method minus that of single MSE heads
    ``*_minus_nll``     target ``sd``: ``iqr_ratio`` and ``outlier_share`` minus those of NLL heads

    Needs the losses ``mse`` and ``nll``.
    """
    rows = []
    for loss, ours in predicted.items():
        for method in ("single", "seed_ensemble", "mc_dropout"):
            if method in ours.methods and (loss, method) != ("mse", "single"):
                arrays = ours.mean, ours.methods[method][0], predicted["mse"].methods["single"][0]
                score = within_folds(r2, ours.fold)
                for row in _difference_rows("r2", score, arrays, n_resamples, ours.dimensions):
                    rows.append({"loss": loss, "method": method, "target": "mean"} | row)
        if loss != "nll":
            arrays = ours.sd, ours.methods["single"][1], predicted["nll"].methods["single"][1]
            for name in ("iqr_ratio", "outlier_share"):
                score = SPREAD_SCORES[name]
                for row in _difference_rows(name, score, arrays, n_resamples, ours.dimensions):
                    rows.append({"loss": loss, "method": "single", "target": "sd"} | row)
    return pd.DataFrame(rows)


def _difference_rows(name, score, arrays, n_resamples, dimensions):
    def difference(truth, ours, theirs, weights=None):
        a, b = score(truth, ours, weights=weights), score(truth, theirs, weights=weights)
        return a.mean(-2) - b.mean(-2)  # over members: the two may have different numbers

    value, low, high = bootstrap(difference, *arrays, n_resamples=n_resamples)
    other = "mse" if name == "r2" else "nll"
    for d, dimension in enumerate(dimensions):
        yield {
            "score": f"{name}_minus_{other}", "dimension": dimension,
            "value": value[d], "low": low[d], "high": high[d],
            "n_seeds": arrays[2].shape[0], "n_songs": len(arrays[0]),
        }  # fmt: skip


def run_study(
    experiment: Experiment,
    *,
    losses=PAPER_LOSSES,
    passes: int = 15,
    n_resamples: int = 500,
    progress: bool = True,
) -> pd.DataFrame:
    """Score all losses and methods on one data set.

    Parameters
    ----------
    experiment : Experiment
        Its ``loss`` is replaced.
    losses : sequence of str
    passes : int
        Passes of Monte Carlo dropout.

    Returns
    -------
    pandas.DataFrame
        ``evaluation`` ("5-fold" or "holdout") and ``loss`` before the columns of
        :func:`score_table`; the rows of :func:`loss_differences` come last.
    """
    tables, predicted = [], {}
    for loss in losses:
        if progress:
            print(f"{loss}: seeds {experiment.seeds[0]} to {experiment.seeds[-1]}", flush=True)
        result = run(replace(experiment, loss=loss), progress=progress)
        predicted[loss] = predictions(result, passes)
        table = score_table(predicted[loss], n_resamples)
        table.insert(0, "loss", loss)
        tables.append(table)
    if {"mse", "nll"} <= set(losses):
        tables.append(loss_differences(predicted, n_resamples))
    table = pd.concat(tables, ignore_index=True)
    table.insert(
        0, "evaluation", f"{len(result.folds)}-fold" if len(result.folds) > 1 else "holdout"
    )
    return table


def write_results(
    dataset, data, profile, out=None, labels=None, say=print, features="auto", tops=None
) -> Path:
    """Run the study and write its folder; what ``mer run`` does.

    Parameters
    ----------
    dataset, data : str
        As in :class:`mer_utils.model.experiment.Experiment`.
    profile : {"paper", "quick"}
    out : path, optional
        The folder; one in the build folder by default.
    labels : sequence of str, optional
        Those of :data:`VERSIONS` by default.
    features : str
        As in :class:`mer_utils.model.experiment.Experiment`.
    tops : callable, optional
        Songs -> highest possible scores, as :func:`mer_utils.scoring.claims.judge` takes them.

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
    labels = labels or VERSIONS.get(dataset, ["as_distributed"])
    out = Path(out) if out else build_dir() / "studies" / f"{Path(dataset).name}-{profile}"
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise ValueError(f"cannot write to {out}: {error}. Choose another folder") from error

    scores, claims, described = [], [], None
    for version in labels:
        which = {"dataset": dataset, "data": str(data or ""), "features": features}
        experiment = Experiment.of(profile, labels=version, split="folds", **which)
        songs = experiment.songs()
        if songs.kind not in ("simulated", "deam"):  # most published scores on DEAM mix artists
            experiment = replace(experiment, keep_artists_together=any(songs.artist))
        version_said = "" if experiment.own else f"labels {version}, "
        say(f"{songs.name}: {len(songs)} songs, {version_said}features: {songs.feature_source}")
        # rounded before judging, so that verdicts follow from what is written
        table = run_study(experiment, n_resamples=size["n_resamples"]).round(4)
        table.insert(0, "labels", version)
        verdicts = judge(table, songs, tops and tops(songs).round(4))
        verdicts.insert(0, "labels", version)
        scores.append(table)
        claims.append(verdicts)
        described = described or songs
    shown = "FOLDER" if experiment.own else dataset  # a path is of one machine
    shown += " --data $DEAM_ROOT" if dataset == "deam" else ""
    shown += " --features FEATURES" if features != "auto" else ""
    provenance = {
        "command": f"mer run --dataset {shown} --profile {profile}",
        "date": datetime.date.today().isoformat(),
        "dataset": described.name, "simulated": described.simulated, "n_songs": len(described),
        "features": described.feature_source, "n_features": int(described.features.shape[1]),
        "seeds": [experiment.seeds.start, experiment.seeds.stop - 1],
        "split_seed": experiment.split_seed, "protocol": asdict(experiment.protocol),
        "n_resamples": size["n_resamples"], "notes": list(described.notes),
        "checksums": described.checksums, "versions": versions(),
    }  # fmt: skip
    if experiment.keep_artists_together:
        provenance["folds"] = "apart by artist"
    tables = {"scores": pd.concat(scores), "claims": pd.concat(claims)}
    write_tables(out, tables, provenance)
    return out
