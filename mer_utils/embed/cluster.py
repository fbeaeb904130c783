"""The same extraction on the workers of a Dask cluster; the caller alone writes the store.

A task is a few songs. Only a few tasks per worker thread are out at any time, so the client
holds few results. Each worker process loads the encoder once, and refuses to work if it is
not the client's (checkpoint, layers, widths). Dask runs the tasks of a worker that dies on
another one; tasks that were there at several deaths come back as ``KilledWorker``, and then
their songs go one by one, with nothing beside them: one that is still killed is a failure.
"""

import socket
import sys
from collections import deque
from concurrent.futures import CancelledError
from pathlib import Path
from threading import Lock

import torch
from tqdm import tqdm

from mer_utils.embed.audio_files import Song
from mer_utils.embed.encoders import load_encoder
from mer_utils.embed.pipeline import embed_songs, settings_of

SONGS_PER_TASK = 4
CONNECT_SECONDS = 20
TASKS_PER_THREAD = 2  # one that runs, one that waits for it to end

_encoders, _loading = {}, Lock()


def embed_on_cluster(address, audio_dir, songs, spec, settings, batch=1, workers=1):
    """Yield (song, row or reason) for each of ``songs``, in the order in which they finish.

    Parameters
    ----------
    address : of the scheduler, "tcp://HOST:PORT".
    audio_dir, songs, settings, batch, workers : as in ``embed_songs``, for each task.
    spec : keywords of ``load_encoder``. The audio folder and the checkpoint have the same paths
        on all workers.

    Raises
    ------
    ValueError
        ``distributed`` is not installed, the scheduler does not answer or goes away, or a
        worker has no audio folder, another encoder, or cannot load it.
    """
    try:
        from distributed import Client, KilledWorker, as_completed
    except ImportError:
        raise ValueError(
            "--scheduler needs the package distributed: pip install 'mer_utils[cluster]'"
        ) from None
    audio_dir, spec = Path(audio_dir).resolve(), dict(spec)
    spec["checkpoint"] = spec["checkpoint"] and Path(spec["checkpoint"]).resolve()
    same = (audio_dir, spec, settings, batch, workers, torch.get_num_threads())
    starts = range(0, len(songs), SONGS_PER_TASK)
    waiting = deque(songs[i : i + SONGS_PER_TASK] for i in starts)
    suspects, out = deque(), {}
    try:
        client = Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"{address}: no Dask scheduler answers there ({error})") from error
    with client:
        if not client.nthreads():
            tqdm.write(f"{address}: no worker yet; waiting for the first", file=sys.stderr)
        finished = as_completed(loop=client.loop)

        def submit(task, alone=False):
            future = client.submit(embed_task, task, *same, pure=False)
            out[future] = task, alone
            finished.add(future)

        def submit_more():
            room = TASKS_PER_THREAD * max(1, sum(client.nthreads().values()))
            while waiting and len(out) < room:
                submit(waiting.popleft())
            if suspects and not out:
                submit([suspects.popleft()], alone=True)

        submit_more()
        for future in finished:
            task, alone = out.pop(future)
            try:
                results = future.result()
            except KilledWorker as error:
                results = []
                if alone:
                    results = [(task[0], f"the worker died each time that it tried ({error})")]
                else:
                    suspects += task
            except CancelledError as error:
                raise ValueError(
                    f"{address}: the scheduler went away; start it and run the same command again"
                ) from error
            except ValueError:
                raise
            except Exception as error:  # such as a missing package, or a broken GPU
                raise ValueError(
                    f"{address}: a worker cannot do its work ({type(error).__name__}: {error}); "
                    "give all machines the same packages and devices"
                ) from error
            submit_more()
            yield from results


def embed_task(songs, audio_dir, spec, settings, batch, workers, threads) -> list:
    """What a worker does: (song, row or reason) for each of ``songs``."""
    if not audio_dir.is_dir():
        raise ValueError(f"{socket.gethostname()}: no folder {audio_dir} on this worker; the audio "
                         "must have the same path on all machines")  # fmt: skip
    key = repr((spec, settings, threads))
    with _loading:
        if key not in _encoders:
            torch.set_num_threads(threads)
            model = load_encoder(**spec)
            own = settings_of(model, *(settings[k] for k in ("start", "seconds", "min_seconds",
                                                             "dtype")))  # fmt: skip
            differ = [name for name in settings if settings[name] != own[name]]
            if differ:
                raise ValueError(
                    f"a worker's encoder differs from the client's in {', '.join(differ)}: give "
                    "all machines the same checkpoint and the same version of mer_utils"
                )
            _encoders.clear()
            _encoders[key] = model
        model = _encoders[key]
    songs = [Song(*song) for song in songs]
    return list(embed_songs(audio_dir, songs, model, settings, batch, workers))
