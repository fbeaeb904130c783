"""From a folder of audio to an embedding store: decode ahead, embed, write, go on after a kill."""

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from mer_utils.data.feature_store import is_store, read_settings
from mer_utils.embed.audio_files import Failure, list_songs
from mer_utils.embed.cluster import embed_on_cluster
from mer_utils.embed.encoders import load_encoder
from mer_utils.embed.number_format import choose_dtype
from mer_utils.embed.pipeline import device_of, embed_songs, settings_of
from mer_utils.embed.store_writer import Store

GROUP = 256  # songs in a part file


@dataclass(frozen=True)
class Summary:
    """What a run did. ``failures``: (song_id, path, reason) each, as in ``_failures.csv``."""

    done: int  # songs of the audio folder that are in the store now
    new: int  # of these, embedded by this run
    failures: tuple[Failure, ...]
    others: int  # songs in the store that are not in the audio folder (any more); kept

    @property
    def failed(self) -> int:
        """Number of files that could not be embedded."""
        return len(self.failures)


def extract(
    audio_dir,
    out,
    *,
    encoder="musicfm",
    checkpoint=None,
    layers="last",
    start=0.0,
    seconds=45.0,
    min_seconds=0.0,
    device="cpu",
    dtype="auto",
    batch=None,
    workers=2,
    threads=None,
    scheduler=None,
    progress=True,
) -> Summary:
    """Embed all audio below ``audio_dir`` into the store ``out``; what is there is kept.

    Parameters
    ----------
    audio_dir : folder, searched with all folders in it. Song id: path below it, no suffix.
    out : folder of the store; made if missing. Run again, it goes on where it stopped, and
        tries failed songs again.
    encoder, checkpoint, layers, device : see :func:`mer_utils.embed.encoders.load_encoder`.
    dtype : as there; "auto" is the dtype of the store if it has one, so that a store goes on as
        it was begun, and else what is clearly faster on this machine (with a scheduler: float32).
        The store records it.
    start, seconds : the stretch of each song, in seconds. Shorter songs give what they have;
        the mean over time is over real sound only.
    min_seconds : songs with less sound than this are failures.
    batch : clips that go through the encoder at once, all of the same length; default 1 on
        a CPU, where more is not faster, and 8 elsewhere.
    workers : threads that decode ahead of the encoder.
    threads : processor threads of torch; default: torch's own choice.
    scheduler : address of a Dask scheduler ("tcp://HOST:PORT") whose workers do the work.
    progress : show a bar on stderr.

    Raises
    ------
    ValueError
        Wrong input: no audio, another run is writing, other settings than the store's.

    Notes
    -----
    With ``batch=1`` a row does not depend on which songs were embedded before, so a run that
    was killed and continued gives the same bytes. With larger batches a clip may meet other
    companions after a kill, and matrix products of another shape round differently.
    """
    if not (np.isfinite([start, seconds, min_seconds]).all() and start >= 0 and seconds > 0):
        raise ValueError(f"start {start}, seconds {seconds}: give seconds, not negative, not 0")
    if threads:
        torch.set_num_threads(threads)
    audio_dir, out = Path(audio_dir).expanduser(), Path(out).expanduser()
    if dtype == "auto":
        begun = read_settings(out) if is_store(out) else {}
        if begun.get("encoder") == encoder:
            dtype = begun["dtype"]
        else:
            dtype = "float32" if scheduler else choose_dtype(encoder, device)
    spec = {"name": encoder, "checkpoint": Path(checkpoint) if checkpoint else None,
            "layers": layers, "device": device, "dtype": dtype}  # fmt: skip
    songs, failures = list_songs(audio_dir)
    model = load_encoder(**spec)
    settings = settings_of(model, start, seconds, min_seconds, dtype)
    with Store(out, settings) as store:
        listed = {song.song_id: song for song in songs}
        for song in songs:
            was = store.size_of.get(song.song_id, store.pending.get(song.song_id, song.size))
            if was != song.size:
                reason = (f"changed since it was embedded ({was} bytes, now {song.size}); its "
                          "old row is kept: start a new store")  # fmt: skip
                failures.append(Failure(*song[:2], reason))
        groups = _groups(listed, store)
        todo = [listed[s] for group in groups for s in group
                if s in listed and s not in store.pending]  # fmt: skip
        batch = batch or (1 if device_of(model) == "cpu" else 8)
        if scheduler:
            results = embed_on_cluster(scheduler, audio_dir, todo, spec, settings, batch, workers)
        else:
            results = embed_songs(audio_dir, todo, model, settings, batch, workers)
        bar = tqdm(
            total=len(listed), initial=len(listed) - len(todo), desc=encoder, unit="song",
            disable=not progress, smoothing=0.05, mininterval=0.2 if sys.stderr.isatty() else 30,
        )  # fmt: skip
        new = _run(store, groups, results, failures, bar)
        store.write_failures(failures)
        done = len(listed.keys() & store.size_of.keys())
        return Summary(done, new, tuple(sorted(failures)), len(store.size_of) - done)


def _groups(listed, store):
    """Ids by part file: songs never tried before, then those that failed in a complete group.

    The two are apart so that a run that goes on after a kill forms the groups that it would
    have formed without the kill.
    """
    missing = (listed.keys() | store.pending.keys()) - store.size_of.keys()
    groups = []
    for ids in (sorted(missing - store.failed), sorted(missing & store.failed)):
        groups += [ids[i : i + GROUP] for i in range(0, len(ids), GROUP)]
    return groups


def _run(store, groups, results, failures, bar) -> int:
    """Take results as they come, and complete each group when its last song is there."""
    group_of = {song: i for i, group in enumerate(groups) for song in group}
    left = [set(group) - store.pending.keys() for group in groups]
    failed = [set() for _ in groups]
    failed_before, new = set(store.failed), 0

    def complete(i):
        if failed[i] != set(groups[i]) or not failed[i] <= failed_before:  # something is new
            store.complete(groups[i], failed[i])

    with bar:
        for i, waiting in enumerate(left):
            if not waiting:
                complete(i)
        for song, result in results:
            i = group_of[song.song_id]
            if isinstance(result, dict):
                store.add(result)
                new += 1
            else:
                failures.append(Failure(*song[:2], result))
                failed[i].add(song.song_id)
            left[i].discard(song.song_id)
            if not left[i]:
                complete(i)
            bar.update()
    return new
