"""The whole study in small: synthesised clips, own ratings, musicnn without its weights."""

import json

import arms
import encoder_designs
import frozen_or_trained
import musicfm_arms
import numpy as np
import pandas as pd
import pytest
import sound
import soundfile
import time_musicfm
import torch
from own_folder import voices

from mer_utils.embed.musicnn import RATE, MusicNN, Network
from mer_utils.embed.synth import busy, calm
from mer_utils.results import kept


def untrained(layers="all"):
    torch.manual_seed(0)
    return MusicNN(Network(), layers, "no weights")


def small_data(home, n_items=16):
    """A folder of ratings and one of clips, 9.1 s each: three windows."""
    voices(home / "ratings", n_items=n_items, n_raters=6)
    (home / "clips").mkdir()
    for k, item in enumerate(pd.read_csv(home / "ratings" / "features.csv")["item"]):
        samples = (calm, busy)[k % 2](9.1, RATE)
        noise = np.random.default_rng(k).normal(size=len(samples)) * 0.01
        soundfile.write(home / "clips" / f"{item}.wav", samples * 0.9 + noise, RATE)


def study(home, out, *more):
    command = ["--clips", home / "clips", "--dataset", home / "ratings", "--out", home / out]
    small = "--folds 2 --epochs 1 --head-epochs 2 --seeds 1 --jobs 1 --small".split()
    frozen_or_trained.main([*map(str, command), *small, *map(str, more)])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of clips, ratings and tables."""
    home = tmp_path_factory.mktemp("study")
    small_data(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound, "load_musicnn", untrained)
        patch.setattr(arms, "load_musicnn", untrained)
        patch.setenv("MER_CACHE", str(home / "cache"))
        for out in ("tables", "again"):
            study(home, out)
        yield home


def test_every_arm_is_scored_beside_the_frozen_one(made):
    scores = kept("encoders", "scores", made / "tables")
    trained = {"frozen", "last", "all", "random", "small"}
    assert set(scores["arm"]) == trained | {
        "clip penultimate", "clip mean_pool", "clip max_pool", "clip log_mel"
    }  # fmt: skip
    assert set(scores["loss"]) == {"mse", "kld", "both"} and set(scores["judges"]) == {"own"}
    frozen = scores[scores["arm"].eq("frozen")].dropna()  # 20 clips: some ranks have no interval
    assert frozen["difference"].eq(0).all() and frozen["difference_high"].eq(0).all()
    assert not scores[scores["arm"].eq("all")]["difference"].eq(0).all()
    inside = scores["low"].le(scores["value"]) & scores["value"].le(scores["high"])
    assert inside[scores["value"].notna()].all()


def test_training_is_told(made):
    training = kept("encoders", "training", made / "tables").set_index("arm")
    assert training.loc["frozen", "weights"].eq(0).all()
    assert training.loc["last", "weights"].lt(training.loc["all", "weights"].iloc[0]).all()
    assert training.loc["small", "weights"].le(100_000).all()
    assert training["epochs"].eq(1).all() and training["epoch_seconds"].gt(0).all()


def test_frozen_and_trained_encoders_are_probed(made):
    probes = kept("", "probes", made / "tables")
    heard = {"tempo", "loudness range", "onset density", "spectral flux", "order", "nothing"}
    assert set(probes["property"]) == heard
    assert set(probes.loc[probes["layer"].eq("all"), "trained"]) == {"all layers trained"}
    assert {"frozen", "last layers trained", "small network"} <= set(probes["trained"].dropna())
    assert set(kept("", "null", made / "tables")["arm"]) == {"last", "all", "random", "small"}
    assert set(kept("", "pooling", made / "tables")["property"]) == {"quality"}


def test_a_second_run_takes_the_fits_from_the_cache(made):
    for name in ("scores", "training", "pooling", "probes", "null"):
        pd.testing.assert_frame_equal(
            kept("", name, made / "tables"), kept("", name, made / "again")
        )


def test_a_clip_that_is_missing_is_named(made, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(made / "cache"))
    with pytest.raises(ValueError, match="nobody.mp3: no such clip"):
        sound.sound_of(made / "clips", ["nobody"])


def test_the_same_command_trains_the_last_layers_of_musicfm(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    small_data(tmp_path, n_items=12)
    sizes = {"layers": 2, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
             "neighbours": 2}  # fmt: skip
    weights = {f"model.{k}": v for k, v in time_musicfm.random_weights(**sizes).items()}
    file = tmp_path / "tiny.pt"
    torch.save({"state_dict": weights}, file)
    means = {"melspec_2048_mean": time_musicfm.MEL_MEAN, "melspec_2048_std": time_musicfm.MEL_SD}
    (tmp_path / "stats.json").write_text(json.dumps(means))
    study(tmp_path, "tables", "--encoder", "musicfm", "--checkpoint", file, "--top", 1)
    scores, training = (kept("", name, tmp_path / "tables") for name in ("scores", "training"))
    assert set(scores["arm"]) == {"frozen", "last", "random"}
    counts = training.groupby("arm")["weights"].first()
    upper = musicfm_arms.upper(None, 0, file, 1, False)
    assert counts["last"] == counts["random"] == sum(p.numel() for p in upper.parameters())
    assert not scores[scores["arm"].eq("last")]["difference"].eq(0).all()


def test_it_runs_on_deam_s_excerpts(deam_root, tmp_path, monkeypatch):
    """Four songs: a smoke test, no result."""
    monkeypatch.setattr(sound, "load_musicnn", untrained)
    monkeypatch.setattr(arms, "load_musicnn", untrained)
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    # two of the four are of one artist: too few to split by artist
    monkeypatch.setattr(encoder_designs, "artist_groups", lambda artist: np.arange(len(artist)))
    command = ["--dataset", "deam", "--data", deam_root, "--clips", deam_root / "MEMD_audio",
               "--arms", "frozen", "last", "--only", "arms", "--out", tmp_path / "out"]  # fmt: skip
    small = "--losses mse --folds 2 --epochs 1 --head-epochs 1 --seeds 1 --jobs 1 --small".split()
    frozen_or_trained.main([*map(str, command), *small])
    scores = kept("", "scores", tmp_path / "out")
    assert set(scores["dimension"]) == {"valence", "arousal", "both"}
    assert {"frozen", "last", "clip log_mel"} <= set(scores["arm"])
    assert scores.loc[scores["score"].eq("r2"), "value"].notna().all()
