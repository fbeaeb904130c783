"""Weights on this machine; getting musicnn's with pip, from a folder instead of an index."""

import subprocess
import sys
import zipfile

import pytest
from click.testing import CliRunner

from mer_utils.cli import main
from mer_utils.data.dataset import sha256
from mer_utils.data.unpack import FetchError
from mer_utils.embed import weights
from mer_utils.embed.encoders import ENCODERS, load_encoder
from mer_utils.embed.weights import FILES, WHEEL, fetch_musicnn, stats_beside


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_every_encoder_has_its_files():
    assert list(FILES) == list(ENCODERS)


@pytest.mark.parametrize(
    "checkpoint, there, taken",
    [
        ("pretrained_msd.pt", ["msd", "fma", ""], "msd_stats.json"),
        ("pretrained_fma.pt", ["msd", "fma", ""], "fma_stats.json"),
        ("my_FMA_bf16.pt", ["msd", "fma"], "fma_stats.json"),
        ("pretrained_fma.pt", ["msd"], "fma_stats.json"),
        ("pretrained_fma.pt", ["msd", ""], "stats.json"),
        ("pretrained_msd.pt", ["fma"], "msd_stats.json"),
        ("mine.pt", ["fma"], "fma_stats.json"),
        ("mine.pt", ["msd", ""], "msd_stats.json"),
        ("mine.pt", [], "msd_stats.json"),
        ("mine.pt", ["msd", "fma"], None),
        ("fma_from_msd.pt", ["msd", "fma"], None),
    ],
)
def test_statistics_are_those_of_the_variant(tmp_path, checkpoint, there, taken):
    for variant in there:
        (tmp_path / f"{variant}{'_' * bool(variant)}stats.json").touch()
    if taken:
        assert stats_beside(tmp_path / checkpoint) == tmp_path / taken
    else:
        with pytest.raises(ValueError, match="msd_stats.json or fma_stats.json"):
            stats_beside(tmp_path / checkpoint)


def test_weights_that_come_and_go_change_the_fingerprint(folder):
    folder.mkdir()
    seen = [weights.fingerprint()]
    for name in ("pretrained_msd.pt", WHEEL):
        (folder / name).write_bytes(b"1")
        seen.append(weights.fingerprint())
    (folder / WHEEL).write_bytes(b"other weights")
    seen.append(weights.fingerprint())
    assert len(set(seen)) == 4 and seen[0] == ""
    (folder / "notes.txt").touch()
    assert weights.fingerprint() == seen[-1], "only the encoders' own files count"


@pytest.mark.parametrize("name", ["musicfm", "musicnn"])
def test_a_named_encoder_without_weights_says_how_to_get_them(folder, name):
    with pytest.raises(ValueError, match=f"mer fetch {name}"):
        load_encoder(name)


# --- musicnn's, fetched


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder with a stand-in for the wheel; pip looks nowhere else."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    about = "musicnn-0.1.0.dist-info"
    with zipfile.ZipFile(folder / WHEEL, "w") as wheel:
        wheel.writestr("musicnn/__init__.py", "")
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: musicnn\nVersion: 0.1.0\n"
                       "Requires-Dist: nothing-of-this-name\n")  # fmt: skip
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    for name, value in (
        ("PIP_NO_INDEX", "1"),
        ("PIP_FIND_LINKS", str(folder)),
        ("PIP_CONFIG_FILE", "/dev/null"),
        ("MER_WEIGHTS", str(tmp_path / "weights")),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(weights, "WHEEL_SHA256", sha256(folder / WHEEL))
    return folder


def left(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.endswith(".lock"))


def test_it_is_fetched_once(shelf, tmp_path):
    path = fetch_musicnn()
    assert path == tmp_path / "weights" / WHEEL
    assert path.read_bytes() == (shelf / WHEEL).read_bytes()
    assert left(path.parent) == [WHEEL]
    (shelf / WHEEL).unlink()
    assert fetch_musicnn() == path


def test_the_command(shelf, tmp_path):
    done = CliRunner().invoke(main, ["fetch", "musicnn", str(tmp_path / "here")])
    assert done.exit_code == 0 and str(tmp_path / "here" / WHEEL) in done.output


def test_a_damaged_copy_is_fetched_again(shelf, tmp_path):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / WHEEL).write_bytes(b"cut off")
    assert sha256(fetch_musicnn()) == weights.WHEEL_SHA256


def test_another_file_of_that_name_is_not_kept(shelf, tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(FetchError, match="SHA-256 is .* not 000"):
        fetch_musicnn()
    assert left(tmp_path / "weights") == []


def test_nothing_to_be_had(shelf, tmp_path):
    (shelf / WHEEL).unlink()
    with pytest.raises(FetchError, match="No matching distribution.*check the network.*put it in"):
        fetch_musicnn()
    assert left(tmp_path / "weights") == []
    done = CliRunner().invoke(main, ["fetch", "musicnn"])
    assert done.exit_code == 2 and "check the network" in done.output


def test_no_pip(shelf, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\necho "{sys.executable}: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(FetchError, match="has no pip.*ensurepip.*another machine"):
        fetch_musicnn()


def test_a_folder_that_cannot_be(shelf, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="choose a folder"):
        fetch_musicnn(tmp_path / "file")


def test_two_at_once(shelf, tmp_path):
    code = (
        "from mer_utils.embed import weights as m; m.WHEEL_SHA256 = "
        f"{weights.WHEEL_SHA256!r}; print(m.fetch_musicnn(progress=False))"
    )
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=-1, text=True) for _ in "ab"]
    said = [process.communicate(timeout=120)[0].strip() for process in both]
    assert said == [str(tmp_path / "weights" / WHEEL)] * 2
    assert left(tmp_path / "weights") == [WHEEL]
