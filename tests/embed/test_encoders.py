"""Encoders: names, layers, and the log-mel, which is where the sound is."""

import numpy as np
import pytest
import torch

from mer_utils.embed import number_format
from mer_utils.embed.decode import RATE
from mer_utils.embed.encoders import choose_layers, load_encoder
from mer_utils.embed.synth import CLIPS, build_up, busy, calm


def log_mel(samples):
    """(bands, frames) in dB."""
    samples = torch.tensor(np.asarray(samples, np.float32))
    return load_encoder("logmel").sequence(samples)["mean"].T


def test_log_mel_of_a_sine_peaks_in_its_band():
    t = np.arange(RATE) / RATE
    frames = log_mel(np.sin(2 * np.pi * 1000 * t))
    assert frames.shape == (128, RATE // 240 + 1) and frames.dtype == np.float32

    def to_mel(hertz):  # HTK
        return 2595 * np.log10(1 + hertz / 700)

    band = to_mel(1000) / to_mel(12_000) * 129 - 1
    assert abs(np.argmax(frames[:, 50]) - band) <= 1


def test_ten_times_the_amplitude_is_twenty_decibels():
    clip = busy(1.0) / 20
    assert np.median(log_mel(10 * clip) - log_mel(clip)) == pytest.approx(20, abs=0.01)


def test_silence_is_the_floor():
    np.testing.assert_allclose(log_mel(np.zeros(5000)), -100, atol=1e-4)


def test_logmel_gives_means_and_sds_over_time():
    clips = [CLIPS[name](2.0) for name in ("calm", "busy")]
    encoder = load_encoder("logmel")
    rows = encoder.embed(torch.from_numpy(np.stack(clips)))
    assert tuple(rows) == encoder.layers == ("mean", "sd")
    for i, clip in enumerate(clips):
        frames = log_mel(clip).astype(float)
        np.testing.assert_array_equal(rows["mean"][i], np.float32(frames.mean(axis=1)))
        np.testing.assert_array_equal(rows["sd"][i], np.float32(frames.std(axis=1)))
    steps = encoder.sequence(torch.from_numpy(clips[0]))
    assert list(steps) == ["mean", "sd"] and steps["sd"].shape == (201, 128)
    only = load_encoder("logmel", layers=("sd",))
    np.testing.assert_array_equal(only.embed(torch.from_numpy(clips[0][None]))["sd"][0],
                                  rows["sd"][0])  # fmt: skip


def test_shuffled_clips_look_alike_and_other_clips_do_not():
    clip = build_up()
    shuffled = np.random.default_rng(0).permutation(clip.reshape(12, -1)).reshape(-1)
    rows = load_encoder("logmel").embed(torch.from_numpy(np.stack([clip, shuffled, calm()])))
    vectors = np.concatenate([rows["mean"], rows["sd"]], axis=1)
    near, far = (np.linalg.norm(vectors[0] - vectors[i]) for i in (1, 2))
    assert near < far / 10


def test_layers_are_chosen_by_name_and_kept_in_order():
    names = ("0", "1", "2")
    assert choose_layers("last", names) == ("2",)
    assert choose_layers("last", names, default=("0",)) == ("0",)
    assert choose_layers("all", names) == names
    assert choose_layers(["2", "0"], names) == ("0", "2")
    assert choose_layers("1", names) == ("1",)
    with pytest.raises(ValueError, match="no layer '7': choose from 0, 1, 2"):
        choose_layers(["1", "7"], names)


@pytest.mark.parametrize(
    "given, message",
    [
        (dict(name="mfcc"), "unknown encoder 'mfcc': give one of musicfm, musicnn, logmel"),
        (dict(name="nowhere:load"), "nowhere:load: cannot be imported"),
        (dict(name="math:nothing"), "cannot be imported"),
        (dict(name="logmel", layers=("7",)), "no layer '7': choose from mean, sd"),
        (dict(name="logmel", dtype="bfloat16"), "--dtype float32"),
        (dict(name="logmel", checkpoint="x.pt"), "no weights"),
        (dict(name="musicnn", dtype="int8"), "dtype must be auto, float32"),
    ],
)
def test_wrong_requests_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        load_encoder(**given)


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="--device cpu"):
        load_encoder("logmel", device="cuda")
    assert load_encoder("logmel", device="auto").rate == 24_000


def test_the_dtype_of_auto_is_chosen_for_the_encoder(monkeypatch):
    monkeypatch.setattr(number_format, "speed_up", lambda: 9.0)
    assert load_encoder("logmel", dtype="auto").name == "logmel"  # which refuses bfloat16
