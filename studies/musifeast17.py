"""Makes ``data/musifeast17/`` from a copy of the public repository HazelvdW/MUSIFEAST-17.

``python studies/musifeast17.py REPOSITORY`` writes

``ratings.csv``   per clip and listener group: listeners, and the sum and the sum of squares of
                  their whole-number ratings, for valence, arousal and enjoyment
``clips.csv``     genre, familiarity class, artist and title of each clip, SHA-256 of its sound

and with ``--store STORE`` also ``embeddings.parquet``, from the store that ``mer embed
REPOSITORY/stimuli STORE --encoder musicnn --layers all`` makes; it prints how well each layer
serves a ridge regression, with and without rounding to float16.

The repository publishes means and SDs (ddof=1) of eight groups of listeners at full precision,
and no numbers of listeners. Ratings are whole numbers, so the mean and the SD of a group fit few
numbers of listeners, and six scales together fit one. The script stops if pooling the groups does
not give the published mean and SD of every clip to 1e-12.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import sha256
from mer_utils.data.feature_store import read_settings, read_store
from mer_utils.model.splits import artist_groups
from mer_utils.paths import repo_root, write_atomically
from mer_utils.scoring.metrics import r2

GROUPS = tuple(f"{country}{age}" for country in ("UK", "US")
               for age in ("18to30", "31to45", "46to60", "61to75"))  # fmt: skip
"""The eight groups of listeners: country and age."""
SCALES = ("style_familiarity", "clip_familiarity", "contrast", "enjoyment", "valence", "arousal")
LAYER = "penultimate"
"""The layer that serves best; see data/musifeast17/README.md."""
KEPT = ("valence", "arousal", "enjoyment")
LEAST, MOST = 3, 12
"""Listeners of a group on one clip."""
WRONG = 1e-9


def published(repository: Path, group: str) -> pd.DataFrame:
    """A published table, by clip, in order of clip."""
    path = repository / "data" / f"MUSIFEAST17_{group}.csv"
    if not path.is_file():
        raise DataError(f"{path}: not found; give the folder of the repository MUSIFEAST-17")
    return pd.read_csv(path, index_col="CLIP_NAME", encoding="utf-8-sig").sort_index()


def moments_of(table: pd.DataFrame, place: str) -> pd.DataFrame:
    """Listeners, sums and sums of squares behind published means and SDs (ddof=1).

    ``table`` has ``SCALE_M`` and ``SCALE_SD``; the result has ``n``, ``SCALE_sum`` and
    ``SCALE_sumsq``, whole numbers. The number of listeners is the smallest that fits all scales; a
    multiple of it could fit too, which the pooled table would show.
    """
    mean = table[[f"{scale}_M" for scale in SCALES]].to_numpy()
    sd = table[[f"{scale}_SD" for scale in SCALES]].to_numpy()
    n = np.zeros(len(table), int)
    for k in range(MOST, LEAST - 1, -1):
        total, square = k * mean, (k - 1) * sd**2 + k * mean**2
        whole = [np.abs(x - x.round()).max(axis=1) < WRONG * k**2 for x in (total, square)]
        n[whole[0] & whole[1]] = k
    if not n.all():
        raise DataError(f"{place}, clip {table.index[n == 0][0]}: no number of listeners up to "
                        f"{MOST} fits its means and SDs; use the published file")  # fmt: skip
    total = (n[:, None] * mean).round().astype(int)
    square = ((n - 1)[:, None] * sd**2 + n[:, None] * mean**2).round().astype(int)
    columns = {"n": n}
    for i, scale in enumerate(SCALES):
        columns |= {f"{scale}_sum": total[:, i], f"{scale}_sumsq": square[:, i]}
    return pd.DataFrame(columns, index=table.index)


def largest_difference(groups: dict[str, pd.DataFrame], whole: pd.DataFrame) -> float:
    """Pooled groups against the published table of all listeners: largest difference, any scale."""
    pooled, worst = sum(groups.values()), 0.0
    for scale in SCALES:
        n, total, square = (pooled[c] for c in ("n", f"{scale}_sum", f"{scale}_sumsq"))
        sd = np.sqrt((n * square - total**2) / (n * (n - 1)))
        worst = max(worst, (total / n - whole[f"{scale}_M"]).abs().max())
        worst = max(worst, (sd - whole[f"{scale}_SD"]).abs().max())
    return float(worst)


def home() -> Path:
    """The folder that is made."""
    return repo_root() / "data" / "musifeast17"


def targets(groups=GROUPS) -> tuple[np.ndarray, np.ndarray]:
    """Means and SDs (ddof=1) of valence and arousal, (n_clips, 2) each, 1-5, from the files made.

    All listeners, or those of some groups: any union of groups is a panel of its own.
    """
    table = pd.read_csv(home() / "ratings.csv")
    pooled = table[table["group"].isin(groups)].groupby("clip").sum(numeric_only=True)
    n = pooled[["n"]].to_numpy()
    total, square = (pooled[[f"{d}_{e}" for d in KEPT[:2]]].to_numpy() for e in ("sum", "sumsq"))
    return total / n, np.sqrt((n * square - total**2) / (n * (n - 1)))


def serves(features) -> str:
    """How well a ridge predicts the means and the SDs of the clips: R2, ten folds by artist."""
    folds, found = GroupKFold(10, shuffle=True, random_state=0), []
    groups = artist_groups(pd.read_csv(home() / "clips.csv", keep_default_na=False)["artist"])
    for target in targets():
        model = RidgeCV(np.logspace(0, 6, 13), alpha_per_target=True)
        model = make_pipeline(StandardScaler(), model)
        found.append(
            r2(target, cross_val_predict(model, features, target, cv=folds, groups=groups))
        )
    return "R2 of the mean {:.3f} / {:.3f}, of the SD {:.3f} / {:.3f}".format(*found[0], *found[1])


def write_tables(repository: Path):
    """``ratings.csv`` and ``clips.csv``, checked against the table of all listeners."""
    whole = published(repository, "all")
    groups = {g: moments_of(published(repository, g), g) for g in GROUPS}
    off = largest_difference(groups, whole)
    print(f"{len(whole)} clips; pooled groups differ from the published table by {off:.1e} at most")
    if off > 1e-12:
        raise DataError("the recovered ratings do not give the published means and SDs")
    ratings = pd.concat(groups, names=["group", "clip"]).swaplevel().sort_index()
    moments = ["n", *(f"{scale}_{end}" for scale in KEPT for end in ("sum", "sumsq"))]
    clips = whole[["GENRE", "FAMILIARITY", "ARTIST", "TRACK_TITLE"]].rename_axis("clip")
    clips.columns = ["genre", "familiarity", "artist", "title"]
    sound = repository / "stimuli"
    clips["sha256"] = [sha256(sound / f"{clip}.mp3") for clip in clips.index]
    for name, table in {"ratings": ratings[moments], "clips": clips}.items():
        with write_atomically(home() / f"{name}.csv") as temporary:
            table.to_csv(temporary, lineterminator="\n")


def write_embeddings(store: Path):
    """``embeddings.parquet``: one layer, in float16."""
    settings = read_settings(store)
    clips = pd.read_csv(home() / "clips.csv")["clip"]
    for layer in settings["layers"]:
        ids, features, _ = read_store(store, layer)
        if list(ids) != list(clips):
            raise DataError(f"{store}: its clips are not those of the tables; embed stimuli/")
        print(f"{layer}: {serves(features)}")
        print(f"{layer}, float16: {serves(features.astype(np.float16).astype(np.float32))}")
    ids, features, source = read_store(store, LAYER)
    rounded = pa.array(features.astype(np.float16).ravel())
    column = pa.FixedSizeListArray.from_arrays(rounded, features.shape[1])
    table = pa.table({"clip": pa.array(ids.tolist()), LAYER: column})
    about = {"source": source, "checkpoint_sha256": settings["checkpoint_sha256"]}
    with write_atomically(home() / "embeddings.parquet") as temporary:
        pq.write_table(table.replace_schema_metadata(about), temporary, compression="zstd")


def main():
    """The command line; see the head of this file."""
    parser = argparse.ArgumentParser(description="Make data/musifeast17/ from the public tables.")
    parser.add_argument("repository", type=Path, help="a copy of HazelvdW/MUSIFEAST-17")
    parser.add_argument("--store", type=Path, help="embeddings of its stimuli/, all layers")
    options = parser.parse_args()
    write_tables(options.repository)
    if options.store:
        write_embeddings(options.store)


if __name__ == "__main__":
    main()
