"""Can an ordinary learner predict the SD of the raters? "No method" is tested here, not assumed.

``python studies/ordinary_learners.py --data $DEAM_ROOT --out results/learners`` takes about half an
hour of one core, nearly all of it for the permutations. Each is kept in the cache, so that it can
be stopped and goes on where it was. It writes ``scores.csv``, one row per

``data, labels``  ``deam``, and ``deam_above_1000``: the songs whose labels nobody doubts, alone;
                  ``musifeast`` with all listeners and with few
``folds``         ``artist``: ten folds (five of MUSIFEAST-17) apart by artist; ``blocks``: 250 ids
                  in a row are left out at a time (DEAM), so that what changed while the ratings
                  were collected cannot help
``learner``       ``ridge``; ``trees``; ``best``: of these two and of their average, the one with
                  the least squared error in an inner cross-validation of the training songs
``score``         ``pearson``, ``spearman``, ``r2``; ``pearson_beyond_mean``, what is left when a
                  quadratic in the raters' mean is out of both (``partial_pearson``);
                  ``pearson_of_rest``, when it is out of the raters' SD alone: of a prediction that
                  was made before any rater was asked, so its square bounds a ceiling from below
``dimension``

with ``value`` (within folds, then averaged), ``low`` and ``high`` (95% bootstrap over songs within
folds), ``n_songs``, and the null of no relation: the whole procedure, choices and all, with the
pairs of SDs permuted among songs. ``null_mean`` and ``null_sd`` are over :data:`PERMUTATIONS`
of them, ``null_above`` is the share that scores at least ``value``.

No score of ``best`` was picked among learners by its test songs; of ``ridge`` and ``trees`` read
alone, the higher is in part the luckier.
"""

import argparse
import datetime
import hashlib
import inspect
import json
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold
from tqdm import tqdm

from mer_utils.code_digest import logic
from mer_utils.data.load import load
from mer_utils.model.splits import artist_groups, folds, standardise
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.results import versions, write_tables
from mer_utils.scoring.intervals import bootstrap
from mer_utils.scoring.metrics import pearson, r2, spearman
from mer_utils.scoring.parts import beyond_mean, partial_pearson
from mer_utils.scoring.score_table import within_folds

COMMAND = "python studies/ordinary_learners.py --data $DEAM_ROOT --out results/learners"
PENALTIES = np.logspace(1, 5, 17)
"""Of ridge on standardised features; leave-one-out error chooses one for each dimension."""
TREES, INNER_TREES, LEAF, SHARE = 120, 40, 8, 0.3
"""Trees, and fewer of them for the inner choice; songs in a leaf, at least; features in a split."""
INNER, PERMUTATIONS, BLOCK = 3, 20, 250
LEARNERS = ("ridge", "trees", "best")
CELLS = (
    ("musifeast", "as_distributed", "artist"),
    ("musifeast", "few_listeners", "artist"),
    ("deam", "as_distributed", "artist"),
    ("deam", "as_distributed", "blocks"),
    ("deam_above_1000", "as_distributed", "artist"),
    ("deam_above_1000", "as_distributed", "blocks"),
    ("deam", "corrected", "artist"),
    ("deam", "corrected", "blocks"),
)


def of_rest(sd, sigma, mean, weights=None):
    """Correlation of a prediction with what a quadratic in the raters' mean leaves of their SD."""
    return pearson(beyond_mean(mean, sd), sigma, weights)


SCORES = {"pearson": pearson, "spearman": spearman, "r2": r2}
WITH_MEAN = {"pearson_beyond_mean": partial_pearson, "pearson_of_rest": of_rest}
SCORES |= WITH_MEAN


def ridge(x, y, rows, wanted):
    """Predictions (n_wanted, 2) for the songs ``wanted``, learnt from the songs ``rows``."""
    x = standardise(x, rows)
    return RidgeCV(PENALTIES, alpha_per_target=True).fit(x[rows], y[rows]).predict(x[wanted])


def trees(x, y, rows, wanted, n_trees=TREES):
    """As :func:`ridge`: one forest of extremely randomised trees for both dimensions."""
    level, scale = y[rows].mean(0), y[rows].std(0)
    forest = ExtraTreesRegressor(
        n_trees, min_samples_leaf=LEAF, max_features=SHARE, n_jobs=1, random_state=0
    )
    return forest.fit(x[rows], (y[rows] - level) / scale).predict(x[wanted]) * scale + level


def candidates(x, y, rows, wanted, n_trees=TREES):
    """Ridge, trees and their average: (3, n_wanted, 2)."""
    both = ridge(x, y, rows, wanted), trees(x, y, rows, wanted, n_trees)
    return np.stack([*both, (both[0] + both[1]) / 2])


def chosen(x, y, rows, groups):
    """Which candidate has the least squared error inside ``rows``, for each dimension: (2,)."""
    inner, found = GroupKFold(INNER), np.empty((3, len(rows), y.shape[1]))
    for taught, judged in inner.split(rows, groups=groups[rows]):
        found[:, judged] = candidates(x, y, rows[taught], rows[judged], INNER_TREES)
    return ((found - y[rows]) ** 2).mean(1).argmin(0)


