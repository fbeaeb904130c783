"""The tagger: its numbers are those of the authors' package, and padding is in none of them."""

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.functional as audio
from conftest import ROOT

from mer_utils.embed import musicnn, synth
from mer_utils.embed.musicnn import LAYERS, RATE, TAGS, WINDOW, MusicNN, Network, load_musicnn

REFERENCE = np.load(ROOT / "tests" / "fixtures" / "musicnn_reference.npz")
CLIPS = {name: make(9.5, RATE) for name, make in synth.CLIPS.items()}


@pytest.fixture(scope="session")
def model(musicnn_weights):
    return load_musicnn(musicnn_weights)


@pytest.fixture(scope="session")
def untrained():
    torch.manual_seed(0)
    return MusicNN(Network(), "all")


def tags_of(model, waveform):
    """(windows, 50), probabilities."""
    return model.windows(waveform)["tags"].numpy()


# --- the same numbers as the package ---------------------------------------------------------


@pytest.mark.parametrize("clip", CLIPS)
def test_tags_are_those_of_the_package(model, clip):
    wanted = REFERENCE[f"{clip}/tags"]
    assert wanted.shape == (3, 50) and np.ptp(wanted) > 0.1
    np.testing.assert_allclose(tags_of(model, CLIPS[clip]), wanted, rtol=0, atol=3e-5)


@pytest.mark.parametrize("layer", LAYERS)
def test_embeddings_are_those_of_the_package(model, layer):
    """Apart from mel powers that round to the neighbouring half-precision number."""
    clips = [torch.from_numpy(clip[: 3 * WINDOW]) for clip in CLIPS.values()]
    ours = model.embed(torch.stack(clips))[layer]
    wanted = np.stack([REFERENCE[f"{clip}/{layer}"] for clip in CLIPS])
    assert ours.shape == wanted.shape == (3, LAYERS[layer])
    assert np.abs(ours - wanted).max() < 1e-4 * np.abs(wanted).max()


def test_tags_of_real_music_are_those_of_the_package(model, deam_root):
    """The mean over four excerpts; how it was made: fixtures/make_musicnn_reference.py."""
    paths = [deam_root / "MEMD_audio" / f"{song}.mp3" for song in (2, 3, 5, 8)]
    if not all(path.is_file() for path in paths):
        pytest.skip(f"no audio of songs 2, 3, 5 and 8 in {deam_root}")
    means = []
    for path in paths:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = torch.from_numpy(samples.mean(axis=1))
        means.append(
            tags_of(model, audio.resample(mono, rate, RATE, **model.resampling)).mean(axis=0)
        )
    np.testing.assert_allclose(np.mean(means, axis=0), REFERENCE["deam_mean_tags"], atol=1e-4)


def test_the_tags_make_sense(model):
    """Soft chords without a beat: the first thing that comes to mind is not metal."""
    mean = dict(zip(TAGS, tags_of(model, CLIPS["calm"]).mean(axis=0), strict=True))
    assert mean["ambient"] > 10 * mean["metal"]


# --- windows, and no padding -----------------------------------------------------------------


def test_what_follows_the_last_whole_window_changes_nothing(untrained):
    clip = torch.from_numpy(CLIPS["busy"])
    whole = untrained.embed(clip[None, : 3 * WINDOW])
    for rest in (1, 255, 256, 4_000):
        longer = torch.cat([clip[: 3 * WINDOW], torch.full((rest,), 0.9)])
        for layer, values in untrained.embed(longer[None]).items():
            np.testing.assert_array_equal(values, whole[layer])


def test_a_clip_is_the_mean_of_its_windows(untrained):
    clip = torch.from_numpy(CLIPS["build-up"])
    layers = untrained.windows(clip)
    assert layers["tags"].shape == (3, 50)
    for layer, values in untrained.embed(clip[None]).items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values[0], layers[layer].mean(0), rtol=1e-5, atol=1e-6)


def test_a_clip_is_the_mean_of_its_steps(untrained):
    clip = torch.from_numpy(CLIPS["build-up"])
    steps = untrained.sequence(clip)
    shapes = {"penultimate": (3, 200), "mean_pool": (3 * 187, 753), "max_pool": (3, 753)}
    assert {layer: x.shape for layer, x in steps.items()} == shapes
    for layer, values in untrained.embed(clip[None]).items():
        np.testing.assert_allclose(steps[layer].mean(0), values[0], rtol=1e-4, atol=1e-5)
    second = steps["mean_pool"][187 : 2 * 187]  # frames run on from window to window
    np.testing.assert_array_equal(second.max(0), steps["max_pool"][1])


