"""The encoder gives the released implementation's hidden states, and refuses other files."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mer_utils.bench_musicfm import (
    FULL_SIZE,
    MEL_MEAN,
    MEL_SD,
    plain_hidden_states,
    random_weights,
    relative_error,
)
from mer_utils.musicfm import MIN_SAMPLES, MusicFM, load_musicfm
from mer_utils.musicfm_checkpoint import check_shapes, read_checkpoint, read_stats, shapes
from mer_utils.paths import repo_root

SMALL = {"layers": 2, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
         "neighbours": 2}  # fmt: skip


@pytest.fixture(scope="module")
def tiny(musicfm_root):
    """Folder of the small model that the released code wrote, and its hidden states."""
    folder = musicfm_root / "tiny"
    return folder, dict(np.load(folder / "hidden_states.npz"))


@pytest.fixture
def small_files(tmp_path):
    """A small random model in the released layout: checkpoint and statistics."""
    return write(tmp_path, random_weights(**SMALL))


def write(folder, weights):
    checkpoint, stats = folder / "pretrained.pt", folder / "stats.json"
    torch.save({"state_dict": {f"model.{k}": v for k, v in weights.items()}}, checkpoint)
    stats.write_text(json.dumps({"melspec_2048_mean": MEL_MEAN, "melspec_2048_std": MEL_SD}))
    return checkpoint, stats


def error(a, b):
    return (np.linalg.norm(np.asarray(a) - b) / np.linalg.norm(b)).item()


# --- the same numbers as the released implementation ---------------------------------------


def test_parity_with_the_released_code(tiny):
    folder, reference = tiny
    model = load_musicfm(folder / "pretrained_tiny.pt", folder / "stats.json")
    mel = model.log_mel(reference["waveform"]).transpose(1, 2)
    assert error(mel, reference["mel_normalized"]) < 5e-6
    states = model.hidden_states(reference["waveform"])
    assert len(states) == model.n_layers + 1 == 3
    for i, state in enumerate(states):
        assert state.dtype == torch.float32
        assert error(state, reference[f"hidden_{i}"]) < 5e-6, f"hidden state {i}"


def test_the_plain_arithmetic_has_parity_too(tiny):
    folder, reference = tiny
    weights = read_checkpoint(folder / "pretrained_tiny.pt")
    states = plain_hidden_states(
        weights, torch.from_numpy(reference["waveform"]), *read_stats(folder / "stats.json")
    )
    for i, state in enumerate(states):
        assert error(state, reference[f"hidden_{i}"]) < 5e-6, f"hidden state {i}"


def test_bfloat16_stays_within_a_hundredth(tiny):
    folder, reference = tiny
    model = load_musicfm(folder / "pretrained_tiny.pt", folder / "stats.json", dtype=torch.bfloat16)
    for i, state in enumerate(model.hidden_states(reference["waveform"])):
        assert state.dtype == torch.float32
        assert error(state, reference[f"hidden_{i}"]) < 1e-2, f"hidden state {i}"


@pytest.mark.parametrize("n_samples", [MIN_SAMPLES, 24_000, 24_000 + 239, 31_111])
def test_any_length_agrees_with_the_plain_arithmetic(n_samples):
    weights = random_weights(**SMALL)
    wave = 0.1 * torch.randn(3, n_samples, generator=torch.Generator().manual_seed(2))
    states = MusicFM(weights, MEL_MEAN, MEL_SD).hidden_states(wave)
    assert states[0].shape == (3, -(-(n_samples // 240) // 4), SMALL["dim"])
    assert relative_error(states, plain_hidden_states(weights, wave)) < 5e-6


@pytest.mark.parametrize("tokens", [25, 49, 50, 51, 100])
def test_bfloat16_returns_at_any_length(tokens):
    """A bfloat16 convolution of oneDNN 3.10 did not, at 50 tokens."""
    weights = random_weights(**SMALL)
    wave = 0.1 * torch.randn(1, tokens * 960, generator=torch.Generator().manual_seed(2))
    states = MusicFM(weights, MEL_MEAN, MEL_SD, dtype=torch.bfloat16).hidden_states(wave)
    assert states[0].shape[1] == tokens
    assert relative_error(states, plain_hidden_states(weights, wave)) < 2e-2


def test_a_clip_alone_and_in_a_batch_agree():
    model = MusicFM(random_weights(**SMALL), MEL_MEAN, MEL_SD)
    wave = 0.1 * torch.randn(3, 24_000, generator=torch.Generator().manual_seed(3))
    alone = torch.cat([model.hidden_states(w[None])[-1] for w in wave])
    assert error(model.hidden_states(wave)[-1], alone.numpy()) < 1e-6


def test_layers_are_those_asked_for_and_later_ones_are_not_computed():
    model = MusicFM(random_weights(**SMALL), MEL_MEAN, MEL_SD)
    wave = 0.1 * torch.randn(1, 24_000)
    every = model.hidden_states(wave)
    model.layers[1] = None  # would fail if it were called
    first, before = model.hidden_states(wave, layers=(1, 0))
    assert torch.equal(first, every[1])
    assert torch.equal(before, every[0])


@pytest.mark.parametrize("layers", [(), (3,), (0, -1)])
def test_layers_that_do_not_exist(layers):
    model = MusicFM(random_weights(**SMALL), MEL_MEAN, MEL_SD)
    with pytest.raises(ValueError, match="choose from 0 to 2"):
        model.hidden_states(torch.zeros(1, 24_000), layers=layers)


@pytest.mark.parametrize("shape", [(1, 1024), (24_000,), (1, 1, 24_000)])
def test_waveforms_that_cannot_be_encoded(shape):
    model = MusicFM(random_weights(**SMALL), MEL_MEAN, MEL_SD)
    with pytest.raises(ValueError, match="at least 1025 samples"):
        model.hidden_states(torch.zeros(shape))


# --- the full size -------------------------------------------------------------------------


def test_the_full_layout_is_the_released_one(musicfm_root):
    """Names and shapes of all 465 tensors of the released checkpoint."""
    released = json.loads((musicfm_root / "state_dict_keys.json").read_text())
    released = {k.removeprefix("model."): tuple(v["shape"]) for k, v in released.items()}
    assert shapes(**FULL_SIZE) == released
    assert check_shapes(released) == []


def test_a_full_size_model_fits_in_4_gb(tmp_path):
    """Load a checkpoint of the released size and encode 45 s; the peak is the kernel's count."""
    code = """
import resource, sys
from mer_utils.bench_musicfm import random_weights
from tests.test_musicfm import write
from pathlib import Path
if sys.argv[1] == "write":
    write(Path(sys.argv[2]), random_weights())
else:
    import torch
    from mer_utils.musicfm import load_musicfm
    model = load_musicfm(sys.argv[2] + "/pretrained.pt", sys.argv[2] + "/stats.json")
    (last,) = model.hidden_states(0.1 * torch.randn(1, 45 * 24_000), layers=[12])
    print(tuple(last.shape), bool(last.isfinite().all()))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    env = os.environ | {"PYTHONPATH": str(repo_root())}
    for step in ("write", "encode"):
        command = [sys.executable, "-c", code, step, str(tmp_path)]
        out = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert out.returncode == 0, out.stderr[-2000:]
    (tmp_path / "pretrained.pt").unlink()
    shape, peak = out.stdout.splitlines()
    assert shape == "(1, 1125, 1024) True"
    per_unit = 1 if sys.platform == "darwin" else 1024
    assert int(peak) * per_unit < 4e9, f"peak {int(peak) * per_unit / 1e9:.2f} GB"


# --- files ---------------------------------------------------------------------------------


def test_counters_may_be_integers(tmp_path, small_files):
    weights = random_weights(**SMALL)
    counted = {
        k: torch.tensor(7) if k.endswith("num_batches_tracked") else v for k, v in weights.items()
    }
    wave = 0.1 * torch.randn(1, 24_000)
    a = load_musicfm(*small_files).hidden_states(wave)[-1]
    b = load_musicfm(*write(tmp_path, counted)).hidden_states(wave)[-1]
    assert torch.equal(a, b)


def test_all_that_is_wrong_is_listed(tmp_path):
    weights = random_weights(**SMALL)
    del weights["conv.conv.0.bn1.running_var"]
    weights["conformer.layers.1.ffn1.output_dense.bias"] = torch.zeros(5)
    weights["conformer.extra"] = torch.zeros(2)
    checkpoint, stats = write(tmp_path, weights)
    with pytest.raises(ValueError) as caught:
        load_musicfm(checkpoint, stats)
    text = str(caught.value)
    assert str(checkpoint) in text
    assert "missing conv.conv.0.bn1.running_var (8,)" in text
    assert "misshapen conformer.layers.1.ffn1.output_dense.bias: (5,), expected (32,)" in text
    assert "unknown conformer.extra (2,)" in text


def test_numbers_that_are_not_finite(tmp_path):
    weights = random_weights(**SMALL)
    weights["conv.linear.bias"][3] = float("nan")
    with pytest.raises(ValueError, match="not finite conv.linear.bias"):
        load_musicfm(*write(tmp_path, weights))


@pytest.mark.parametrize(
    "content, what",
    [
        (b"<!DOCTYPE html><html>Not found</html>", "a web page"),
        (b'{"error": "unauthorised"}', "a web page or message"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer"),
        (b"", "an empty file"),
        (b"\x00\x01 something else", "not a checkpoint"),
    ],
)
def test_files_that_are_no_checkpoint(small_files, content, what):
    checkpoint, stats = small_files
    checkpoint.write_bytes(content)
    with pytest.raises(ValueError, match=what) as caught:
        load_musicfm(checkpoint, stats)
    assert str(checkpoint) in str(caught.value)


def test_a_truncated_download(small_files):
    checkpoint, stats = small_files
    content = checkpoint.read_bytes()
    for keep in (len(content) // 2, len(content) - 30):
        checkpoint.write_bytes(content[:keep])
        with pytest.raises(ValueError, match="cut short or damaged"):
            load_musicfm(checkpoint, stats)


@pytest.mark.parametrize(
    "other, what",
    [
        ({"state_dict": {"encoder.weight": torch.zeros(3)}}, "unknown encoder.weight"),
        ({"weights": {}}, "no dictionary 'state_dict'"),
        ([torch.zeros(2)], "no dictionary 'state_dict'"),
        ({"state_dict": {"model.a": "text"}}, "no dictionary 'state_dict' of tensors"),
    ],
)
def test_another_model(small_files, other, what):
    checkpoint, stats = small_files
    torch.save(other, checkpoint)
    with pytest.raises(ValueError, match=what):
        load_musicfm(checkpoint, stats)


def test_code_in_a_checkpoint_is_not_run(small_files, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    checkpoint, stats = small_files
    torch.save({"state_dict": Trap()}, checkpoint)
    with pytest.raises(ValueError, match=str(checkpoint)):
        load_musicfm(checkpoint, stats)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    "content", ["{}", "[]", "<html>", '{"melspec_2048_mean": 6, "melspec_2048_std": 0}',
                '{"melspec_2048_mean": "x", "melspec_2048_std": 1}'],
)  # fmt: skip
def test_wrong_statistics(small_files, content):
    checkpoint, stats = small_files
    stats.write_text(content)
    with pytest.raises(ValueError, match=str(stats)):
        load_musicfm(checkpoint, stats)


def test_missing_files_name_the_command(small_files, tmp_path):
    checkpoint, stats = small_files
    with pytest.raises(ValueError, match="mer fetch musicfm"):
        load_musicfm(tmp_path / "none.pt", stats)
    with pytest.raises(ValueError, match="mer fetch musicfm"):
        load_musicfm(checkpoint, tmp_path / "none.json")
