"""From a folder of audio to an embedding store: decode ahead, embed, write, go on after a kill."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio
from tqdm import tqdm

from mer_utils import __version__
from mer_utils.clips import Failure, list_songs, read_song
from mer_utils.encoders import load_encoder
from mer_utils.store import Store

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
    dtype="float32",
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
    encoder, checkpoint, layers, device, dtype : see :func:`encoders.load_encoder`.
    start, seconds : the stretch of each song, in seconds. Shorter songs give what they have;
        the mean over time is over real sound only.
    min_seconds : songs with less sound than this are failures.
    batch : clips that go through the encoder at once, all of the same length; default 1 on
        a CPU, where more is not faster, and 8 elsewhere.
    workers : threads that decode ahead of the encoder.
    threads : processor threads of torch; default: torch's own choice.
    scheduler : address of a Dask scheduler ("tcp://HOST:PORT") whose workers do the work.
    progress : show a bar on stderr.

    Returns
    -------
    Summary

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
    audio_dir = Path(audio_dir).expanduser()
    spec = {"name": encoder, "checkpoint": Path(checkpoint) if checkpoint else None,
            "layers": layers, "device": device, "dtype": dtype}  # fmt: skip
    songs, failures = list_songs(audio_dir)
    model = load_encoder(**spec)
    settings = settings_of(model, start, seconds, min_seconds, dtype)
    with Store(Path(out).expanduser(), settings) as store:
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
        batch = batch or (1 if _device(model) == "cpu" else 8)
        if scheduler:
            from mer_utils.cluster import embed_on_cluster

            results = embed_on_cluster(scheduler, audio_dir, todo, spec, settings, batch, workers)
        else:
            results = embed_songs(audio_dir, todo, model, settings, batch, workers)
        bar = tqdm(total=len(listed), initial=len(listed) - len(todo), unit="song",
                   desc=encoder, disable=not progress, smoothing=0.05)  # fmt: skip
        new = _run(store, groups, results, failures, bar)
        store.write_failures(failures)
        done = len(listed.keys() & store.size_of.keys())
        return Summary(done, new, tuple(sorted(failures)), len(store.size_of) - done)


def settings_of(model, start, seconds, min_seconds, dtype) -> dict:
    """What decides the numbers in a store; also the width of each layer."""
    silence = torch.zeros(1, max(model.min_samples, model.rate // 10))
    widths = {layer: int(rows.shape[1]) for layer, rows in model.embed(silence).items()}
    return {
        "encoder": model.name, "checkpoint_sha256": model.checkpoint_sha256, "dtype": dtype,
        "layers": list(model.layers), "n_features": widths, "rate": model.rate,
        "default_layer": getattr(model, "default_layer", model.layers[-1]),
        "start": float(start), "seconds": float(seconds), "min_seconds": float(min_seconds),
    }  # fmt: skip


def _groups(listed, store):
    """Song ids by part file: first those never tried, then those that failed in an earlier run."""
    open_ids = (listed.keys() | store.pending.keys()) - store.size_of.keys()
    fresh = sorted(open_ids - store.failed)
    again = sorted(open_ids & store.failed)
    cut = [ids[i : i + GROUP] for ids in (fresh, again) for i in range(0, len(ids), GROUP)]
    return cut


def _run(store, groups, results, failures, bar) -> int:
    """Take results as they come, and close each group when its last song is there."""
    group_of = {song: i for i, group in enumerate(groups) for song in group}
    left = [set(group) - store.pending.keys() for group in groups]
    failed = [set() for _ in groups]
    retried = {song for song in group_of if song in store.failed}
    new = 0

    def close(i):
        if not failed[i] or set(groups[i]) - (failed[i] & retried):
            store.complete(groups[i], failed[i])

    with bar:
        for i, waiting in enumerate(left):
            if not waiting:
                close(i)
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
                close(i)
            bar.update()
    return new


def embed_songs(audio_dir, songs, model, settings, batch=1, workers=2):
    """Yield (song, row or reason) for each of ``songs``; ``workers`` threads decode ahead."""
    least = max(model.min_samples, round(settings["min_seconds"] * model.rate))
    resampling = getattr(model, "resampling", {})
    how = (model.rate, settings["start"], settings["seconds"], least, resampling)
    songs, ahead, held = iter(songs), deque(), {}
    with ThreadPoolExecutor(workers) as pool:

        def more():
            for song in songs:
                ahead.append((song, pool.submit(read_song, audio_dir, song, *how)))
                return

        for _ in range(2 * workers + batch):
            more()
        while ahead or held:
            if ahead:
                song, future = ahead.popleft()
                more()
                try:
                    clip = future.result()
                except (ValueError, OSError, RuntimeError) as error:
                    yield song, _reason(error)
                    continue
                same = held.setdefault(len(clip[0].samples), [])
                same.append((song, *clip))
                if len(same) < batch and sum(map(len, held.values())) < 4 * batch:
                    continue
            largest = max(held, key=lambda n: len(held[n]))
            yield from _embed(held.pop(largest), model, settings)


def _embed(clips, model, settings):
    waveforms = torch.from_numpy(np.stack([clip.samples for _, clip, _, _ in clips]))
    try:
        with torch.inference_mode():
            layers = model.embed(waveforms)
    except torch.OutOfMemoryError as error:
        raise ValueError(f"out of memory: use a smaller --batch or --length ({error})") from error
    except (ValueError, RuntimeError) as error:
        if len(clips) == 1:
            yield clips[0][0], f"the encoder failed: {_reason(error)}"
            return
        for clip in clips:
            yield from _embed([clip], model, settings)
        return
    for i, (song, clip, digest, size) in enumerate(clips):
        vectors = {f"layer_{layer}": layers[layer][i] for layer in model.layers}
        if not all(np.isfinite(vector).all() for vector in vectors.values()):
            yield song, "the encoder gave values that are not finite"
            continue
        yield song, {
            "song_id": song.song_id, "path": song.path, "audio_sha256": digest,
            "audio_bytes": size, "duration_s": clip.duration, "start_s": settings["start"],
            "seconds": len(clip.samples) / model.rate, "sample_rate": clip.sample_rate,
            "channels": clip.channels, "encoder": model.name,
            "checkpoint_sha256": model.checkpoint_sha256, "dtype": settings["dtype"],
            "device": _device(model), "torch": torch.__version__,
            "torchaudio": torchaudio.__version__, "mer_utils": __version__,
            "soundfile": f"{soundfile.__version__} ({soundfile.__libsndfile_version__})",
            **vectors,
        }  # fmt: skip


def _device(model) -> str:
    device = str(getattr(model, "device", "cpu"))
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _reason(error) -> str:
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())