def test_more_windows_than_fit_in_a_chunk(untrained):
    clip = torch.from_numpy(CLIPS["busy"]).repeat(4)
    long = untrained.windows(clip)["tags"]
    assert len(long) == len(clip) // WINDOW == 12 > musicnn.CHUNK["cpu"]
    with torch.inference_mode():
        alone = [untrained.network(log_mel[None])[0] for log_mel in untrained.log_mel(clip)]
    np.testing.assert_allclose(long, torch.cat(alone).sigmoid(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("length", [0, 1, 1_024, WINDOW - 1])
def test_a_clip_shorter_than_a_window_is_refused(untrained, length):
    with pytest.raises(ValueError, match="at least 47872"):
        untrained.embed(torch.zeros(1, length))
    assert untrained.min_samples == WINDOW
    assert tags_of(untrained, torch.zeros(WINDOW)).shape == (1, 50)


def test_neighbours_in_a_batch_do_not_matter(untrained):
    batch = torch.from_numpy(np.stack([CLIPS[n][: 3 * WINDOW] for n in ("calm", "busy")]))
    both = untrained.embed(batch)
    for i in range(2):
        alone = untrained.embed(batch[i : i + 1])
        for layer in LAYERS:
            np.testing.assert_array_equal(both[layer][i], alone[layer][0])


# --- input and options -----------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e4])
def test_samples_that_are_not_sound_are_refused(untrained, bad):
    clip = torch.from_numpy(CLIPS["busy"]).clone()
    clip[20_000] = bad
    with pytest.raises(ValueError, match="finite|outside"):
        tags_of(untrained, clip)


def test_silence_and_full_scale_have_finite_numbers(untrained):
    for clip in (torch.zeros(WINDOW), torch.ones(WINDOW), -torch.ones(WINDOW)):
        assert all(np.isfinite(v).all() for v in untrained.embed(clip[None]).values())
    loud = torch.sin(torch.arange(WINDOW) * 2 * np.pi * 200 / RATE)
    assert np.isfinite(tags_of(untrained, loud)).all()


@pytest.mark.parametrize(
    ("layers", "wanted"),
    [
        ("all", ("penultimate", "mean_pool", "max_pool")),
        ("last", ("penultimate",)),
        (["max_pool", "penultimate"], ("penultimate", "max_pool")),
    ],
)
def test_layers(layers, wanted):
    model = MusicNN(Network(), layers)
    made = model.embed(torch.zeros(2, WINDOW))
    assert model.layers == tuple(made) == wanted
    assert {layer: values.shape for layer, values in made.items()} == {
        layer: (2, LAYERS[layer]) for layer in wanted
    }


def test_wrong_options_are_refused(untrained):
    for layers in ("pooled", (), ["mean_pool", "7"]):
        with pytest.raises(
            ValueError, match="no layer .*choose from penultimate, mean_pool, max_pool"
        ):
            MusicNN(Network(), layers)
    with pytest.raises(ValueError, match="not \\(batch, samples\\)"):
        untrained.embed(torch.zeros(WINDOW))


def test_bfloat16_is_near(model, musicnn_weights):
    short = load_musicnn(musicnn_weights, layers="last", dtype="bfloat16")
    assert np.abs(tags_of(short, CLIPS["busy"]) - tags_of(model, CLIPS["busy"])).max() < 0.05
    assert short.embed(torch.zeros(1, WINDOW))["penultimate"].dtype == np.float32


# --- the file with the weights ---------------------------------------------------------------


def test_without_weights_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_WEIGHTS", str(tmp_path))
    with pytest.raises(ValueError, match="get them with: mer fetch musicnn"):
        load_musicnn()


def test_the_weights_are_found_and_named(musicnn_weights, monkeypatch):
    from mer_utils.embed.weights import WHEEL_SHA256

    monkeypatch.setenv("MER_WEIGHTS", str(musicnn_weights.parent))
    assert load_musicnn().checkpoint_sha256 == WHEEL_SHA256


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>"])
def test_another_file_is_an_error(tmp_path, content):
    (tmp_path / "weights.whl").write_bytes(content)
    with pytest.raises(ValueError, match="weights.whl: not the wheel .*mer fetch musicnn"):
        load_musicnn(tmp_path / "weights.whl")
