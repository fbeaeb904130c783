"""What there is to embed: audio files below a folder, and each as a checked clip."""

import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from mer_utils.embed.decode import SUFFIXES, Clip, read_clip


class Song(NamedTuple):
    """An audio file: its id is its path below the audio folder, without suffix, with "/"."""

    song_id: str
    path: str  # below the audio folder, with "/"
    size: int  # bytes


class Failure(NamedTuple):
    """A file that could not be embedded, and why."""

    song_id: str
    path: str
    reason: str


def list_songs(folder) -> tuple[list[Song], list[Failure]]:
    """All audio below ``folder``, sorted by song id, and what looks like audio but is not.

    Links are followed, except a link to a folder that it is in: that one is a failure.
    Files with other endings than ``decode.SUFFIXES`` are none of ours.

    Raises
    ------
    ValueError
        If the folder is missing or holds no audio.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give the one that holds the audio")
    songs, failures = {}, []
    for path, size, reason in sorted(_walk(folder, "", ())):
        name = path.encode(errors="backslashreplace").decode()  # a name that is not UTF-8
        song_id = os.path.splitext(name)[0]
        if name != path:
            reason = "its name is not UTF-8; rename it"
        elif not reason and song_id in songs:
            reason = f"same song id as {songs[song_id].path}; rename one of them"
        if reason:
            failures.append(Failure(song_id, name, reason))
        else:
            songs[song_id] = Song(song_id, path, size)
    if not songs and not failures:
        raise ValueError(f"{folder}: no audio in it ({', '.join(SUFFIXES)})")
    return sorted(songs.values()), failures


def _walk(folder, below, ancestors):
    """Yield (path below the audio folder, size, reason why it cannot be a clip or "")."""
    inside = (*ancestors, os.path.realpath(folder))
    try:
        entries = list(os.scandir(folder))
    except OSError as error:
        yield below.rstrip("/"), 0, f"folder cannot be read ({error.strerror})"
        return
    for entry in entries:
        path = below + entry.name
        is_audio = os.path.splitext(entry.name)[1].lower() in SUFFIXES
        try:
            facts = entry.stat()
        except OSError as error:
            if is_audio:
                yield path, 0, f"cannot be reached ({error.strerror}); repair or remove the link"
            continue
        if stat.S_ISDIR(facts.st_mode):
            if entry.is_symlink() and os.path.realpath(entry.path) in inside:
                yield path, 0, "a link to a folder that it is in (a loop); not followed"
            elif is_audio:
                yield path, 0, "a folder with the name of an audio file; rename it"
            else:
                yield from _walk(entry.path, path + "/", inside)
        elif is_audio:
            regular = stat.S_ISREG(facts.st_mode)
            yield path, facts.st_size, "" if regular else "not a regular file"


def read_song(
    audio_dir, song: Song, rate, start, seconds, min_samples, resampling
) -> tuple[Clip, str, int]:
    """The clip to embed, the checksum of its file and its size in bytes.

    Raises
    ------
    ValueError
        As :func:`mer_utils.embed.decode.read_clip`; or silence, or fewer than ``min_samples``
        samples. The message is the reason for the table of failures.
    """
    path = Path(audio_dir) / song.path
    try:
        clip = read_clip(path, rate, start, seconds, **resampling)
    except ValueError as error:
        raise ValueError(str(error).removeprefix(f"{path}: ")) from error
    n = len(clip.samples)
    if n < min_samples:
        raise ValueError(f"too short: {n} samples at {rate} Hz, at least {min_samples} needed")
    if clip.constant:
        raise ValueError("silence: all samples have the same value")
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return clip, digest, file.tell()
