"""Your own ratings: a folder with ratings, features and ten lines about them.

``dataset.toml``  ``name``, ``scale``, ``dimensions``; more in :mod:`mer_utils.data.own_folder`
``ratings.csv``   ``item, rater`` and a column for each dimension; or, where raters are not known,
``moments.csv``   ``item``, ``n`` (raters, if known), and ``DIM_mean`` and ``DIM_sd`` of each
``features.*``    a table (CSV, Parquet, NPZ) with a column ``item``; or ``embeddings*``, a table or
                  a store of ``mer embed``; or what ``features`` in the TOML file names
``items.csv``     optional: ``item``; ``group``, what stays on one side of a split; ``genre``

Items are songs, voices, pictures: whatever was rated. Their ids are text. In the data set they
are ``song_id``, and the groups are ``artist``.

*Errors*: what cannot be right, such as a rating outside the scale, a rater twice on an item, or an
SD larger than its mean allows. *Left out and counted* in ``Dataset.notes``: items with fewer than
two raters, items without features, lines with an empty rating.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.csv_tables import DataError, numbers, read_table, twice
from mer_utils.data.dataset import Dataset, checksums
from mer_utils.data.features import match_features, only_table, some, split_layer
from mer_utils.data.moments import misfit, read_moments
from mer_utils.data.own_folder import DESCRIPTION, plain, read_description
from mer_utils.data.ratings import targets_from_ratings
from mer_utils.data.sd_formula import DdofEvidence, infer_ddof


def load_own(folder, features="auto") -> Dataset:
    """Read and check a folder of own ratings; its layout is at the top of this module.

    ``features`` is the path of a table or a store ("STORE:LAYER"); "auto": what ``dataset.toml``
    names, else what is there; None: ratings only, with features of shape (n_items, 0).

    The items come by id. SDs of ``ratings.csv`` get the ``ddof`` of ``dataset.toml``, 0 by default.
    For ``moments.csv`` it says what the SDs have; where it does not, that is inferred if possible
    and else taken as 0. Whatever is wrong is a ``DataError`` that names file, line and mend.
    """
    folder, about, notes = Path(folder).expanduser(), read_description(folder), []
    files = [folder / name for name in ("ratings.csv", "moments.csv") if (folder / name).is_file()]
    if len(files) != 1:
        have = "both ratings.csv and moments.csv; keep one" if files else (
            "neither ratings.csv (item, rater, one column per dimension) nor moments.csv; add one"
        )  # fmt: skip
        raise DataError(f"{folder}: it has {have}")
    read = [folder / DESCRIPTION, *files]
    dimensions, scale, ratings = tuple(about["dimensions"]), tuple(about["scale"]), None
    if files[0].name == "ratings.csv":
        ratings, ddof = _read_ratings(files[0], dimensions, scale, notes), about["ddof"] or 0
        song_id, mean, sd, n = targets_from_ratings(ratings, ddof, dimensions, scale)
    else:
        song_id, mean, sd, n, guess = read_own_moments(files[0], about, notes)
        ddof = about["ddof"] if about["ddof"] is not None else guess.ddof or 0
        if about["ddof"] is None:
            notes.append(f"{guess}{'' if guess.ddof is not None else '; taken as ddof=0'}.")
    song_id = np.array(song_id, dtype=str)
    flat = [name for name, ends in zip(dimensions, np.ptp(mean, axis=0), strict=True) if ends == 0]
    if flat and len(song_id) > 1:
        raise DataError(f"{files[0]}: all items have the same mean {flat[0]}, so there is nothing "
                        "to predict; correct the column, or take it out of dimensions")  # fmt: skip
    kept, values, source = np.ones(len(song_id), bool), np.empty((len(song_id), 0)), "none"
    if features is not None:
        place = own_features(folder, about) if features == "auto" else features
        kept, values, source = match_features(song_id, place, notes)
        read.append(split_layer(place)[0])
    group, genre = _read_items(folder / "items.csv", song_id[kept], read, notes)
    if ratings is not None:
        ratings = ratings[ratings["song_id"].isin(song_id[kept])].reset_index(drop=True)
    return Dataset(
        name=about["name"], song_id=song_id[kept], rating_mean=mean[kept], rating_sd=sd[kept],
        features=np.asarray(values, np.float32), feature_source=source,
        n_raters=None if n is None else n[kept], artist=group, genre=genre, ratings=ratings,
        simulated=about["simulated"], ddof=ddof, scale=scale, dimensions=dimensions,
        checksums=checksums(folder, read), notes=tuple(notes),
    )  # fmt: skip


def own_features(folder, about) -> Path:
    """The features that "auto" means; a ``DataError`` if there are none, or several."""
    if about["features"]:
        return folder / Path(about["features"]).expanduser()
    place = only_table(folder, "features.*", "embeddings*", "embeddings/*")
    if place is None:
        raise DataError(
            f"{folder}: no features found (looked for features.csv, .parquet or .npz, and for "
            "embeddings*); add them, or name them in dataset.toml: features = \"PATH\""
        )  # fmt: skip
    return place


def _read(path, names, columns, spelt, problems) -> pd.DataFrame:
    """A table with these columns, as text; names that are empty, or there before, are problems."""
    frame = read_table(path, [*names, *columns], aliases=spelt)
    if frame.empty:
        raise DataError(f"{path}: only a header; add the lines")
    for name in names:
        problems += [f"{path}, line {line}: {name} is empty; fill it in or remove the line"
                     for line in frame.index[frame[name] == ""]]  # fmt: skip
    known = frame[(frame[names] != "").all(axis=1)]
    twice(known.index, [" by ".join(texts) for texts in known[names].to_numpy()], path, problems)
    return frame


def _leave_out(bad, song_id, why, path, notes):
    if bad.any():
        notes.append(f"{bad.sum()} items left out: {why} ({some(song_id[bad])}).")
    if bad.all():
        raise DataError(f"{path}: no item is left: all {len(bad)} have {why}; give more ratings")


def _read_ratings(path, dimensions, scale, notes) -> pd.DataFrame:
    """``song_id, rater`` and the dimensions, of items with two raters or more, by item."""
    problems: list[str] = []
    spelt = {plain(d): d for d in dimensions}
    frame = _read(path, ["item", "rater"], dimensions, spelt, problems)
    raw = frame[list(dimensions)].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    if found := misfit(raw, None, scale):
        raise DataError(f"{path}: {found}")
    how = {"low": scale[0], "high": scale[1], "blank": "nan"}
    table = {"song_id": frame["item"].to_numpy(), "rater": frame["rater"].to_numpy()}
    table |= {name: numbers(frame, name, path, problems, **how) for name in dimensions}
    if problems:
        raise DataError(problems)
    table = pd.DataFrame(table)
    empty = table[list(dimensions)].isna().any(axis=1)
    if empty.any():
        notes.append(f"{empty.sum()} lines of {path.name} left out: a rating is empty.")
    table = table[~empty].sort_values(["song_id", "rater"], kind="stable")
    ids = np.unique(frame["item"].to_numpy(str))
    few = table["song_id"].value_counts().reindex(ids, fill_value=0).to_numpy() < 2
    _leave_out(few, ids, "fewer than 2 raters", path, notes)
    return table[~table["song_id"].isin(ids[few])].reset_index(drop=True)


def read_own_moments(path, about, notes):
    """``song_id, mean, sd, n`` (or None) of ``moments.csv``, by item; which SD it seems to hold.

    The last is a :class:`mer_utils.data.sd_formula.DdofEvidence`.
    """
    dimensions, scale = about["dimensions"], tuple(about["scale"])
    columns = [f"{d}_{what}" for what in ("mean", "sd") for d in dimensions]
    aliases = {plain(name): name for name in columns}
    aliases |= {f"{plain(d)}_std": f"{d}_sd" for d in dimensions}
    problems: list[str] = []
    frame = _read(path, ["item"], columns, aliases, problems)
    n = None
    if "n" in frame:
        n = numbers(frame, "n", path, problems, low=0)
        for i in np.flatnonzero(n % 1 > 0):
            line = f"{path}, line {frame.index[i]}: n is {n[i]:g}"
            problems.append(f"{line}, not a whole number of raters; correct it")
        few = n < 2
        _leave_out(few, frame["item"].to_numpy(str), "fewer than 2 raters", path, notes)
        frame, n = frame[~few], n[~few]
    widest = np.sqrt(2 if n is None else n / (n - 1)) if about["ddof"] != 0 else 1.0
    mean, sd = read_moments(frame, path, dimensions, scale, problems, widest=widest)
    if problems:
        raise DataError(problems)
    order = np.argsort(frame["item"].to_numpy(str), kind="stable")
    mean, sd, n = mean[order], sd[order], None if n is None else n[order].astype(int)
    guess = DdofEvidence(np.nan, np.nan, 0, "unknown", None)
    if n is not None:
        places = frame[columns].stack().str.extract(r"\.(\d+)")[0].str.len().max()
        decimals = 0 if np.isnan(places) else min(int(places), 6)
        guess = infer_ddof(mean, sd, n, decimals, scale)
    if guess.variance:
        raise DataError(f"{path}: {guess}; give SDs")
    return frame["item"].to_numpy(str)[order], mean, sd, n, guess


def _read_items(path, song_id, read, notes) -> list:
    """Group and genre of each item, ``""`` where ``items.csv`` does not say, or is not there."""
    if not path.is_file():
        return [np.full(len(song_id), "")] * 2
    read.append(path)
    problems: list[str] = []
    frame = _read(path, ["item"], [], {}, problems)
    if problems:
        raise DataError(problems)
    frame = frame.set_index("item").reindex(columns=["group", "genre"], fill_value="")
    absent = ~np.isin(song_id, frame.index)
    if absent.any():
        notes.append(f"{absent.sum()} items are not in {path.name} ({some(song_id[absent])}).")
    return [frame[name].reindex(song_id, fill_value="").to_numpy(str) for name in frame]
