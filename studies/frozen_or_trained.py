"""Frozen or trained: does an encoder that learns say more of how far listeners disagree?

``python studies/frozen_or_trained.py --clips FOLDER --mir FILE --out results/encoders`` where
FOLDER holds the clips of MUSIFEAST-17 (``mer fetch musifeast FOLDER``) and FILE the published
features of MIRtoolbox. A fit is one arm, panel, loss, fold and seed; each is kept in the cache, so
that the run can be stopped and goes on where it was. Tables, all aggregates:

``scores.csv``    every arm against the mean and the SD of listeners who taught and of others, and
                  its paired difference to the frozen encoder, with intervals
``training.csv``  scores on clips that were trained on, weights that learned, seconds of an epoch
``pooling.csv``   frozen layers and ways of pooling over time, on the SDs of real listeners
``probes.csv``    *simulated* listeners whose spread follows one property of the sound: which layer,
                  which pooling, which encoder knows of it
``null.csv``      by how much differences between arms vary where there is nothing to be found
``provenance.json``

``--only`` makes some of the parts. ``--encoder musicfm --checkpoint FILE --top K`` compares the
last K layers of MusicFM, frozen and trained, in place of musicnn; ``--device cuda`` does so on a
GPU; ``--dataset deam --data FOLDER`` takes DEAM and its audio.
"""

import argparse
import datetime
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from tqdm import tqdm

from mer_utils.data.dataset import sha256
from mer_utils.results import kept, versions, write_tables

sys.path.append(str(Path(__file__).with_name("encoders")))  # its parts
import encoder_designs
import encoder_fits
import encoder_scores
import paper_heads
import pooling
import probes
import properties
import trained_probes
from arms import arms_of, sound_of

COMMAND = "python studies/frozen_or_trained.py --clips FOLDER --mir FILE --out results/encoders"
LOSSES = ("mse", "kld")
REFERENCE = "frozen"
PARTS = ("arms", "probes")
HEAD_SEEDS = range(4)


def designs_of(args) -> list:
    """The designs that are asked for."""
    if args.dataset == "musifeast":
        return [encoder_designs.musifeast(design) for design in args.designs]
    have = [path.stem for path in Path(args.clips).iterdir()]
    return [encoder_designs.any_data(args.dataset, args.data, args.labels, have, args.folds)]


def tasks_of(designs, arms, args):
    """Fits: the first seed of everything first, then design by design."""
    found = [
        (seed, name, design, loss, fold)
        for design in designs for loss in args.losses for name, arm in arms.items()
        for seed in range(min(arm.seeds, args.seeds)) for fold in range(len(design.splits))
    ]  # fmt: skip
    return sorted(found, key=lambda task: task[0])


def fit(task, args):
    """One fit, from the cache if it is there."""
    seed, name, design, loss, fold = task
    if args.device == "cpu":
        torch.set_num_threads(1)
    sound = sound_of(args, design.songs.song_id)
    which = (*design.taught[fold], design.splits[fold], loss, seed, args.device)
    return encoder_fits.fit(sound, name, arms_of(args)[name], *which)


def predictions(design, name, arm, loss, args):
    """Out-of-fold mu and sigma, (n_seeds, n, D), and the rows of what training was like."""
    n_seeds, training = min(arm.seeds, args.seeds), []
    out = np.empty((2, n_seeds, *design.songs.mean.shape))
    for seed in range(n_seeds):
        fits = [fit((seed, name, design, loss, k), args) for k in range(len(design.splits))]
        for split, one in zip(design.splits, fits, strict=True):
            out[:, seed, split.test] = one.mu, one.sigma
        training += encoder_scores.training_rows(design, name, loss, seed, fits)
    return tuple(out), training


def tables_of(design, arms, factors, args):
    """Scores and training of one design."""
    said, training, features = {}, [], {}
    if args.encoder == "musicnn":
        sound = sound_of(args, design.songs.song_id)
        features = paper_heads.clip_features(sound, args.mir or None)
    for loss in args.losses:
        for name, arm in arms.items():
            said[name, loss], rows = predictions(design, name, arm, loss, args)
            training += rows
        for name, x in features.items():
            heads = paper_heads.heads(x, design, loss, HEAD_SEEDS, args.head_epochs)
            said[f"clip {name}", loss] = heads
    return encoder_scores.table(design, said, REFERENCE, factors), pd.DataFrame(training)


def real_arms(arms, designs, null, args) -> dict:
    """Frozen against trained, on real listeners; ``null``: the table of that name, or None."""
    factors = {} if null is None else trained_probes.factors_of(null)
    made = [tables_of(design, arms, factors, args) for design in designs]
    scores, training = (pd.concat(parts, ignore_index=True) for parts in zip(*made, strict=True))
    trained = [name for name in arms if name != REFERENCE]
    return {"scores": encoder_scores.with_verdicts(scores, trained), "training": training}


