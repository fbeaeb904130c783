"""Frozen or trained: does an encoder that learns say more of how far listeners disagree?

``python studies/frozen_or_trained.py --clips FOLDER --mir FILE --out results/encoders`` where
FOLDER holds the clips of MUSIFEAST-17 (``mer fetch musifeast FOLDER``) and FILE the published
features of MIRtoolbox. A fit is one arm, panel, loss, fold and seed; each is kept in the cache, so
that the run can be stopped and goes on where it was. Tables, all aggregates:

``scores.csv``    every arm against the mean and the SD of listeners who taught and of others, and
                  its paired difference to the frozen encoder, with intervals
``training.csv``  scores on clips that were trained on, weights that learned, seconds of an epoch
``provenance.json``

``--encoder musicfm --checkpoint FILE --top K`` trains the last K layers of MusicFM in place of
musicnn, ``--device cuda`` on a GPU; ``--dataset deam --data FOLDER`` takes DEAM and its audio.
"""

import argparse
import datetime
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import encoder_designs
import encoder_fits
import encoder_scores
import numpy as np
import pandas as pd
import paper_heads
import torch
from arms import arms_of
from sound import sound_of
from tqdm import tqdm

from mer_utils.data.dataset import sha256
from mer_utils.results import versions, write_tables

COMMAND = "python studies/frozen_or_trained.py --clips FOLDER --mir FILE --out results/encoders"
LOSSES = ("mse", "kld")
REFERENCE = "frozen"
HEAD_SEEDS = range(4)


def turns_of(args) -> list[list]:
    """Designs, each a list of turns."""
    if args.dataset == "musifeast":
        return [encoder_designs.musifeast(design) for design in args.designs]
    have = [path.stem for path in Path(args.clips).iterdir()]
    return [encoder_designs.any_data(args.dataset, args.data, args.labels, have, args.folds)]


def tasks_of(designs, arms, args):
    """Fits, the first seed and what takes little time first."""
    found = []
    for name, arm in arms.items():
        for seed in range(min(arm.seeds, args.seeds)):
            for turns in designs:
                for loss in args.losses:
                    for turn in turns:
                        found += [(seed, name, turn, loss, split) for split in turn.splits]
    return sorted(found, key=lambda task: task[0])


def _fit(task):
    seed, name, turn, loss, split, args = task
    torch.set_num_threads(1 if args.device == "cpu" else torch.get_num_threads())
    arm = arms_of(args)[name]
    songs, sound = turn.songs, sound_of_args(turn, args)
    return encoder_fits.fit(sound, name, arm, songs.mean, songs.sd, split, loss, seed, args.device)


def sound_of_args(turn, args, progress=False):
    """The sound of a turn's songs."""
    return sound_of(args.clips, turn.songs.song_id, progress)


def predictions(turns, name, arm, loss, args):
    """Out-of-fold (mu, sigma) of each turn, (n_seeds, n, D), and the fits by turn."""
    said, kept = [], []
    for turn in turns:
        out, fits = np.empty((2, min(arm.seeds, args.seeds), *turn.songs.mean.shape)), []
        for seed in range(out.shape[1]):
            for split in turn.splits:
                fit = _fit((seed, name, turn, loss, split, args))
                out[0, seed, split.test], out[1, seed, split.test] = fit.mu, fit.sigma
                fits.append(fit)
        said.append(tuple(out))
        kept.append(fits)
    return said, kept


def tables_of(turns, arms, args):
    """Scores and training of one design."""
    said, training = {}, []
    for loss in args.losses:
        for name, arm in arms.items():
            said[name, loss], kept = predictions(turns, name, arm, loss, args)
            for turn, fits in zip(turns, kept, strict=True):
                training += encoder_scores.taught_rows(turn, name, loss, fits)
        if args.encoder == "musicnn":
            features = paper_heads.clip_features(sound_of_args(turns[0], args), args.mir or None)
            for name, x in features.items():
                heads = [paper_heads.heads(x, t, loss, HEAD_SEEDS, args.head_epochs) for t in turns]
                said[f"clip {name}", loss] = heads
    return encoder_scores.table(turns, said, REFERENCE), pd.DataFrame(training)


def main(argv=None):
    """Command line; see the head of this module."""
    args = parsed(argv)
    designs, arms = turns_of(args), arms_of(args)
    arms = {name: arms[name] for name in args.arms or arms}
    sound_of_args(designs[0][0], args, progress=True)
    tasks = [(*task, args) for task in tasks_of(designs, arms, args)]
    if args.jobs > 1:
        os.environ["OMP_NUM_THREADS"] = "1"
        with ProcessPoolExecutor(args.jobs) as pool:
            list(tqdm(pool.map(_fit, tasks), total=len(tasks), unit="fit"))
    made = [tables_of(turns, arms, args) for turns in designs]
    scores, training = (pd.concat(parts, ignore_index=True) for parts in zip(*made, strict=True))
    about = {
        "command": COMMAND, "date": datetime.date.today().isoformat(), "seeds": args.seeds,
        "encoder": args.encoder, "plans": {name: str(arm.plan) for name, arm in arms.items()},
        "checksums": dict(designs[0][0].songs.checksums), "versions": versions(),
    }  # fmt: skip
    if args.mir:
        about["checksums"][Path(args.mir).name] = sha256(args.mir)
    write_tables(args.out, {"scores": scores, "training": training}, about)


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
    parser.add_argument("--designs", nargs="+", default=["all", "halves"])
    parser.add_argument("--arms", nargs="+", default=None)
    parser.add_argument("--losses", nargs="+", default=LOSSES, choices=LOSSES)
    parser.add_argument("--seeds", type=int, default=4, help="at most; some arms have fewer")
    parser.add_argument("--epochs", type=int, default=None, help="at most, of every arm")
    parser.add_argument("--head-epochs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
