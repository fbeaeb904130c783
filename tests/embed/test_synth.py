"""Teaching clips are what they say."""

import numpy as np
import pytest

from mer_utils.embed import synth
from mer_utils.embed.decode import RATE


@pytest.mark.parametrize("name", synth.CLIPS)
def test_clips_are_mono_float32_of_the_asked_length(name):
    clip = synth.CLIPS[name](seconds=3.0)
    assert clip.dtype == np.float32 and clip.ndim == 1
    assert len(clip) == pytest.approx(3 * RATE, abs=3)
    assert 0.2 < np.abs(clip).max() <= 1 and np.isfinite(clip).all()
    np.testing.assert_array_equal(clip, synth.CLIPS[name](seconds=3.0))


def test_tone_has_its_pitch():
    wave = synth.tone(69, 1.0)
    assert np.argmax(np.abs(np.fft.rfft(wave))) == 440


def test_the_build_up_grows_from_calm_to_busy():
    clip = synth.build_up(6.0)
    levels = [np.square(part).mean() for part in np.array_split(clip, 3)]
    assert levels == sorted(levels) and levels[2] > 3 * levels[0]
