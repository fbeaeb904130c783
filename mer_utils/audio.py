"""Sound: small synthesised clips for teaching, and reading audio files.

Audio is mono float32, (n_samples,), in [-1, 1], at ``RATE`` = 24 kHz unless said otherwise:
the rate that the paper's encoder expects.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio.functional

RATE = 24_000
SUFFIXES = (".mp3", ".wav", ".flac", ".ogg")


# --- synthesised clips ---------------------------------------------------------------------


def tone(pitch, seconds, *, rate=RATE, partials=4, attack=0.02) -> np.ndarray:
    """One note: ``pitch`` (MIDI number, 69 = 440 Hz) with decaying partials and envelope."""
    t = np.arange(int(seconds * rate)) / rate
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(np.sin(2 * np.pi * k * hertz * t) / k**1.5 for k in range(1, partials + 1))
    return wave * np.minimum(t / attack, 1) * np.minimum((seconds - t) / attack, 1)


def calm(seconds=6.0, rate=RATE) -> np.ndarray:
    """Slow soft chords: long notes, few partials, quiet."""
    chords = [(48, 55, 64), (45, 52, 60), (41, 53, 57)]
    each = seconds / len(chords)
    parts = [sum(tone(p, each, rate=rate, partials=2, attack=0.5) for p in c) for c in chords]
    return _finish(np.concatenate(parts), 0.25)


def busy(seconds=6.0, rate=RATE, seed=0) -> np.ndarray:
    """Fast bright arpeggio over noise bursts: many onsets, wide spectrum, loud."""
    rng = np.random.default_rng(seed)
    step = 0.125
    notes = []
    for i in range(round(seconds / step)):
        note = tone(60 + (0, 4, 7, 12, 16, 12, 7, 4)[i % 8], step, rate=rate, partials=10)
        decay = np.exp(-np.arange(len(note)) / (0.02 * rate))
        notes.append(note + (i % 2 == 0) * rng.normal(0, 1.0, len(note)) * decay)
    return _finish(np.concatenate(notes), 0.9)


def build_up(seconds=6.0, rate=RATE, seed=0) -> np.ndarray:
    """A rise from calm to busy in ``seconds``: the same sounds change over time."""
    quiet, loud = calm(seconds, rate), busy(seconds, rate, seed)
    n = min(len(quiet), len(loud))
    ramp = np.linspace(0, 1, n) ** 2
    return _finish(quiet[:n] * (1 - ramp) + loud[:n] * ramp, 0.9)


CLIPS = {"calm": calm, "busy": busy, "build-up": build_up}


def shuffle_pieces(samples, piece_seconds=0.5, rate=RATE, seed=0) -> np.ndarray:
    """The same sound in another order: pieces of ``piece_seconds``, permuted.

    A remainder shorter than a piece is cut off the end.

    Raises
    ------
    ValueError
        If the clip holds fewer than 2 pieces, so that there is nothing to permute.
    """
    length = int(piece_seconds * rate)
    count = len(samples) // length if length else 0
    if count < 2:
        raise ValueError(
            f"a clip of {len(samples) / rate:.2f} s has {count} pieces of {piece_seconds} s: "
            "use shorter pieces"
        )
    pieces = np.reshape(samples[: count * length], (count, length))
    return np.random.default_rng(seed).permutation(pieces).reshape(-1)


def _finish(wave, peak):
    return (peak * wave / np.abs(wave).max()).astype(np.float32)


# --- files ---------------------------------------------------------------------------------


def read_audio(path, rate: int = RATE, seconds: float | None = None) -> np.ndarray:
    """Decode a file to mono float32 at ``rate`` Hz; at most the first ``seconds``.

    Channels are averaged. WAV, FLAC, OGG and MP3 are read with soundfile, no ffmpeg needed.

    Raises
    ------
    ValueError
        If the file is missing, cannot be decoded, holds no samples, or holds samples that
        are not finite. The message names the file and the mend.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such audio file")
    try:
        with soundfile.SoundFile(path) as file:
            own_rate = file.samplerate
            frames = -1 if seconds is None else round(seconds * own_rate)
            samples = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
    except soundfile.LibsndfileError as error:
        raise ValueError(
            f"{path}: cannot be decoded ({error.error_string.strip()}); "
            f"give {', '.join(SUFFIXES)}, or copy the file again if it is damaged"
        ) from error
    if not len(samples):
        raise ValueError(f"{path}: no sound in it; copy the file again")
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: samples that are not finite numbers; export it again")
    if own_rate == rate:
        return samples
    return torchaudio.functional.resample(torch.from_numpy(samples), own_rate, rate).numpy()


def audio_files(folder) -> dict[int, Path]:
    """Song id -> file, from files named ``SONG_ID.mp3`` (or .wav, .flac, .ogg), ids rising.

    Files whose name is not a whole number are none of DEAM's and are not listed.

    Raises
    ------
    ValueError
        If the folder is missing or holds no such file, or one song has two files.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; it should hold SONG_ID.mp3 files")
    found: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.stem.isascii() and path.stem.isdecimal():
            song = int(path.stem)
            if song in found:
                raise ValueError(f"{folder}: song {song} is there twice; keep one of "
                                 f"{found[song].name} and {path.name}")  # fmt: skip
            found[song] = path
    if not found:
        raise ValueError(f"{folder}: no audio named SONG_ID.mp3 (or .wav, .flac, .ogg)")
    return dict(sorted(found.items()))
