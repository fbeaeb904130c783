"""Which encoder is taken: the nearest to the paper whose files are all there."""

import pytest

from mer_utils import weights
from mer_utils.encoders import ENCODERS, load_encoder
from mer_utils.weights import WHEEL


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_WEIGHTS", str(tmp_path / "weights"))
    return tmp_path / "weights"


def test_the_best_encoder_whose_weights_are_all_there(folder):
    assert list(weights.FILES) == list(weights.TRAINED) == list(ENCODERS)
    assert weights.best_available() == "logmel", "a folder that is not there is empty"
    folder.mkdir()
    (folder / "pretrained_msd.pt").touch()
    assert weights.best_available() == "logmel", "statistics are missing"
    (folder / WHEEL).touch()
    assert weights.best_available() == "musicnn"
    (folder / "msd_stats.json").touch()
    assert weights.best_available() == "musicfm"


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


def test_an_encoder_is_described_with_its_weights(folder):
    said = weights.describe(load_encoder("logmel", layers="all"))
    assert said == "the log-mel spectrogram, a formula without weights; 2 layers"

    class Tagger:
        name, layers, checkpoint_sha256 = "musicnn", ("a", "b", "c"), "0123456789"

    assert "Million Song Dataset (weights with SHA-256 01234567...)" in weights.describe(Tagger)


@pytest.mark.parametrize("name", ["musicfm", "musicnn"])
def test_a_named_encoder_without_weights_says_how_to_get_them(folder, name):
    with pytest.raises(ValueError, match=f"mer fetch {name}"):
        load_encoder(name)
