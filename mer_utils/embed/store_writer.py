"""Writing an embedding store; :mod:`mer_utils.data.feature_store` reads it and says what is in it.

A group of up to 256 songs becomes one part file, written whole or not at all. The footer of a part
lists the songs of the group that failed, so that a later run forms the same groups.
"""

import csv
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from mer_utils.data.csv_tables import DataError
from mer_utils.data.feature_store import (
    FAILURES,
    LOCK,
    PENDING,
    SETTINGS,
    is_store,
    parts,
    read_settings,
)
from mer_utils.paths import write_atomically

FAILED = b"mer_failed"  # in the footer of a part: ids of its group that failed, as JSON
TEXT, REAL, WHOLE = pa.string(), pa.float64(), pa.int64()
COLUMNS = {
    "song_id": TEXT, "path": TEXT, "audio_sha256": TEXT, "audio_bytes": WHOLE,
    "duration_s": REAL, "start_s": REAL, "seconds": REAL, "sample_rate": WHOLE, "channels": WHOLE,
    "encoder": TEXT, "checkpoint_sha256": TEXT, "dtype": TEXT, "device": TEXT,
    "torch": TEXT, "torchaudio": TEXT, "soundfile": TEXT, "mer_utils": TEXT,
}  # fmt: skip


class Store:
    """The writing side. Use it in a ``with`` statement: it holds the lock until the end.

    Attributes
    ----------
    size_of : dict of song id -> bytes of its audio file, for songs in part files.
    failed : set of ids that failed when their group was completed; they may be tried again.
    pending : dict like ``size_of``, for finished songs that wait for their group.

    Raises
    ------
    DataError
        The folder holds something else, other settings, or another run is writing to it.
    """

    def __init__(self, folder, settings: dict):
        self.folder, self.settings = Path(folder), settings
        self.layers = settings["layers"]
        if self.folder.exists() and not is_store(self.folder):
            own = (LOCK, PENDING, "._settings-")  # all there is if a kill came very early
            if not self.folder.is_dir() or any(
                not path.name.startswith(own) for path in self.folder.iterdir()
            ):
                raise DataError(f"{folder}: exists and is no embedding store; choose another OUT")
        (self.folder / PENDING).mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.folder / LOCK, timeout=0)

    def __enter__(self):
        try:
            self._lock.acquire()
        except Timeout:
            raise DataError(
                f"{self.folder}: another run is writing to this store; wait for it, or choose "
                "another OUT"
            ) from None
        try:
            self._check_settings()
            self._look()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *error):
        self._lock.release()

    def add(self, row: dict):
        """Keep a finished song: ``row`` has ``COLUMNS`` and "layer_NAME" arrays."""
        _write(self._table([row]), self._waiting(row["song_id"]))
        self.pending[row["song_id"]] = row["audio_bytes"]

    def complete(self, songs, failed=()):
        """Make one part file of the finished ones of ``songs``; ``failed`` are the others."""
        done = sorted(set(songs) - set(failed))
        files = [self._waiting(song) for song in done]
        tables = [_read_pending(file) for file in files] or [self._table([])]
        footer = {FAILED: json.dumps(sorted(failed))} if failed else None
        digest = hashlib.sha256("\n".join(sorted(songs)).encode()).hexdigest()[:16]
        table = pa.concat_tables(tables).replace_schema_metadata(footer)
        _write(table, self.folder / f"part-{digest}.parquet")
        for song, file in zip(done, files, strict=True):
            file.unlink()
            self.size_of[song] = self.pending.pop(song)

    def write_failures(self, failures):
        """Write the table of failures: (song_id, path, reason) each."""
        with write_atomically(self.folder / FAILURES) as temporary:
            with open(temporary, "w", newline="", encoding="utf-8") as file:
                out = csv.writer(file, lineterminator="\n")
                out.writerows([("song_id", "path", "reason"), *sorted(failures)])

    def _check_settings(self):
        path = self.folder / SETTINGS
        wanted = json.loads(json.dumps(self.settings))
        if not path.is_file():
            with write_atomically(path) as temporary:
                temporary.write_text(json.dumps(wanted, indent=2, sort_keys=True) + "\n")
            return
        there = read_settings(self.folder)
        keys = sorted((there.keys() | wanted) - {"default_layer", "n_features"})
        differ = [key for key in keys if there.get(key) != wanted.get(key)]
        if differ:
            listed = "; ".join(f"{k} {there.get(k)!r}, now {wanted.get(k)!r}" for k in differ)
            raise DataError(
                f"{self.folder}: made with other settings ({listed}); use those of the store, or "
                "choose another OUT"
            )

    def _look(self):
        self.size_of, self.failed, self.pending = {}, set(), {}
        for file in parts(self.folder):
            self.size_of |= _sizes(pq.read_table(file, columns=["song_id", "audio_bytes"],
                                                 partitioning=None))  # fmt: skip
            self.failed |= set(
                json.loads((pq.read_metadata(file).metadata or {}).get(FAILED, "[]"))
            )
        self.failed -= self.size_of.keys()
        for leftover in (*self.folder.glob("_part-*.tmp"), *self.folder.glob("._*")):
            leftover.unlink()  # of a run that was killed while it wrote
        for file in (self.folder / PENDING).iterdir():
            try:
                found = _sizes(_read_pending(file)) if file.suffix == ".arrow" else {}
            except (pa.ArrowInvalid, OSError):  # the machine went down before it was on disk
                found = {}
            if found and not found.keys() & self.size_of.keys():
                self.pending |= found
            else:
                file.unlink()

    def _waiting(self, song) -> Path:
        name = hashlib.sha256(song.encode()).hexdigest()[:32]
        return self.folder / PENDING / f"{name}.arrow"

    def _table(self, rows):
        sizes = self.settings["n_features"]
        columns = {k: pa.array([row[k] for row in rows], kind) for k, kind in COLUMNS.items()}
        for layer in self.layers:
            flat = [np.asarray(row[f"layer_{layer}"], np.float32) for row in rows]
            values = pa.array(np.concatenate([np.empty(0, np.float32), *flat]))
            columns[f"layer_{layer}"] = pa.FixedSizeListArray.from_arrays(values, sizes[layer])
        return pa.table(columns)


def _sizes(table) -> dict:
    return dict(zip(table["song_id"].to_pylist(), table["audio_bytes"].to_pylist(), strict=True))


def _read_pending(file):
    with pa.ipc.open_file(file.read_bytes()) as reader:
        return reader.read_all()


def _write(table, path):
    """Write under another name first, so that a file is whole or not there.

    A part is also forced to disk before it counts. A pending file is not: if the machine
    itself goes down, it may come back broken, is found out, and its song is done again.
    """
    temporary = path.with_name(f"_{path.name}.tmp")  # readers skip names with "_"
    with open(temporary, "wb") as file:
        if path.suffix == ".arrow":
            with pa.ipc.new_file(file, table.schema) as out:
                out.write_table(table)
        else:
            text = [name for name, kind in COLUMNS.items() if kind == TEXT]
            pq.write_table(table, file, compression="zstd", use_dictionary=text)
            file.flush()
            os.fsync(file.fileno())
    os.replace(temporary, path)