def frozen_parts(design, args) -> dict:
    """Layers and poolings of the frozen encoder, on probes and on real listeners."""
    sound, songs = sound_of(args, design.songs.song_id), design.songs
    features = pooling.features_of(sound)
    tokens = np.asarray(sound.tokens).reshape(len(songs), -1, sound.tokens.shape[-1])
    how = {"epochs": args.epochs} if args.epochs else {}
    known = features, tokens, properties_of(design, args)
    few = {"draws": 2, "few": 1, "seeds": 1} if args.small else {}
    probed = pooling.probe_table(
        *known, songs.mean[:, 0], design.splits, design.cluster, **few, **how
    )  # fmt: skip
    real = features, tokens, songs.sd, songs.dimensions, design.splits, design.cluster
    return {"probes": probed, "pooling": pooling.pooling_table(*real, **how)}


def properties_of(design, args) -> pd.DataFrame:
    """The properties that are known of the clips."""
    songs = design.songs
    known = songs.genre is not None and any(songs.genre)
    more = {"genre": songs.genre} if known else {}
    if songs.kind == "musifeast":
        more["vocal"] = properties.vocal_of(args.clips, songs.song_id)
    windows = sound_of(args, songs.song_id).log_mel.shape[1]
    return properties.properties_of(args.clips, songs.song_id, windows=windows, **more)


def probe_tasks(design, arms, args):
    """The worlds in which encoders are trained, and fits as :func:`fit` takes them."""
    table = trained_probes.with_nulls(properties_of(design, args))
    made = probes.worlds(design.songs.mean[:, 0], table, draw=0)
    taught = replace(design, taught=((made.mean, made.sd),) * len(design.splits))
    return made, [
        (seed, name, taught, trained_probes.LOSS, fold)
        for name, arm in arms.items() for seed in range(min(arm.seeds, args.seeds))
        for fold in range(len(design.splits))
    ]  # fmt: skip


def trained_parts(design, arms, args) -> dict:
    """Trained encoders on the probes; and how their differences vary where nothing can be found."""
    made, tasks = probe_tasks(design, arms, args)
    said = {
        name: np.zeros((min(arm.seeds, args.seeds), *made.sd.shape)) for name, arm in arms.items()
    }
    for task in tasks:
        said[task[1]][task[0], design.splits[task[4]].test] = fit(task, args).sigma
    titles, where = {name: arm.title for name, arm in arms.items()}, (design.fold, design.cluster)
    return {
        "probes": trained_probes.table(said, made, titles, *where, REFERENCE),
        "null": trained_probes.factors(said, made, REFERENCE, *where),
    }


def main(argv=None):
    """Command line; see the head of this module."""
    args = parsed(argv)
    designs, arms = designs_of(args), arms_of(args)
    arms, tables = {name: arms[name] for name in args.arms or arms}, {}
    sound_of(args, designs[0].songs.song_id, progress=True)
    tasks = tasks_of(designs, arms, args) * ("arms" in args.only)
    if "probes" in args.only:
        tasks += probe_tasks(designs[0], arms, args)[1]
    if args.jobs > 1:
        os.environ["OMP_NUM_THREADS"] = "1"
        with ProcessPoolExecutor(args.jobs) as pool:
            done = pool.map(partial(fit, args=args), tasks)
            list(tqdm(done, total=len(tasks), unit="fit"))
    if "probes" in args.only:
        frozen, trained = frozen_parts(designs[0], args), trained_parts(designs[0], arms, args)
        both = pd.concat([frozen["probes"], trained["probes"]], ignore_index=True)
        tables |= frozen | trained | {"probes": both}
    if "arms" in args.only:
        before = kept("encoders", "null", args.out) if (args.out / "null.csv").is_file() else None
        tables |= real_arms(arms, designs, tables.get("null", before), args)
    about = {
        "command": COMMAND, "date": datetime.date.today().isoformat(), "seeds": args.seeds,
        "encoder": args.encoder, "plans": {name: str(arm.plan) for name, arm in arms.items()},
        "checksums": dict(designs[0].songs.checksums), "versions": versions(),
    }  # fmt: skip
    if args.mir:
        about["checksums"][Path(args.mir).name] = sha256(args.mir)
    write_tables(args.out, tables, about)


def parsed(argv):
    """The arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", required=True, help="folder of the sound")
    parser.add_argument("--mir", default="", help="file of MIRtoolbox's features, if at hand")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", choices=("musicnn", "musicfm"), default="musicnn")
    parser.add_argument("--checkpoint", default=None, help="of MusicFM")
    parser.add_argument("--top", type=int, default=2, help="layers of MusicFM that are trained")
    parser.add_argument("--dataset", default="musifeast", help="or deam, or a folder of yours")
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--labels", default="as_distributed")
    parser.add_argument("--folds", type=int, default=5, help="of another data set")
    parser.add_argument("--only", nargs="+", default=None, choices=PARTS, help="MusicFM: arms")
    parser.add_argument("--designs", nargs="+", default=["all", "halves"])
    parser.add_argument("--arms", nargs="+", default=None)
    parser.add_argument("--losses", nargs="+", default=LOSSES, choices=LOSSES)
    parser.add_argument("--seeds", type=int, default=4, help="at most; some arms have fewer")
    parser.add_argument("--epochs", type=int, default=None, help="at most, of every arm")
    parser.add_argument("--head-epochs", type=int, default=100)
    parser.add_argument("--small", action="store_true", help="few draws of simulated listeners")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    args.only = args.only or PARTS[: 2 if args.encoder == "musicnn" else 1]
    return args


if __name__ == "__main__":
    main()
