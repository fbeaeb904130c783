"""The released files are read; others are refused, and what is wrong with them is listed."""

import json
import math
import re
import time
import warnings

import pytest
import torch
from time_musicfm import FULL_SIZE, MEL_MEAN, MEL_SD, random_weights

from mer_utils.embed.musicfm import load_musicfm
from mer_utils.embed.musicfm_checkpoint import (
    MEL,
    ROTATION,
    UNUSED,
    check_shapes,
    read_checkpoint,
    shapes,
)

SMALL = {"layers": 2, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
         "neighbours": 2}  # fmt: skip


@pytest.fixture
def small_files(tmp_path):
    """A small random model in the released layout: checkpoint and statistics."""
    return write(tmp_path, random_weights(**SMALL))


def write(folder, weights):
    checkpoint, stats = folder / "pretrained.pt", folder / "stats.json"
    torch.save({"state_dict": {f"model.{k}": v for k, v in weights.items()}}, checkpoint)
    stats.write_text(json.dumps({"melspec_2048_mean": MEL_MEAN, "melspec_2048_std": MEL_SD}))
    return checkpoint, stats


def test_the_full_layout_is_the_released_one(musicfm_root):
    """Names and shapes of all 465 tensors of the released checkpoint."""
    released = json.loads((musicfm_root / "state_dict_keys.json").read_text())
    released = {k.removeprefix("model."): tuple(v["shape"]) for k, v in released.items()}
    assert shapes(**FULL_SIZE) == released
    assert check_shapes(released) == []


# --- what people have: the same tensors, saved otherwise ------------------------------------


@pytest.fixture(params=["made here", "written by the released code"])
def plain(request, tmp_path):
    """Tensors by their released names, without prefix, and the file of statistics."""
    if request.param == "made here":
        return random_weights(**SMALL), write(tmp_path, {})[1]
    folder = request.getfixturevalue("musicfm_root") / "tiny"
    state = torch.load(folder / "pretrained_tiny.pt", weights_only=True)["state_dict"]
    return {k.removeprefix("model."): v for k, v in state.items()}, folder / "stats.json"


def states_of(folder, content, stats):
    torch.save(content, folder / "saved.pt")
    wave = 0.1 * torch.randn(2, 24_000, generator=torch.Generator().manual_seed(4))
    return torch.stack(load_musicfm(folder / "saved.pt", stats).hidden_states(wave))


def renamed(weights):
    names = {"weight_g": "parametrizations.weight.original0",
             "weight_v": "parametrizations.weight.original1"}  # fmt: skip
    return {re.sub("weight_[gv]$", lambda m: names[m[0]], k): v for k, v in weights.items()}


def prefixed(prefix):
    return lambda weights: {prefix + k: v for k, v in weights.items()}


def without(*starts):
    return lambda weights: {k: v for k, v in weights.items() if not k.startswith(starts)}


@pytest.mark.parametrize(
    "change",
    [dict, prefixed("model."), prefixed("module."), prefixed("module.model."),
     lambda w: {"state_dict": w, "epoch": 3}, lambda w: {"state_dict": prefixed("module.")(w)},
     renamed, without(*UNUSED), *map(without, UNUSED), without("linear.bias"),
     lambda w: {k: torch.nn.Parameter(v) for k, v in w.items()},
     lambda w: {k: v.mT.contiguous().mT if v.ndim > 1 else v for k, v in w.items()},
     lambda w: {"state_dict": prefixed("module.model.")(renamed(without("linear.")(w)))}],
)  # fmt: skip
def test_the_same_tensors_saved_otherwise(tmp_path, plain, change):
    weights, stats = plain
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = states_of(tmp_path, {"state_dict": prefixed("model.")(weights)}, stats)
        assert torch.equal(states_of(tmp_path, change(weights), stats), expected)


