"""The whole way: audio files, `mer embed` with every encoder, a store in DEAM, a study on it."""

import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner

from mer_utils import cli
from mer_utils.data.deam import load_deam
from mer_utils.data.feature_store import read_store
from mer_utils.data.load import load
from mer_utils.data.simulated_files import simulated_root
from mer_utils.model.experiment import Experiment
from mer_utils.model.run import run


def mer(*arguments):
    return CliRunner().invoke(cli.main, list(map(str, arguments)))


@pytest.fixture(scope="module")
def excerpts(deam_root):
    folder = deam_root / "MEMD_audio"
    assert sorted(path.stem for path in folder.iterdir()) == ["2", "3", "5", "8"]
    return folder


def embed_and_load(excerpts, deam_root, tmp_path, name, layers, widths, *options):
    """Embed the four excerpts into a copy of DEAM's ratings; check the store and each layer."""
    root = tmp_path / "deam"
    shutil.copytree(deam_root / "annotations", root / "annotations")
    store = root / "embeddings" / name
    command = ("embed", excerpts, store, "--encoder", name, "--layers", "all", *options)
    done = mer(*command)
    assert done.exit_code == 0, done.output + done.stderr
    assert "4 songs" in done.output
    table = pd.read_parquet(store).sort_values("song_id")
    assert table["song_id"].tolist() == ["2", "3", "5", "8"]
    assert table["seconds"].between(44.9, 45.0).all()
    assert [c for c in table if c.startswith("layer_")] == [f"layer_{layer}" for layer in layers]
    for layer, width in zip(layers, widths, strict=True):
        ids, features, _ = read_store(store, layer)
        assert features.shape == (4, width) and np.isfinite(features).all()
        assert len(np.unique(features, axis=0)) == 4, "four songs, four vectors"
        data = load_deam(root, features=f"{store}:{layer}")
        assert data.song_id.tolist() == [2, 3, 5, 8]
        assert np.array_equal(data.features, features)
    assert name in load_deam(root).feature_source  # found by itself
    return table


def test_logmel(excerpts, deam_root, tmp_path):
    embed_and_load(excerpts, deam_root, tmp_path, "logmel", ("mean", "sd"), (128, 128))


def test_musicnn(excerpts, deam_root, tmp_path, musicnn_weights, monkeypatch):
    monkeypatch.setenv("MER_WEIGHTS", str(musicnn_weights.parent))
    layers, widths = ("penultimate", "mean_pool", "max_pool"), (200, 753, 753)
    table = embed_and_load(excerpts, deam_root, tmp_path, "musicnn", layers, widths)
    assert table["checkpoint_sha256"].nunique() == 1


def test_musicfm(excerpts, deam_root, tmp_path, musicfm_root):
    """The small checkpoint in the released layout, and the released statistics' file name."""
    shutil.copy(musicfm_root / "tiny" / "pretrained_tiny.pt", tmp_path)
    shutil.copy(musicfm_root / "tiny" / "stats.json", tmp_path / "msd_stats.json")
    checkpoint = ("--checkpoint", tmp_path / "pretrained_tiny.pt")
    embed_and_load(
        excerpts, deam_root, tmp_path, "musicfm", ("0", "1", "2"), (64, 64, 64), *checkpoint
    )


def test_features_from_audio_go_through_the_study(tmp_path):
    """Sound whose level follows the arousal: the head learns it, and only from that layer."""
    root = simulated_root(n_songs=150, n_features=4, cache=tmp_path)
    shutil.copytree(root, tmp_path / "music")
    (tmp_path / "music" / "simulated.json").unlink()  # now a folder like any other
    shutil.rmtree(tmp_path / "music" / "embeddings")
    songs = load_deam(root)
    (tmp_path / "audio").mkdir()
    rng = np.random.default_rng(0)
    for song, mean in zip(songs.song_id, songs.rating_mean, strict=True):
        sound = rng.normal(0, 10 ** ((mean[1] - 9) / 8), 2_400)
        soundfile.write(tmp_path / "audio" / f"{song}.wav", np.clip(sound, -1, 1), 8_000)
    store = tmp_path / "music" / "embeddings" / "logmel"
    done = mer("embed", tmp_path / "audio", store, "--encoder", "logmel")
    assert done.exit_code == 0, done.output + done.stderr

    which = {"dataset": "deam", "data": str(tmp_path / "music")}
    loaded = load(**which)
    assert loaded.features.shape == (150, 128) and "logmel" in loaded.feature_source
    experiment = Experiment.of("quick", loss="mse", n_seeds=2, **which)
    result = run(experiment, progress=False)
    truth, guess = (result.test(v)[..., 1] for v in (songs.mean, result.mu.mean(axis=0)))
    assert np.corrcoef(truth, guess)[0, 1] > 0.8
    other = run(
        Experiment.of("quick", loss="mse", n_seeds=2, features=f"{store}:sd", **which),
        progress=False,
    )
    assert "layer sd" in other.songs.feature_source
    assert not np.array_equal(other.mu, result.mu)
