"""The log-mel is where the sound is; pooling forgets order and nothing else."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from mer_utils import audio, embeddings


def test_log_mel_of_a_sine_peaks_in_its_band():
    t = np.arange(audio.RATE) / audio.RATE
    frames = embeddings.log_mel(np.sin(2 * np.pi * 1000 * t))
    assert frames.shape == (128, audio.RATE // 240 + 1) and frames.dtype == np.float32

    def to_mel(hertz):  # HTK
        return 2595 * np.log10(1 + hertz / 700)

    band = to_mel(1000) / to_mel(12_000) * 129 - 1
    assert abs(np.argmax(frames[:, 50]) - band) <= 1


def test_ten_times_the_amplitude_is_twenty_decibels():
    clip = audio.busy(1.0) / 20
    louder = embeddings.log_mel(10 * clip) - embeddings.log_mel(clip)
    assert np.median(louder) == pytest.approx(20, abs=0.01)


def test_silence_is_the_floor():
    frames = embeddings.log_mel(np.zeros(5000))
    np.testing.assert_allclose(frames, embeddings.FLOOR_DB, atol=1e-4)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros((2, 5000)), "one channel"),
        (np.zeros(1024), "1024 samples are too few"),
        (np.full(5000, np.nan), "not finite"),
    ],
)
def test_bad_samples_are_refused(samples, message):
    with pytest.raises(ValueError, match=message):
        embeddings.log_mel(samples)
    with pytest.raises(ValueError, match=f"clip 1: .*{message}"):
        embeddings.embed_clips([np.zeros(5000), samples])


@given(arrays(float, (3, 7), elements=st.floats(-100, 20)), st.permutations(range(7)))
def test_pooling_forgets_order(frames, order):
    a, b = embeddings.pool(frames), embeddings.pool(frames[:, list(order)])
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-4)


def test_pool_by_hand():
    vector = embeddings.pool([[0, 2], [5, 5]])
    np.testing.assert_array_equal(vector, [1, 5, 1, 0])
    np.testing.assert_array_equal(embeddings.pool([[0, 2], [5, 5]], ("mean",)), [1, 5])
    for bad in (("median",), ()):
        with pytest.raises(ValueError, match="statistics must be"):
            embeddings.pool([[0, 2]], bad)
    with pytest.raises(ValueError, match="expected"):
        embeddings.pool(np.zeros((3, 0)))


def test_an_encoder_is_any_function_of_samples_and_rate():
    def halves(samples, rate):
        return samples.reshape(2, -1)

    vector = embeddings.embed_clip(np.arange(4.0), 1, halves, ("mean",))
    np.testing.assert_array_equal(vector, [0.5, 2.5])
    with pytest.raises(ValueError, match="unknown encoder 'musicfm'"):
        embeddings.embed_clip(np.zeros(5000), encoder="musicfm")


def test_shuffled_clips_look_alike_and_other_clips_do_not():
    clip = audio.build_up()
    rows = embeddings.embed_clips([clip, audio.shuffle_pieces(clip), audio.calm()])
    assert rows.shape == (3, 256)
    near, far = (np.linalg.norm(rows[0] - rows[i]) for i in (1, 2))
    assert near < far / 10
    with pytest.raises(ValueError, match="no clips"):
        embeddings.embed_clips([])
