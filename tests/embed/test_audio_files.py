"""Bad files are named with their reason; odd but good files are embedded."""

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from conftest import ROOT

from mer_utils import cli
from mer_utils.data.feature_store import read_store
from mer_utils.embed.audio_files import list_songs
from mer_utils.embed.decode import read_clip

RNG = np.random.default_rng(0)
NOISE = RNG.normal(0, 0.1, 72_000).astype(np.float32)  # 3 s at 24 kHz


def cut(path, part=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """Every bad file, and in good/ the odd ones that must work."""
    folder = tmp_path_factory.mktemp("zoo")
    write = partial(soundfile.write, samplerate=24_000)
    for suffix in ("mp3", "wav", "flac", "ogg"):
        write(folder / f"cut_{suffix}.{suffix}", NOISE)
        cut(folder / f"cut_{suffix}.{suffix}")
    (folder / "zero.mp3").touch()
    (folder / "text.mp3").write_text("this is not music\n" * 100)
    write(folder / "silence.wav", 0 * NOISE)
    write(folder / "constant.wav", 0 * NOISE + 0.25)
    write(folder / "opposite.wav", np.c_[NOISE, -NOISE], subtype="FLOAT")
    write(folder / "nan.wav", np.where(np.arange(72_000) == 100, np.nan, NOISE), subtype="FLOAT")
    write(folder / "short.wav", NOISE[:1024])
    write(folder / "no_samples.wav", NOISE[:0])
    write(folder / "rate.wav", NOISE, samplerate=44_101)
    (folder / "hole.mp3").write_bytes(hole(folder))
    write(folder / "twice.flac", NOISE)
    write(folder / "twice.wav", NOISE)
    (folder / "folder.mp3").mkdir()
    (folder / "loop.mp3").symlink_to("loop.mp3")
    (folder / "broken.mp3").symlink_to("nowhere.mp3")
    os.mkfifo(folder / "pipe.wav")
    (folder / "notes.txt").write_text("none of ours")
    good = folder / "good"
    good.mkdir()
    (good / "back").symlink_to(folder)
    (good / "link.wav").symlink_to("eight channels.wav")
    loud = np.stack([NOISE * k for k in range(8)], axis=1)
    write(good / "eight channels.wav", loud, subtype="FLOAT")
    write(good / "8 kHz.WAV", NOISE[:24_000], samplerate=8000)
    write(good / "Ünïcödé – 音楽.ogg", NOISE)
    write(good / "just enough.wav", NOISE[:1025])
    write(good / "long.flac", RNG.normal(0, 0.1, 24_000 * 50))
    with open(os.fsencode(good) + b"/not-utf8-\xff.wav", "wb") as file:
        file.write((good / "just enough.wav").read_bytes())
    return folder


def hole(folder):
    """An MP3 with a gap of 3,000 zeros in its middle."""
    soundfile.write(folder / "whole.mp3", np.tile(NOISE, 5), 24_000)
    content = bytearray((folder / "whole.mp3").read_bytes())
    (folder / "whole.mp3").unlink()
    content[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
    return content


REASONS = {
    "cut_mp3.mp3": "cut off: 1.", "cut_wav.wav": "cut off: 1.80 s of 3.00 s are there",
    "cut_flac.flac": "cannot be decoded", "cut_ogg.ogg": "cut off: ",
    "zero.mp3": "empty", "text.mp3": "cannot be decoded", "hole.mp3": "cannot be decoded",
    "silence.wav": "silence: all samples have the same value", "constant.wav": "silence",
    "opposite.wav": "silence", "nan.wav": "not finite numbers",
    "short.wav": "too short: 1024 samples at 24000 Hz, at least 1025 needed",
    "no_samples.wav": "no sound in it", "rate.wav": "sample rate of 44101 Hz",
    "twice.wav": "same song id as twice.flac", "folder.mp3": "a folder with the name",
    "loop.mp3": "cannot be reached (Too many levels of symbolic links)",
    "broken.mp3": "cannot be reached (No such file or directory)",
    "pipe.wav": "not a regular file", "good/back": "a loop",
    "good/not-utf8-\\udcff.wav": "not UTF-8",
}  # fmt: skip
GOOD = {
    "good/8 kHz": (8000, 1, 3.0, 3.0), "good/eight channels": (24_000, 8, 3.0, 3.0),
    "good/just enough": (24_000, 1, 1025 / 24_000, 1025 / 24_000),
    "good/link": (24_000, 8, 3.0, 3.0), "good/long": (24_000, 1, 50.0, 45.0),
    "good/Ünïcödé – 音楽": (24_000, 1, 3.0, 3.0), "twice": (24_000, 1, 3.0, 3.0),
}  # fmt: skip


def test_each_bad_file_has_its_reason_and_the_others_are_embedded(zoo, tmp_path):
    out = tmp_path / "store"
    command = ["embed", str(zoo), str(out), "--encoder", "logmel"]
    for _ in range(2):  # the second run tries the bad ones again and changes nothing
        done = CliRunner().invoke(cli.main, command)
        assert done.exit_code == 1, done.output
        table = pd.read_csv(out / "_failures.csv")
        assert set(table["path"]) == set(REASONS)
        assert f"{len(GOOD)} songs" in done.stdout and f"{len(REASONS)} failed" in done.stdout
        reasons = dict(zip(table["path"], table["reason"], strict=True))
        for path, reason in REASONS.items():
            assert reason in reasons[path], f"{path}: {reasons[path]}"
        assert not table["reason"].str.contains(str(zoo), regex=False).any()
        frame = pd.read_parquet(out).set_index("song_id")
        columns = ["sample_rate", "channels", "duration_s", "seconds"]
        assert {song: tuple(row) for song, row in zip(frame.index, frame[columns].to_numpy(),
                                                      strict=True)} == GOOD  # fmt: skip
    assert len(list(out.glob("part-*"))) == 1


def test_channels_are_averaged(zoo, tmp_path):
    clip = read_clip(zoo / "good/eight channels.wav")
    np.testing.assert_allclose(clip.samples, 3.5 * NOISE, atol=1e-6)


@pytest.fixture
def public_folder():
    """A folder that any user can enter: those of pytest are for one user only."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_a_file_without_permission_is_a_failure(public_folder):
    """In a process that is not root, because root may read everything."""
    folder = public_folder
    for name in ("open", "closed"):
        soundfile.write(folder / f"{name}.wav", NOISE, 24_000)
    (folder / "closed.wav").chmod(0)
    (folder / "locked").mkdir(mode=0)
    code = (
        "import os, sys\n"
        "from mer_utils.embed.audio_files import list_songs, read_song\n"
        "os.getuid() or os.setuid(65534)\n"
        "songs, failures = list_songs(sys.argv[1])\n"
        "print(*failures)\n"
        "for song in songs:\n"
        "    try: clip = read_song(sys.argv[1], song, 24000, 0, 45, 1, {})[0]\n"
        "    except ValueError as error: print(song.song_id, error)\n"
        "    else: print(song.song_id, len(clip.samples))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, folder], capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    (folder / "locked").chmod(0o700)
    assert "closed cannot be read (Permission denied); change its permissions" in done.stdout, done
    assert "open 72000" in done.stdout
    assert "path='locked', reason='folder cannot be read (Permission denied)'" in done.stdout


def test_a_folder_without_audio_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(ValueError, match="no audio in it"):
        list_songs(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        list_songs(tmp_path / "gone")
    done = CliRunner().invoke(cli.main, ["embed", str(tmp_path), str(tmp_path / "o"), "--encoder",
                                         "logmel"])  # fmt: skip
    assert done.exit_code == 2 and not (tmp_path / "o").exists()


def test_only_the_asked_stretch_decides(tmp_path):
    path = tmp_path / "cut.wav"
    soundfile.write(path, NOISE, 24_000)
    whole = read_clip(path).samples
    np.testing.assert_array_equal(read_clip(path, start=1, seconds=1).samples, whole[24_000:48_000])
    cut(path)  # 1.8 s are left
    assert len(read_clip(path, seconds=1).samples) == 24_000
    with pytest.raises(ValueError, match="cut off: 1.80 s of 3.00 s"):
        read_clip(path, seconds=2)
    with pytest.raises(ValueError, match="no sound after 2 s"):
        read_clip(path, start=2, seconds=1)


def test_an_mp3_that_does_not_say_how_long_it_is_cannot_be_called_cut(tmp_path):
    """libsndfile guesses its length from the first frame, so any length must be taken."""
    path = tmp_path / "plain.mp3"
    soundfile.write(path, np.tile(NOISE, 5), 24_000)
    content = path.read_bytes()
    header = max(content.find(b"Xing"), content.find(b"Info"))
    assert 0 < header < 200
    path.write_bytes(content[content.index(content[:2], header) :])
    assert len(read_clip(path).samples) > 24_000
    cut(path, 0.2)
    assert len(read_clip(path).samples) > 12_000


@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_cut_real_mp3_is_seen(deam_root, tmp_path, part):
    path = tmp_path / "2.mp3"
    path.write_bytes((deam_root / "MEMD_audio/2.mp3").read_bytes())
    assert read_clip(path, seconds=45).samples.shape == (45 * 24_000,)
    cut(path, part)
    with pytest.raises(ValueError, match="cut off"):
        read_clip(path, seconds=45)


def test_the_four_real_excerpts(deam_root, tmp_path):
    paths = [str(deam_root / "MEMD_audio"), str(tmp_path / "s")]
    done = CliRunner().invoke(cli.main, ["embed", *paths, "--encoder", "logmel"])
    assert done.exit_code == 0 and "4 songs" in done.stdout and "0 failed" in done.stdout
    ids, features, _ = read_store(tmp_path / "s")
    assert ids.tolist() == ["2", "3", "5", "8"] and features.shape == (4, 128)
    assert pd.read_parquet(tmp_path / "s")["seconds"].eq(45).all()
