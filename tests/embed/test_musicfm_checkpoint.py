"""The released files are read; others are refused, and what is wrong with them is listed."""

import json

import pytest
import torch
from time_musicfm import FULL_SIZE, MEL_MEAN, MEL_SD, random_weights

from mer_utils.embed.musicfm import load_musicfm
from mer_utils.embed.musicfm_checkpoint import check_shapes, read_checkpoint, shapes

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


def test_small_tensors_do_not_keep_the_file_in_memory(small_files):
    """A copy has storage of its own; a view has that of the whole file."""
    for name, tensor in read_checkpoint(small_files[0]).items():
        assert tensor.untyped_storage().nbytes() == tensor.nbytes, name
