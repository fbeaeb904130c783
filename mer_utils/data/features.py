"""Features per song: a table, a store, or DEAM's official file for every song.

All give one row per song (or item). What cannot be used (a song with NaN) is left out and counted;
what cannot be right (text in a number column, a song twice) is an error.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.csv_tables import DataError, clean
from mer_utils.data.deam_tables import read_folder
from mer_utils.data.feature_store import is_store, read_store

TABLES = {".npz", ".parquet", ".csv"}
ID_NAMES = {"song_id", "songid", "musicid", "id", "item"}


def find_features(root: Path) -> Path:
    """The features that ``features="auto"`` means in the folder ``root``.

    In this order: a table or a store of ``mer embed`` in ``embeddings/``, a table in
    ``features_song_mean/``, the official folder ``features/``. None of them is a ``DataError``.
    """
    for name in ("embeddings", "features_song_mean"):
        table = only_table(root / name, "*")
        if table:
            return table
    folder = official_features(root)
    if folder is None:
        raise DataError(
            f"{root}: no features found (looked for embeddings/, features_song_mean/ and "
            "features/SONG_ID.csv); unpack features.zip there, or give features=PATH"
        )
    return folder


def only_table(folder: Path, *patterns) -> Path | None:
    """The one table or store of these names in ``folder``, or None; two are a ``DataError``."""
    paths = {path for pattern in patterns for path in folder.glob(pattern)}
    paths = {path for path in paths if not is_store(path.parent)}  # the parts of a store
    tables = sorted(p for p in paths if p.suffix.lower() in TABLES or is_store(p))
    if len(tables) > 1:
        names = ", ".join(p.name for p in tables)
        raise DataError(
            f"{folder}: more than one table ({names}); keep one, or say which with features=PATH"
        )
    return tables[0] if tables else None


def official_features(root: Path) -> Path | None:
    """The folder of the official ``SONG_ID.csv``, values over time; None if it is not there."""
    folders = (root / "features", root / "features" / "features")
    return next((folder for folder in folders if any(folder.glob("*.csv"))), None)


def read_features(path: Path, text=False):
    """Read features of any supported kind.

    Parameters
    ----------
    path : a table (CSV, Parquet, NPZ) with a column ``song_id`` or ``item``, a folder of
        ``SONG_ID.csv`` files as in the official ``features.zip``, or a store of ``mer embed``:
        its default layer, or another one with "PATH:LAYER".
    text : bool, ids are text; else positive whole numbers

    Returns
    -------
    song_id : array of int or str, (n_songs,), increasing
    features : float32 array, (n_songs, n_features), finite
    dropped : list of song ids left out because a value is not finite
    source : str, what the features are

    Raises
    ------
    DataError
    """
    path, layer = split_layer(path)
    if is_store(path):
        ids, values, source = read_store(path, layer)
    elif path.is_dir():
        ids, values = read_folder(path)
        source = "openSMILE mean and SD over time"
    else:
        if not path.is_file():
            raise DataError(f"{path}: no such features file; correct features=PATH")
        if path.suffix.lower() not in TABLES:
            raise DataError(f"{path}: features must be .csv, .parquet, .npz or a folder of .csv")
        ids, values, source = _read_table(path)
    if 0 in values.shape:
        what = "lines below the header" if len(values) == 0 else "feature columns beside the ids"
        raise DataError(f"{path}: no {what}; add them")
    ids = _text(ids, path) if text else _whole(ids, path)
    order = np.argsort(ids, kind="stable")
    ids, values = ids[order], values[order]
    twice = ids[1:][ids[1:] == ids[:-1]]
    if len(twice):
        raise DataError(f"{path}: {twice[0]} is there more than once; keep one row for each")
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    finite = np.isfinite(values).all(axis=1)
    return ids[finite], values[finite], ids[~finite].tolist(), source


def split_layer(features) -> tuple[Path, str | None]:
    """Path and layer of ``"PATH:LAYER"``; layer None if the text is a path, or no store."""
    features = Path(features).expanduser()
    place, colon, layer = str(features).rpartition(":")
    if colon and not features.exists() and is_store(place):
        return Path(place), layer
    return features, None


def match_features(song_id, place, notes):
    """Features of the songs in ``song_id``; what does not match is counted in ``notes``.

    The ids are read as whole numbers or as text, whatever those in ``song_id`` are.

    Returns
    -------
    kept : bool array, (n_songs,), the songs that have finite features
    features : float32 array, (n_kept, n_features)
    source : str

    Raises
    ------
    DataError
        As in :func:`read_features`, or if no song has features.
    """
    text = song_id.dtype.kind == "U"
    ids, values, dropped, source = read_features(place, text)
    dropped, what = set(dropped), "items" if text else "songs"
    kept = np.isin(song_id, ids)
    if not len(ids):
        raise DataError(f"{place}: every line has a feature that is no finite number; remove the "
                        "column or correct it")  # fmt: skip
    if not kept.any():
        raise DataError(
            f"{place}: none of its {len(ids)} {what} is among the {len(song_id)} rated {what} "
            f"({some(ids)} against {some(song_id)}); give the features of the rated {what}"
        )
    broken = [song for song in song_id.tolist() if song in dropped]
    absent = [song for song in song_id[~kept].tolist() if song not in dropped]
    if broken:
        notes.append(f"{len(broken)} {what} left out: features not finite ({some(broken)}).")
    if absent:
        notes.append(f"{len(absent)} {what} left out: no features ({some(absent)}).")
    others = np.setdiff1d(ids, song_id)
    if len(others):
        notes.append(f"Features of {len(others)} other {what} not used ({some(others)}).")
    values = values[np.searchsorted(ids, song_id[kept])]
    constant = int((values == values[:1]).all(axis=0).sum()) if len(values) > 1 else 0
    if constant:
        notes.append(f"{constant} of {values.shape[1]} feature columns are constant (kept).")
    return kept, values, source


def _read_table(path: Path):
    source = "openSMILE song means" if "opensmile" in path.stem.lower() else path.stem
    if path.suffix.lower() == ".npz":
        try:
            with np.load(path, allow_pickle=False) as archive:
                ids = archive["item" if "item" in archive else "song_id"]
                values = archive["features"]
                source = str(archive["source"]) if "source" in archive else source
        except (OSError, ValueError, KeyError) as error:
            raise DataError(
                f"{path}: not an NPZ file with the arrays 'song_id' (or 'item', as text and not as "
                f"objects) and 'features' ({error})"
            ) from None
        if values.ndim != 2 or ids.shape != values.shape[:1] or values.dtype.kind not in "fiu":
            raise DataError(
                f"{path}: 'features' is {values.dtype} of shape {values.shape}, the ids are of "
                f"shape {ids.shape}; expected numbers of shape (songs, features) and (songs,)"
            )
        return ids, values.astype(float), source
    csv = path.suffix.lower() == ".csv"
    how = {"skipinitialspace": True, "skip_blank_lines": False, "low_memory": False}
    try:
        frame = pd.read_csv(path, nrows=0, **how) if csv else pd.read_parquet(path)
        names = {"".join(str(name).split()).lower(): name for name in frame.columns}
        found = [name for key, name in names.items() if key in ID_NAMES]
        if csv:
            frame = pd.read_csv(path, converters=dict.fromkeys(found, clean), **how)
    except (OSError, ValueError, ImportError) as error:
        raise DataError(f"{path}: cannot be read as a table ({error})") from None
    if len(found) != 1:
        raise DataError(
            f"{path}, line 1: needs one column 'song_id' or 'item', found {found or 'none'} among "
            f"{', '.join(map(str, frame.columns[:6]))}, ..."
        )
    values = frame.drop(columns=found[0])
    problems = []
    for name in values.select_dtypes(exclude=["number"]).columns if len(values) else ():
        bad = pd.to_numeric(values[name], errors="coerce").isna() & values[name].notna()
        line = int(np.argmax(bad.to_numpy())) + 2
        problems.append(
            f"{path}, line {line}: '{name}' is '{values[name].iloc[line - 2]}', not a number; "
            "correct the field or remove the column"
        )
    if problems:
        raise DataError(problems)
    return frame[found[0]].to_numpy(), values.to_numpy(dtype=float), source


def _text(ids, path):
    ids = np.array(["" if pd.isna(x) else clean(str(x)) for x in ids.tolist()], dtype=str)
    _refuse(ids == "", ids, path, "no id")
    return ids


def _whole(ids, path):
    number = pd.to_numeric(pd.Series(ids), errors="coerce").to_numpy(dtype=float)
    whole = np.isfinite(number) & (number == np.floor(number)) & (number > 0)
    _refuse(~whole, ids, path, "no positive whole number")
    return number.astype(np.int64)


def _refuse(bad, ids, path, why):
    if bad.any() and path.is_dir():
        raise DataError(
            f"{path}: song id '{ids[bad][0]}' is {why}; for DEAM embed the folder that holds "
            "SONG_ID.mp3 directly"
        )
    if bad.any():
        raise DataError(
            f"{path}, line {np.argmax(bad) + 2}: song_id is '{ids[bad][0]}', {why}; "
            "correct it or remove the line"
        )


def some(ids) -> str:
    """The first five, for a sentence."""
    ids = list(ids)
    return ", ".join(map(str, ids[:5])) + (", ..." if len(ids) > 5 else "")
