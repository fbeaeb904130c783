"""Reading audio files, each checked: mono float32, (n_samples,), about in [-1, 1].

``RATE`` = 24 kHz is what the paper's encoder expects.
"""

import math
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import torch
import torchaudio.functional

RATE = 24_000
SUFFIXES = (".mp3", ".wav", ".flac", ".ogg")
SLACK = 4 * 1152  # samples: headers of whole MP3 files differ from what is decoded by less
MAX_KERNEL = 10**8  # numbers in the table of filters that resampling makes


class Clip(NamedTuple):
    """A stretch of a file: mono float32 samples at the asked rate, and facts of the file."""

    samples: np.ndarray
    duration: float  # of the whole file, in seconds, as its header has it
    sample_rate: int  # of the file, Hz
    channels: int  # of the file, before they were averaged
    constant: bool  # all samples have the same value, after averaging the channels


def read_clip(
    path, rate: int = RATE, start: float = 0.0, seconds: float | None = None, **resampling
) -> Clip:
    """Decode a file to mono float32 at ``rate`` Hz: at most ``seconds``, from ``start`` on.

    Channels are averaged. WAV, FLAC, OGG and MP3 are read with soundfile, no ffmpeg needed.
    Of a long file only the asked stretch is decoded. ``resampling`` goes to
    ``torchaudio.functional.resample``.

    Raises
    ------
    ValueError
        If the file is missing, unreadable or cannot be decoded, ends before its header says
        (as far as the asked stretch goes), holds no samples, or holds samples that are not
        finite. The message names the file and the mend.

    Notes
    -----
    A cut is seen in WAV, FLAC, OGG, and in MP3 whose first frame counts the frames (a "Xing"
    or "Info" header, which nearly all encoders write). An MP3 without that header does not
    say how long it is: cut, it is a shorter clip. Damage inside an MP3 that leaves its
    frames in step sounds like noise and is not seen either.
    """
    path = Path(path)
    try:
        if not path.is_file():
            raise ValueError(f"{path}: no such audio file")
        if not path.stat().st_size:
            raise ValueError(f"{path}: the file is empty; copy it again")
        with open(path, "rb"), soundfile.SoundFile(path) as file:
            samples, end = _stretch(path, file, start, seconds)
            facts = (file.frames / file.samplerate, file.samplerate, file.channels)
            announced = _announced(path, file)
    except OSError as error:
        raise ValueError(
            f"{path}: cannot be read ({error.strerror or error}); change its permissions"
        ) from error
    except soundfile.LibsndfileError as error:
        why = error.error_string.strip() or f"libsndfile error {error.code}"
        raise ValueError(
            f"{path}: cannot be decoded ({why}); "
            f"give {', '.join(SUFFIXES)}, or copy the file again if it is damaged"
        ) from error
    own_rate = facts[1]
    wanted = announced if seconds is None else min(announced, (start + seconds) * own_rate)
    if end < wanted - SLACK:
        raise ValueError(
            f"{path}: cut off: {_seconds(end, own_rate)} of {_seconds(announced, own_rate)} are "
            "there; copy the file again"
        )
    if not len(samples):
        raise ValueError(f"{path}: no sound in it; copy the file again")
    if not np.isfinite(samples).all():
        raise ValueError(f"{path}: samples that are not finite numbers; export it again")
    constant = bool(samples.min() == samples.max())
    return Clip(_resample(path, samples, own_rate, rate, resampling), *facts, constant)


def _stretch(path, file, start, seconds):
    """Mono samples of the asked stretch, and the number of the frame where they end."""
    first = round(start * file.samplerate)
    if first >= file.frames > 0:
        raise ValueError(
            f"{path}: no sound after {start:g} s; it lasts {_seconds(file.frames, file.samplerate)}"
        )
    if first:
        file.seek(first)
    frames = -1 if seconds is None else round(seconds * file.samplerate)
    samples = file.read(frames, dtype="float32", always_2d=True).mean(axis=1)
    return samples, first + len(samples)


def _announced(path, file) -> float:
    """How many frames the header promises; 0 if it says nothing that can be trusted."""
    if file.format == "MP3":
        with open(path, "rb") as raw:
            head = raw.read(10)
            tag = 0  # length of the ID3 tag: four bytes of seven bits
            if head[:3] == b"ID3":
                tag = 10 + sum(
                    byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False)
                )
            raw.seek(tag)
            first_frame = raw.read(4096)
        return file.frames if b"Xing" in first_frame or b"Info" in first_frame else 0
    if file.format == "OGG":
        with open(path, "rb") as raw:
            raw.seek(max(0, path.stat().st_size - 2**17))
            tail = raw.read()
        last_page = tail[tail.rfind(b"OggS") :]
        return file.frames if last_page[5:6] and last_page[5] & 4 else math.inf
    sizes = re.search(r"data : (\d+) \(should be (\d+)\)", file.extra_info)
    if sizes and int(sizes[2]) < int(sizes[1]) < 2**31 - 2**16:  # more: written by a pipe
        return file.frames * int(sizes[1]) / max(int(sizes[2]), 1)
    return file.frames


def _seconds(frames, rate) -> str:
    return f"{frames / rate:.2f} s" if math.isfinite(frames) else "an unknown length"


def _resample(path, samples, own_rate, rate, options):
    if own_rate == rate:
        return samples
    common = math.gcd(own_rate, rate)
    if own_rate // common * (rate // common) > MAX_KERNEL:
        raise ValueError(f"{path}: a sample rate of {own_rate} Hz has almost no factor in common "
                         f"with {rate} Hz; export it at 44100 or 48000 Hz")  # fmt: skip
    samples = torch.from_numpy(samples)
    return torchaudio.functional.resample(samples, own_rate, rate, **options).numpy()
