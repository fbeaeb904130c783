"""What 100,000 songs would take, from times measured here.

``python studies/speed/time_extraction.py --out results/speed`` makes the kept tables.

Four things can be full first: the encoders, the decoding beside them, the one process that
writes the store, the network that the audio comes through. Each has a rate in songs per second;
the smallest is the rate of the whole.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch
from time_musicfm import MEL_MEAN, MEL_SD, machine, random_weights
from tqdm import tqdm

from mer_utils.embed.audio_files import Song, read_song
from mer_utils.embed.decode import RATE
from mer_utils.embed.fast_layers import has_products
from mer_utils.embed.musicfm import MusicFM
from mer_utils.embed.store_writer import Store
from mer_utils.paths import write_atomically

SECONDS = 45
NETWORK = 125e6  # bytes per second: an ordinary line of 1 Gbit/s, for audio and results
DEAM_SONGS = 1802
ASSUMED_GPU = 0.05  # seconds per clip; an assumption, not a measurement


def encoder_seconds(dtype, repeats=3, **sizes) -> float:
    """Seconds of full-size MusicFM (random weights) for one 45 s clip, fastest of ``repeats``."""
    model = MusicFM(random_weights(**sizes), MEL_MEAN, MEL_SD, dtype=dtype)
    waveform = 0.1 * torch.randn(1, SECONDS * RATE)
    return _fastest(lambda: model.hidden_states(waveform), repeats)


def decoding(folder, repeats=10) -> tuple[float, int]:
    """Seconds on one thread to read, resample and checksum a 45 s MP3, and its bytes."""
    noise = np.random.default_rng(0).normal(0, 0.1, SECONDS * 44_100)
    path = Path(folder) / "noise.mp3"
    soundfile.write(path, noise, 44_100, format="MP3")
    song = Song("noise", path.name, path.stat().st_size)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        took = _fastest(lambda: read_song(folder, song, RATE, 0.0, SECONDS, 1025, {}), repeats)
    finally:
        torch.set_num_threads(threads)
    return took, song.size


def writing(folder, rows=512, layers=13, n_features=1024) -> tuple[float, float]:
    """Seconds for the writer to keep one song, and bytes of it on disk."""
    names = [str(i) for i in range(layers)]
    settings = {"encoder": "bench", "layers": names, "default_layer": names[-1],
                "n_features": dict.fromkeys(names, n_features)}  # fmt: skip
    text = dict.fromkeys(("path", "audio_sha256", "encoder", "checkpoint_sha256", "dtype", "device",
                          "torch", "torchaudio", "soundfile", "mer_utils"), "text")  # fmt: skip
    real = dict.fromkeys(("duration_s", "start_s", "seconds"), 45.0)
    whole = dict.fromkeys(("audio_bytes", "sample_rate", "channels"), 1)
    values = np.random.default_rng(0).normal(size=(rows, layers, n_features)).astype(np.float32)
    folder = Path(folder) / "store"
    with Store(folder, settings) as store:
        start = time.perf_counter()
        for i, row in enumerate(values):
            vectors = {f"layer_{name}": v for name, v in zip(names, row, strict=True)}
            store.add({"song_id": f"{i:06d}", **text, **real, **whole, **vectors})
            if (i + 1) % 256 == 0:
                store.complete([f"{j:06d}" for j in range(i - 255, i + 1)])
        took = time.perf_counter() - start
    size = sum(path.stat().st_size for path in folder.glob("part-*"))
    return took / rows, size / rows


def plan(encoder_s, decode_s, write_s, audio_bytes, row_bytes, songs, workers) -> dict:
    """Rate and time of a run, and what is full first.

    Parameters
    ----------
    encoder_s, decode_s : seconds per song in one worker; it decodes on one thread meanwhile.
    write_s : seconds per song in the one process that writes.
    audio_bytes, row_bytes : of a song; both come through one network line (``NETWORK``).
    songs, workers : how many.
    """
    rates = {
        "encoders": workers / encoder_s,
        "decoding": workers / decode_s,
        "the writer": 1 / write_s,
        "the network": NETWORK / (audio_bytes + row_bytes),
    }
    first = min(rates, key=rates.get)
    seconds = songs / rates[first]
    return {"songs": f"{songs:,}", "workers": workers, "songs per second": f"{rates[first]:.3g}",
            "takes": duration(seconds), "full first": first}  # fmt: skip


def duration(seconds) -> str:
    """A time in words: "3.0 hours"."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.{0 if seconds >= 10 * length else 1}f} {unit}"
    return f"{seconds:.0f} seconds"


def bench_extraction(out=None, songs=(10**5, 10**6), workers=(1, 8, 64), **sizes):
    """Measure, print three tables, and write them as CSV into the folder ``out`` if given.

    Returns
    -------
    measured, plans : DataFrames. ``sizes`` of the model are those of ``random_weights``.
    """
    with tempfile.TemporaryDirectory() as folder, tqdm(total=4, leave=False, disable=None) as bar:
        decode_s, audio_bytes = decoding(folder)
        bar.update()
        write_s, row_bytes = writing(folder)
        bar.update()
        encoders = {}
        for dtype in filter(has_products, (torch.float32, torch.bfloat16)):
            name = str(dtype).removeprefix("torch.")
            encoders[f"MusicFM, {name}"] = encoder_seconds(dtype, **sizes)
            bar.update()
    measured = [(f"{name}, a 45 s clip", s, "seconds") for name, s in encoders.items()]
    measured += [
        ("decoding, resampling and checksum of a 45 s MP3, one thread", decode_s, "seconds"),
        ("the writer, a song of 13 layers", write_s, "seconds"),
        ("a 45 s MP3 of noise", audio_bytes, "bytes"),
        ("a song of 13 layers in the store", row_bytes, "bytes"),
    ]
    measured = pd.DataFrame(
        [(what, f"{value:.3g}" if unit == "seconds" else f"{value:,.0f}", unit)
         for what, value, unit in measured], columns=["what", "measured", "unit"],
    )  # fmt: skip
    encoders["assumed: a GPU at 0.05 s a clip"] = ASSUMED_GPU
    plans = pd.DataFrame([
        {"a worker's encoder": name}
        | plan(s, decode_s, write_s, audio_bytes, row_bytes, n_songs, n)
        for name, s in encoders.items() for n_songs in songs for n in workers
    ])  # fmt: skip
    deam = pd.DataFrame(
        [{"encoder": name, "seconds a clip": f"{s:.2g}", "all of DEAM": duration(DEAM_SONGS * s)}
         for name, s in encoders.items()]
    )  # fmt: skip
    tables = {"extraction": measured, "extraction_plans": plans, "extraction_deam": deam}
    print(f"{machine()}\n")
    print(*(table.to_string(index=False) for table in tables.values()), sep="\n\n")
    for name, table in tables.items() if out else ():
        with write_atomically(Path(out) / f"{name}.csv") as temporary:
            table.to_csv(temporary, index=False)
    if out:
        with write_atomically(Path(out) / "extraction.txt") as temporary:
            temporary.write_text(machine() + "\n")
    return measured, plans


def _fastest(call, repeats):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def main(arguments=None):
    """Takes about a minute."""
    ask = argparse.ArgumentParser(
        description="Say what 100,000 and a million songs take on 1, 8 and 64 workers, and what "
        "is full first. Measured: MusicFM on a 45 s clip, decoding, the writer of the store."
    )
    ask.add_argument("--out", help="write the tables into this folder, as CSV")
    bench_extraction(ask.parse_args(arguments).out)


if __name__ == "__main__":
    main()
