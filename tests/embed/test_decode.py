"""Files are decoded, or refused by name."""

import numpy as np
import pytest
import soundfile

from mer_utils.embed.decode import RATE, read_clip


def test_reads_stereo_as_the_mean_and_resamples(tmp_path):
    t = np.arange(48_000) / 48_000
    left = np.sin(2 * np.pi * 500 * t)
    soundfile.write(tmp_path / "s.wav", np.c_[left, 0 * left], 48_000, subtype="FLOAT")
    samples = read_clip(tmp_path / "s.wav").samples
    assert samples.dtype == np.float32 and len(samples) == RATE
    assert np.abs(samples[1000:-1000]).max() == pytest.approx(0.5, abs=0.01)
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 500
    assert len(read_clip(tmp_path / "s.wav", seconds=0.25).samples) == RATE // 4


def test_bad_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="gone.mp3: no such audio file"):
        read_clip(tmp_path / "gone.mp3")
    (tmp_path / "text.mp3").write_text("this is not music")
    with pytest.raises(ValueError, match=r"text.mp3: cannot be decoded.*copy the file again"):
        read_clip(tmp_path / "text.mp3")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 8000)
    with pytest.raises(ValueError, match="empty.wav: no sound"):
        read_clip(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.full(100, np.nan), 8000, subtype="FLOAT")
    with pytest.raises(ValueError, match="nan.wav: samples that are not finite"):
        read_clip(tmp_path / "nan.wav")


def test_reads_real_mp3(deam_root):
    clip = read_clip(deam_root / "MEMD_audio" / "2.mp3")
    assert 44 < len(clip.samples) / RATE < 46 and abs(clip.duration - 45) < 1
    assert 0.05 < np.abs(clip.samples).max() < 1.5