def predict(x, y, fold, groups):
    """Out-of-sample predictions of :data:`LEARNERS`, (3, n_songs, 2), each by the other folds."""
    found = np.empty((3, *y.shape))
    for k in np.unique(fold):
        rows, wanted = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        each = candidates(x, y, rows, wanted)
        pick = chosen(x, y, rows, groups)
        best = np.take_along_axis(each, pick[None, None], axis=0)[0]
        found[:, wanted] = each[0], each[1], best
    return found


CODE = [logic(inspect.getsource(part)) for part in (ridge, trees, candidates, chosen, predict)]
"""What decides predictions, as it was when it was imported."""


def cell(data, labels, apart, folder=""):
    """Features, SDs, means, folds and groups of one cell of :data:`CELLS`, and checksums."""
    songs = load(data.split("_")[0], folder if data.startswith("deam") else "", labels)
    kept = np.arange(len(songs))
    if data == "deam_above_1000":
        kept = np.flatnonzero(np.asarray(songs.song_id) > 1000)
    groups = artist_groups(np.asarray(songs.artist)[kept])
    if apart == "blocks":
        groups = fold = (np.asarray(songs.song_id)[kept] - 1) // BLOCK
    else:
        fold, n_folds = np.empty(len(kept), int), 10 if data.startswith("deam") else 5
        for k, split in enumerate(folds(len(kept), 0, n_folds=n_folds, groups=groups)):
            fold[split.test] = k
    return (songs.features[kept], songs.sd[kept], songs.mean[kept], fold, groups), songs.checksums


def kept_predictions(x, y, fold, groups):
    """What :func:`predict` returns, from the cache where it was made before."""
    sizes = PENALTIES.tolist(), TREES, INNER_TREES, LEAF, SHARE, INNER, sklearn.__version__
    digest = hashlib.sha256(json.dumps([CODE, sizes]).encode())
    for array in (x, y, fold, groups):
        digest.update(np.ascontiguousarray(array).tobytes())
    path = cache_dir() / "ordinary_learners" / f"{digest.hexdigest()[:16]}.npy"
    if not path.is_file():
        with write_atomically(path) as temporary:
            with open(temporary, "wb") as file:
                np.save(file, predict(x, y, fold, groups))
    return np.load(path)


def rows_of(x, sd, mean, fold, groups, permutations=PERMUTATIONS, bar=None, n_resamples=500):
    """Rows of the table for one cell: ``learner, score, dimension, value, ..., n_songs``."""

    def scored(y, predicted, score, **how):
        more = (mean,) if score in WITH_MEAN.values() else ()
        return within_folds(score, fold)(y, predicted, *more, **how)

    real, rng, null = kept_predictions(x, sd, fold, groups), np.random.default_rng(0), []
    for _ in range(permutations):
        y = sd[rng.permutation(len(sd))]
        predicted = kept_predictions(x, y, fold, groups)
        null.append([scored(y, predicted, score) for score in SCORES.values()])
        if bar is not None:
            bar.update()
    null = np.asarray(null).reshape(permutations, len(SCORES), len(LEARNERS), 2)
    rows = []
    for s, (name, score) in enumerate(SCORES.items()):
        more = (mean,) if score in WITH_MEAN.values() else ()
        for k, learner in enumerate(LEARNERS):
            ends = bootstrap(within_folds(score, fold), sd, real[k], *more, n_resamples=n_resamples)
            for d in range(2):
                value, low, high = (float(end[d]) for end in ends)
                drawn = null[:, s, k, d]
                about = (np.nan,) * 3
                if permutations:
                    about = drawn.mean(), drawn.std(ddof=1), np.mean(drawn >= value)
                rows.append((learner, name, d, value, low, high, *about, len(sd)))
    return rows


def table(cells=CELLS, folder="", permutations=PERMUTATIONS) -> tuple[pd.DataFrame, dict]:
    """The table of the head of this file, and the checksums of the data."""
    parts, sums = [], {}
    names = "learner score dimension value low high null_mean null_sd null_above n_songs".split()
    with tqdm(total=len(cells) * permutations, disable=not permutations) as bar:
        for data, labels, apart in cells:
            arrays, checksums = cell(data, labels, apart, folder)
            part = pd.DataFrame(rows_of(*arrays, permutations, bar), columns=names)
            part["dimension"] = np.array(["valence", "arousal"])[part["dimension"]]
            for place, (name, text) in enumerate(
                {"data": data, "labels": labels, "folds": apart}.items()
            ):
                part.insert(place, name, text)
            parts.append(part)
            sums |= checksums
    return pd.concat(parts, ignore_index=True), sums


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--permutations", type=int, default=PERMUTATIONS)
    args = parser.parse_args(argv)
    scores, sums = table(folder=args.data, permutations=args.permutations)
    about = {
        "command": COMMAND, "date": datetime.date.today().isoformat(),
        "permutations": args.permutations, "trees": TREES, "leaf": LEAF, "share": SHARE,
        "checksums": sums, "versions": versions(),
    }  # fmt: skip
    write_tables(args.out, {"scores": scores}, about)
    print(json.dumps({"rows": len(scores)}))


if __name__ == "__main__":
    main()