def test_float64_is_converted_and_said(tmp_path, plain):
    weights, stats = plain
    expected = states_of(tmp_path, weights, stats)
    double = {k: v.double() for k, v in weights.items()}
    with pytest.warns(UserWarning, match="saved.pt: stored in float64; converted to float32"):
        assert torch.equal(states_of(tmp_path, double, stats), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_formats_cost_their_rounding_and_no_more(tmp_path, plain, dtype):
    """Bit for bit the rounded weights; near the exact ones.

    Each matrix on the way errs by at most u, half a unit in the last place: as errors of
    independent sign, u times the root of their number. There are 5 before the first layer and 9
    in each (2 + 2 in feed-forwards, 2 in attention, 3 in the convolution).
    """
    weights, stats = plain
    counter = "conv.conv.0.bn1.num_batches_tracked"
    weights[counter] = torch.tensor(95_489.0)  # as released: too large for float16
    half = {k: v.to(dtype) for k, v in weights.items()}
    with pytest.warns(UserWarning, match=f"stored in {str(dtype)[6:]}; converted"):
        found = states_of(tmp_path, half, stats)
    constants = (ROTATION, MEL + "spectrogram.window", MEL + "mel_scale.fb")
    rounded = {k: weights[k] if k in constants else v.float() for k, v in half.items()}
    rounded[counter] = torch.zeros(())
    expected = states_of(tmp_path, weights, stats)
    if (weights[ROTATION] == 1 / 10_000 ** (torch.arange(n := len(weights[ROTATION])) / n)).all():
        assert torch.equal(found, states_of(tmp_path, rounded, stats))
    unit = torch.finfo(dtype).eps / 2
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert 0 < (a - b).norm() / b.norm() < unit * math.sqrt(5 + 9 * i), f"hidden state {i}"


def test_rotations_far_into_a_clip_do_not_feel_half_precision(tmp_path, plain):
    weights, stats = plain
    torch.save({k: v.bfloat16() for k, v in weights.items()}, tmp_path / "half.pt")
    with pytest.warns(UserWarning):
        kept = read_checkpoint(tmp_path / "half.pt")
    assert 1125 * (weights[ROTATION].bfloat16() - weights[ROTATION]).abs().max() > 0.1  # radians
    assert 1125 * (kept[ROTATION] - weights[ROTATION]).abs().max() < 1e-3
    assert torch.equal(kept[MEL + "spectrogram.window"], weights[MEL + "spectrogram.window"])
    assert torch.equal(kept[MEL + "mel_scale.fb"], weights[MEL + "mel_scale.fb"])


def test_other_constants_stay_as_they_are(tmp_path):
    weights = random_weights(**SMALL)
    weights[ROTATION] = torch.tensor([1.0, 0.5, 0.25, 0.125])
    weights[MEL + "spectrogram.window"] = torch.ones(2048)
    torch.save({k: v.bfloat16() for k, v in weights.items()}, tmp_path / "half.pt")
    with pytest.warns(UserWarning):
        kept = read_checkpoint(tmp_path / "half.pt")
    for name in (ROTATION, MEL + "spectrogram.window"):
        assert torch.equal(kept[name], weights[name])


# --- what is refused -----------------------------------------------------------------------

BIAS = "conformer.layers.1.ffn1.output_dense.bias"  # (32,)
VARIANCE = "conv.conv.0.bn1.running_var"
WEIGHT = "conv.linear.weight"


@pytest.mark.parametrize(
    "name, tensor, what",
    [
        (VARIANCE, -torch.ones(8), f"negative {VARIANCE}"),
        (VARIANCE, torch.full((8,), 1e300, dtype=torch.float64), f"not finite {VARIANCE}"),
        (BIAS, torch.full((32,), 1e30).half(), f"not finite {BIAS}"),
        (BIAS, torch.zeros(32, dtype=torch.int64), f"not plain floats {BIAS}: torch.int64"),
        (BIAS, torch.zeros(32, dtype=torch.complex64), f"not plain floats {BIAS}: torch.complex64"),
        (BIAS, torch.zeros(32).to_sparse(), f"not plain floats {BIAS}: .*torch.sparse"),
        (BIAS, torch.zeros(32, device="meta"), f"not plain floats {BIAS}: .*meta"),
        (BIAS, torch.quantize_per_tensor(torch.zeros(32), 1.0, 0, torch.qint8),
         f"not plain floats {BIAS}: torch.qint8"),
        (BIAS, torch.zeros(32, dtype=torch.float8_e4m3fn), f"not plain floats {BIAS}"),
        (BIAS, torch.nested.nested_tensor([torch.zeros(3), torch.zeros(2)]), "not "),
        (WEIGHT, torch.zeros(1).expand(10**6, 10**6), f"not plain floats {WEIGHT}"),
        ("linear.bias", torch.zeros(1).expand(10**12), "not plain floats linear.bias"),
        (BIAS, torch.zeros(()), f"misshapen {BIAS}: \\(\\)"),
        ("conv.linear.bias", torch.zeros(()), "missing or misshapen conv.linear.bias"),
        ("conv.linear.bias", torch.zeros(0), "missing or misshapen conv.linear.bias"),
        (3, torch.zeros(2), "name 3: not a name"),
        (("a", 1), torch.zeros(2), "name .*: not a name"),
        ("module." + BIAS, torch.zeros(32), "there twice"),
        ("linear.weight", torch.zeros(16, 5), "misshapen linear.weight"),
        ("conformer.layers.10000000.ffn1.output_dense.bias", torch.zeros(32), "without a gap"),
        ("conformer.layers.1000000000.x", torch.zeros(32), "layer '1000000000'"),
        (f"conformer.layers.{'9' * 5000}.x", torch.zeros(32), "without a gap"),
        ("conformer.layers.3.x", torch.zeros(32), "without a gap, but there is layer '3'"),
        ("conformer.layers.01.x", torch.zeros(32), "layer '01'"),
        ("conformer.layers.", torch.zeros(32), "layer ''"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)  # fmt: skip
def test_tensors_that_cannot_be(tmp_path, name, tensor, what):
    weights = random_weights(**SMALL)
    weights[name] = tensor
    start = time.process_time()
    with pytest.raises(ValueError, match=what) as caught:
        read_checkpoint(save(tmp_path / "w.pt", weights))
    assert time.process_time() - start < 5
    assert len(str(caught.value)) < 5000


def save(path, weights):
    torch.save(weights, path)
    return path


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
        ({}, "missing or misshapen conv.linear.bias"),
        ({"conv.linear.bias": torch.zeros(3), "encoder.weight": torch.zeros(3)}, "unknown encoder"),
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


def test_small_tensors_do_not_keep_the_file_in_memory(small_files):
    """A copy has storage of its own; a view has that of the whole file."""
    for name, tensor in read_checkpoint(small_files[0]).items():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes, name


def test_large_tensors_stay_views_of_the_file(tmp_path):
    """A view starts within the file's mapping; a copy would cost as much memory as the file."""
    sizes = SMALL | {"dim": 512, "wide": 2048, "layers": 1}
    weights = read_checkpoint(write(tmp_path, random_weights(**sizes))[0])
    name = "conformer.layers.0.ffn1.intermediate_dense.weight"
    assert weights[name].numel() > 10**6
    with open("/proc/self/maps") as lines:
        mapped = [line.split()[0].split("-") for line in lines if "pretrained.pt" in line]
    at = weights[name].data_ptr()
    assert any(int(low, 16) <= at < int(high, 16) for low, high in mapped)


# --- which statistics ----------------------------------------------------------------------


def test_an_fma_checkpoint_is_read_with_its_own_statistics(tmp_path, small_files):
    checkpoint, stats = small_files
    own = checkpoint.rename(tmp_path / "pretrained_fma.pt")
    stats.rename(tmp_path / "msd_stats.json")
    with pytest.raises(ValueError, match="fma_stats.json.*mer fetch musicfm --variant fma"):
        load_musicfm(own)
    facts = {"melspec_2048_mean": 1.5, "melspec_2048_std": 20.0}
    (tmp_path / "fma_stats.json").write_text(json.dumps(facts))
    assert load_musicfm(own).mean == 1.5
