"""Teaching clips are what they say; files are decoded or refused by name."""

import numpy as np
import pytest
import soundfile

from mer_utils import audio


@pytest.mark.parametrize("name", audio.CLIPS)
def test_clips_are_mono_float32_of_the_asked_length(name):
    clip = audio.CLIPS[name](seconds=3.0)
    assert clip.dtype == np.float32 and clip.ndim == 1
    assert len(clip) == pytest.approx(3 * audio.RATE, abs=3)
    assert 0.2 < np.abs(clip).max() <= 1 and np.isfinite(clip).all()
    np.testing.assert_array_equal(clip, audio.CLIPS[name](seconds=3.0))


def test_tone_has_its_pitch():
    wave = audio.tone(69, 1.0)
    assert np.argmax(np.abs(np.fft.rfft(wave))) == 440


def test_shuffled_pieces_are_the_same_sound_in_another_order():
    clip = audio.build_up()
    shuffled = audio.shuffle_pieces(clip, seed=1)
    assert not np.array_equal(clip[: len(shuffled)], shuffled)
    np.testing.assert_array_equal(np.sort(clip[: len(shuffled)]), np.sort(shuffled))
    with pytest.raises(ValueError, match="use shorter pieces"):
        audio.shuffle_pieces(clip, piece_seconds=5)


def test_reads_stereo_as_the_mean_and_resamples(tmp_path):
    t = np.arange(48_000) / 48_000
    left = np.sin(2 * np.pi * 500 * t)
    soundfile.write(tmp_path / "s.wav", np.c_[left, 0 * left], 48_000, subtype="FLOAT")
    samples = audio.read_audio(tmp_path / "s.wav")
    assert samples.dtype == np.float32 and len(samples) == audio.RATE
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 500
    assert len(audio.read_audio(tmp_path / "s.wav", seconds=0.25)) == audio.RATE // 4


def test_bad_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="gone.mp3: no such audio file"):
        audio.read_audio(tmp_path / "gone.mp3")
    (tmp_path / "text.mp3").write_text("this is not music")
    with pytest.raises(ValueError, match=r"text.mp3: cannot be decoded.*copy the file again"):
        audio.read_audio(tmp_path / "text.mp3")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    with pytest.raises(ValueError, match="empty.wav: no sound"):
        audio.read_audio(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 8000, subtype="FLOAT")
    with pytest.raises(ValueError, match="nan.wav: samples that are not finite"):
        audio.read_audio(tmp_path / "nan.wav")


def test_audio_files_are_found_by_song_id(tmp_path):
    with pytest.raises(ValueError, match="no audio named"):
        audio.audio_files(tmp_path)
    for name in ("10.mp3", "2.MP3", "notes.txt", "cover.wav"):
        (tmp_path / name).touch()
    assert list(audio.audio_files(tmp_path)) == [2, 10]
    (tmp_path / "10.wav").touch()
    with pytest.raises(ValueError, match="song 10 is there twice"):
        audio.audio_files(tmp_path)
    with pytest.raises(ValueError, match="no such folder"):
        audio.audio_files(tmp_path / "gone")


def test_reads_real_mp3(deam_root):
    files = audio.audio_files(deam_root / "MEMD_audio")
    song, path = next(iter(files.items()))
    samples = audio.read_audio(path)
    assert song == 2 and 44 < len(samples) / audio.RATE < 46
    assert 0.05 < np.abs(samples).max() < 1.5
