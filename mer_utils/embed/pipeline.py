"""Clips through an encoder: decoded ahead by threads, in batches of one length, a row each."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import soundfile
import torch
import torchaudio

from mer_utils import __version__
from mer_utils.embed.audio_files import read_song


def settings_of(model, start, seconds, min_seconds, dtype) -> dict:
    """What decides the numbers in a store; also the width of each layer."""
    silence = torch.zeros(1, max(model.min_samples, model.rate // 10))
    try:
        widths = {layer: int(rows.shape[1]) for layer, rows in model.embed(silence).items()}
    except RuntimeError as error:  # such as float16 on a processor that has no such product
        raise ValueError(
            f"{model.name} does not run with dtype {dtype} here ({_reason(error)}): give another"
        ) from error
    return {
        "encoder": model.name, "checkpoint_sha256": model.checkpoint_sha256, "dtype": dtype,
        "layers": list(model.layers), "n_features": widths, "rate": model.rate,
        "default_layer": getattr(model, "default_layer", model.layers[-1]),
        "start": float(start), "seconds": float(seconds), "min_seconds": float(min_seconds),
    }  # fmt: skip


def embed_songs(audio_dir, songs, model, settings, batch=1, workers=2):
    """Yield (song, row or reason) for each of ``songs``, roughly in their order.

    ``workers`` threads decode ahead while the encoder computes; soundfile, the resampling and
    the checksum let other threads run. At most ``2 * workers + batch`` clips wait for a batch
    and as many as four batches in it, so memory does not depend on the number of songs.

    ``row`` is what ``Store.add`` takes. A reason is the text for the table of failures.
    """
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
            "device": device_of(model), "torch": torch.__version__,
            "torchaudio": torchaudio.__version__, "mer_utils": __version__,
            "soundfile": f"{soundfile.__version__} ({soundfile.__libsndfile_version__})",
            **vectors,
        }  # fmt: skip


def device_of(model) -> str:
    """What ``model`` computes on: "cpu", or the name of the GPU."""
    device = str(getattr(model, "device", "cpu"))
    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device


def _reason(error) -> str:
    kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split())
