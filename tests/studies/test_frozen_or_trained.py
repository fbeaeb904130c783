"""The whole study in small: synthesised clips, own ratings, musicnn without its weights."""

import arms
import frozen_or_trained
import numpy as np
import pandas as pd
import pytest
import sound
import soundfile
import torch
from own_folder import voices

from mer_utils.embed.musicnn import RATE, MusicNN, Network
from mer_utils.embed.synth import busy, calm
from mer_utils.results import kept


def untrained(layers="all"):
    torch.manual_seed(0)
    return MusicNN(Network(), layers, "no weights")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders of clips, ratings and tables."""
    home = tmp_path_factory.mktemp("study")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sound, "load_musicnn", untrained)
        patch.setattr(arms, "load_musicnn", untrained)
        patch.setenv("MER_CACHE", str(home / "cache"))
        voices(home / "ratings", n_items=20, n_raters=6)
        (home / "clips").mkdir()
        for k, item in enumerate(pd.read_csv(home / "ratings" / "features.csv")["item"]):
            samples = (calm, busy)[k % 2](6.1, RATE)
            noise = np.random.default_rng(k).normal(size=len(samples)) * 0.01
            soundfile.write(home / "clips" / f"{item}.wav", samples * 0.9 + noise, RATE)
        command = ["--clips", home / "clips", "--dataset", home / "ratings", "--folds", "2",
                   "--epochs", "1", "--head-epochs", "2", "--seeds", "1"]  # fmt: skip
        for out in ("tables", "again"):
            frozen_or_trained.main([*map(str, command), "--out", str(home / out)])
        yield home


def test_every_arm_is_scored_beside_the_frozen_one(made):
    scores = kept("encoders", "scores", made / "tables")
    trained = {"frozen", "last", "all", "random", "small"}
    assert set(scores["arm"]) == trained | {
        "clip penultimate", "clip mean_pool", "clip max_pool", "clip log_mel"
    }  # fmt: skip
    assert set(scores["loss"]) == {"mse", "kld"} and set(scores["judges"]) == {"own"}
    frozen = scores[scores["arm"].eq("frozen")]
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


def test_a_second_run_takes_the_fits_from_the_cache(made):
    for name in ("scores", "training"):
        pd.testing.assert_frame_equal(
            kept("", name, made / "tables"), kept("", name, made / "again")
        )


def test_a_clip_that_is_missing_is_named(made, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(made / "cache"))
    with pytest.raises(ValueError, match="nobody.mp3: no such clip"):
        sound.sound_of(made / "clips", ["nobody"])
