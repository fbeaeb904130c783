"""The encoder gives the released implementation's hidden states."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from time_musicfm import (
    MEL_MEAN,
    MEL_SD,
    plain_hidden_states,
    random_weights,
    relative_error,
)

from mer_utils.embed.musicfm import MIN_SAMPLES, MusicFM, load_musicfm
from mer_utils.embed.musicfm_checkpoint import read_checkpoint, read_stats

SMALL = {"layers": 2, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
         "neighbours": 2}  # fmt: skip


@pytest.fixture(scope="module")
def tiny(musicfm_root):
    """Folder of the small model that the released code wrote, and its hidden states."""
    folder = musicfm_root / "tiny"
    return folder, dict(np.load(folder / "hidden_states.npz"))


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
    model = load_musicfm(folder / "pretrained_tiny.pt", folder / "stats.json", dtype="bfloat16")
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
    model.conformer[1] = None  # would fail if it were called
    first, before = model.hidden_states(wave, layers=(1, 0))
    assert torch.equal(first, every[1])
    assert torch.equal(before, every[0])


def test_rows_are_means_over_tokens_of_the_layers_asked_for():
    model = MusicFM(random_weights(**SMALL), MEL_MEAN, MEL_SD, layers=("2", "0"))
    wave = 0.1 * torch.randn(2, 24_000)
    rows, states = model.embed(wave), model.hidden_states(wave, layers=(0, 2))
    assert list(rows) == list(model.layers) == ["0", "2"] and rows["2"].shape == (2, SMALL["dim"])
    for row, state in zip(rows.values(), states, strict=True):
        np.testing.assert_array_equal(row, state.mean(dim=1))
    steps = model.sequence(wave[1])
    assert list(steps) == ["0", "2"] and steps["0"].shape == (25, SMALL["dim"])
    np.testing.assert_allclose(steps["2"].mean(axis=0), rows["2"][1], rtol=1e-3, atol=1e-5)
    assert MusicFM(random_weights(**SMALL), MEL_MEAN, MEL_SD).layers == ("2",)


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


def test_a_full_size_model_fits_in_4_gb(tmp_path):
    """Load a checkpoint of the released size and encode 45 s; the peak is the kernel's count."""
    code = """
import resource, sys
from time_musicfm import random_weights
from test_musicfm_checkpoint import write
from pathlib import Path
if sys.argv[1] == "write":
    write(Path(sys.argv[2]), random_weights())
else:
    import torch
    from mer_utils.embed.musicfm import load_musicfm
    model = load_musicfm(sys.argv[2] + "/pretrained.pt", sys.argv[2] + "/stats.json")
    (last,) = model.hidden_states(0.1 * torch.randn(1, 45 * 24_000), layers=[12])
    print(tuple(last.shape), bool(last.isfinite().all()))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
    folders = [ROOT, ROOT / "tests" / "embed", ROOT / "tests", ROOT / "studies" / "speed"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, folders))}
    for step in ("write", "encode"):
        command = [sys.executable, "-c", code, step, str(tmp_path)]
        out = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        assert out.returncode == 0, out.stderr[-2000:]
    (tmp_path / "pretrained.pt").unlink()
    shape, peak = out.stdout.splitlines()
    assert shape == "(1, 1125, 1024) True"
    per_unit = 1 if sys.platform == "darwin" else 1024
    assert int(peak) * per_unit < 4e9, f"peak {int(peak) * per_unit / 1e9:.2f} GB"
