"""Notebook 01: clips, averages over time, the trace of the order, layers and windows alike."""

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from matplotlib import pyplot as plt
from page_cells import run_cells
from sklearn.decomposition import PCA

from mer_utils.data.dataset import Dataset
from mer_utils.embed import synth
from mer_utils.embed.decode import RATE
from mer_utils.embed.encoders import load_encoder
from mer_utils.embed.musicnn import TAGS
from mer_utils.show import figures

PAGE = "notebooks/01_embeddings.ipynb"


def page(*ids, **names):
    return run_cells(PAGE, "imports", *ids, **names)


def logmel():
    return load_encoder("logmel", layers="all")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


# --- clips -------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Two songs of 8 s and 7 s."""
    for song, length in ((10, 8.0), (9, 7.0)):
        soundfile.write(tmp_path / f"{song}.wav", synth.busy(length), RATE)
    return tmp_path


def clips(**changes):
    asked = {"audio_dir": "", "dataset": "simulated", "data": "", "n_clips": 3, "seconds": 7.5}
    return page("clips", **asked | changes)


def test_clips_are_synthesised_where_there_is_no_audio(tmp_path):
    for where in ({}, {"dataset": "deam", "data": str(tmp_path)}):
        made = clips(seconds=6.0, **where)
        assert list(made["clips"]) == list(synth.CLIPS) and made["source"] == "synthesised"
        assert {len(clip) for clip in made["clips"].values()} == {6 * RATE}


def test_clips_are_real_where_there_is_audio(folder):
    made = clips(audio_dir=str(folder))
    assert made["source"] == "your audio"
    lengths = {name: len(clip) / RATE for name, clip in made["clips"].items()}
    assert lengths == {"song 9": 7.0, "song 10": 7.5}, "in the order of the numbers"
    (folder / "deam").mkdir()
    (folder / "deam" / "MEMD_audio").symlink_to(folder)
    made = clips(dataset="deam", data=str(folder / "deam"), n_clips=2)
    assert list(made["clips"]) == ["song 9", "song 10"] and made["source"] == "DEAM"


def test_clips_that_cannot_be_compared_are_refused(folder):
    with pytest.raises(ValueError, match="two clips of 6 s are needed"):
        clips(audio_dir=str(folder), n_clips=1)
    soundfile.write(folder / "8.wav", synth.busy(2.0), RATE)
    with pytest.raises(ValueError, match=r"too short are: \['song 8'\]"):
        clips(audio_dir=str(folder))


# --- from samples to one vector ----------------------------------------------------------------


def test_the_log_mel_of_the_page_is_that_of_the_encoder():
    clip = synth.busy(2.0)
    made = page("mel-run", RATE=RATE, clips={"busy": clip})
    assert made["frames"]["busy"].shape == (128, 201)
    wanted = logmel().sequence(torch.tensor(clip))["mean"].T
    np.testing.assert_allclose(made["frames"]["busy"], wanted, atol=1e-3)


def test_sound_is_resampled_to_the_rate_of_the_encoder():
    class Slow:
        rate = 16_000

    at_rate = page("steps-run", "pool-by-hand", RATE=RATE, network=logmel(), source="",
                   clips={"calm": synth.calm(1.0)})["at_rate"]  # fmt: skip
    assert at_rate(Slow, synth.calm(1.0)).shape == (16_000,)
    np.testing.assert_array_equal(at_rate(logmel(), synth.calm(1.0)), synth.calm(1.0))


def test_averages_are_what_the_encoder_embeds():
    encoder, clip = logmel(), torch.tensor(synth.busy(2.0))
    average = page("pool-run", steps={"busy": encoder.sequence(clip)}, usual="mean")["average"]
    wanted = encoder.embed(clip[None])
    assert set(wanted) == {"mean", "sd"}
    for layer, values in average(encoder.sequence(clip)).items():
        np.testing.assert_array_equal(values, wanted[layer][0])


def drawn_steps(*parts, **encoder):
    """The figure of steps, for clips with these steps of an encoder."""
    network = type("Network", (), {"name": "", "layers": tuple(parts[0])} | encoder)
    steps = {str(i): part for i, part in enumerate(parts)}
    names = {"np": np, "plt": plt, "figures": figures, "RATE": 1, "source": ""}
    names |= {"steps": steps, "clips": dict.fromkeys(steps, np.zeros(6)), "first": parts[0]}
    return run_cells(PAGE, "fig-steps", network=network, **names)


def test_the_finest_layer_has_most_steps_and_ties_go_to_the_usual_one():
    x = np.random.default_rng(0).normal(size=(9, 2))
    steps = {layer: x[:4] for layer in "012"}
    assert drawn_steps(steps, steps)["fine"] == "2"
    assert drawn_steps(steps | {"1": x}, steps)["fine"] == "1"
    assert drawn_steps(steps, steps, default_layer="0")["fine"] == "0"


def test_units_that_move_alike_are_drawn_beside_each_other():
    rng = np.random.default_rng(0)
    beat = rng.normal(size=200)
    units = np.c_[beat, -beat, beat, -beat] + 0.1 * rng.normal(size=(200, 4))
    made = drawn_steps({"x": units[:80]}, {"x": units[80:]})
    halves = made["most"][made["beside"]].reshape(2, 2)
    assert {tuple(sorted(half)) for half in halves.tolist()} == {(0, 2), (1, 3)}
    together = np.concatenate(made["drawn"])
    np.testing.assert_allclose(together.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(together.std(0), 1)
    assert [len(part) for part in made["drawn"]] == [80, 120]


def test_likeliest_tags_are_means_over_windows_and_only_a_tagger_has_them():
    class Tagger:
        rate, name = RATE, "musicnn"

        def windows(self, waveform):
            table = np.zeros((2, len(TAGS)))
            table[0, 3], table[:, 1] = 0.5, 0.75
            return {"tags": torch.tensor(table)}

    names = {"network": Tagger(), "clips": {"calm": synth.calm(1.0)}, "source": "",
             "at_rate": lambda ear, samples: samples}  # fmt: skip
    (row,) = page("tags", chosen="musicnn", **names)["likeliest"].itertuples(index=False)
    assert row[0] == "calm" and row[1].startswith(f"{TAGS[1]} 0.75, {TAGS[3]} 0.25, ")
    assert page("tags", chosen="logmel", **names)["likeliest"].empty


# --- order -------------------------------------------------------------------------------------


def test_a_shuffle_moves_whole_pieces_and_loses_the_rest():
    made = page("order-run", RATE=RATE, seed=0, clips={"a": np.zeros(RATE)})
    shuffle, made["RATE"] = made["shuffle"], 1
    pieces = shuffle(np.arange(23.0), 2).reshape(-1, 2)
    assert len(pieces) == 11 and (pieces[:, 1] - pieces[:, 0] == 1).all()
    assert sorted(pieces[:, 0]) == list(range(0, 22, 2)) != list(pieces[:, 0])


def ordered():
    """The cells about order, with two synthesised clips and no encoder but the log-mel."""
    names = {"clips": {"busy": synth.busy(6.0), "calm": synth.calm(6.0)}, "RATE": RATE}
    names |= {"network": logmel(), "usual": "mean", "seed": 0, "source": ""}
    return page("steps-run", "pool-run", "order-run", "order-table", **names)


def test_flipped_pieces_jump_and_keep_their_order_and_power():
    made, half = ordered(), RATE // 2
    assert made["turned"].tolist() == ([1] * half + [-1] * half) * 6
    clip = made["clips"]["calm"]
    frames, same = (logmel().sequence(torch.tensor(np.float32(x)))["mean"]
                    for x in (clip, clip * made["turned"]))  # fmt: skip
    inside = np.abs((np.arange(len(frames)) % 50) - 25) < 20  # the frames that meet no jump
    np.testing.assert_allclose(frames[inside], same[inside], atol=1e-3)
    table = made["order"].set_index(["encoder", "layer"])
    assert list(table.index) == [("logmel", "mean"), ("logmel", "sd")]


def test_order_is_counted_in_distances_to_the_nearest_other_clip():
    class Ear:
        def sequence(self, steps):
            return {"x": steps}

    still = {"a": [[0.0, 0], [0, 16]], "b": [[3.0, 0], [5, 0]], "c": [[0.0, 0], [0, 0]]}
    heard = {"fake": {clip: {"x": np.array(steps)} for clip, steps in still.items()}}
    made = ordered()
    made |= {"ears": {"fake": Ear()}, "heard": heard, "clips": still, "last": "c"}
    made["at_rate"] = lambda ear, steps: np.array(steps)
    table = made["order_table"]({"cut": [[0.0, 1], [0, 1]], "shuffled": [[4.0, 0], [0, 0]]})
    row = {"encoder": ["fake"], "layer": ["x"], "cut": [0.25], "shuffled": [0.5]}
    pd.testing.assert_frame_equal(table, pd.DataFrame(row), check_dtype=False)


# --- layers and windows ------------------------------------------------------------------------


def test_windows_average_stretches_of_three_seconds():
    steps = np.array([[0.0], [2], [4], [8]])
    heard = {"ear": {"one": {"a": steps, "sd": steps}, "two": {"a": 3 * steps, "sd": steps}}}
    clips = {"one": np.zeros(6 * RATE), "two": np.zeros(13 * RATE)}
    average = page("pool-run", steps={"a": {"mean": steps}}, usual="mean")["average"]
    windows = page("layers-run", heard=heard, clips=clips, RATE=RATE, average=average)["windows"]
    np.testing.assert_array_equal(windows["ear a"]["one"], [[1], [6]])
    np.testing.assert_array_equal(windows["ear sd"]["one"], [[1], [2]])
    np.testing.assert_array_equal(windows["ear a"]["two"], [[0], [6], [12], [24]])
    assert list(windows) == ["ear a", "ear sd"]


def test_layers_agree_with_themselves_and_with_any_stretched_copy():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 5))
    layers = {"x": x, "twice": 2 * x + 1, "other": rng.normal(size=(30, 5))}
    windows = {name: {"one": rows[:12], "two": rows[12:]} for name, rows in layers.items()}
    alike = page("layers-alike", windows=windows)["alike"]
    assert alike.loc["x", "x"] == pytest.approx(1) and alike.loc["x", "twice"] == pytest.approx(1)
    assert abs(alike.loc["x", "other"]) < 0.3
    pd.testing.assert_frame_equal(alike, alike.T)
    far = {
        "near": {"one": np.array([[0.0], [1], [3]])},
        "far": {"one": np.array([[0.0], [1], [9]])},
    }
    alike = page("layers-alike", windows=far)["alike"]
    assert alike.loc["near", "far"] == pytest.approx(1), "the order of the distances counts"


def test_nearest_windows_of_the_same_clip_are_counted():
    of = {"a": np.array([[0.0], [1], [10]]), "b": np.array([[10.4], [20], [20.5]])}
    apart = {"a": of["a"][:2], "b": of["b"][1:]}
    for windows, said in ((of, "4 of 6"), (apart, "4 of 4")):
        made = page("layers-alike", "windows-near", windows={"x": windows}, clips=of)
        assert made["same_clip"]("x") == said


# --- the map of songs --------------------------------------------------------------------------


def mapped(n=300, artists=None, target=None, n_features=60):
    """The cells that read ratings from a map, for songs with random features; one dimension."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(n, n_features)).astype(np.float32)
    target = 3 + 0.3 * features[:, :1] if target is None else target
    known = {"song_id": np.arange(n), "features": features, "feature_source": "drawn", "name": "x"}
    known |= {"rating_mean": target, "rating_sd": rng.uniform(0.5, 1, (n, 1)), "artist": artists}
    songs = Dataset(**known, scale=(1, 5), dimensions=("quality",))
    names = {"songs": songs, "seed": 0, "profile": "quick"}
    return page("scale-run", "map-run", "map-score", PCA=PCA, **names)


def test_few_songs_are_tested_once_each_apart_by_artist():
    artists = np.array([f"artist {i // 3}" for i in range(300)])
    made = mapped(artists=artists)
    assert len(made["splits"]) == 5
    assert sorted(made["tested"]) == list(range(300))
    for split in made["splits"]:
        seen = np.concatenate([split.train, split.validation])
        assert not set(artists[seen]) & set(artists[split.test])


def test_many_songs_have_one_split():
    made = mapped(n=1000)
    assert len(made["splits"]) == 1 and len(made["tested"]) == 150


def test_a_planted_line_is_read_and_noise_is_not():
    found = mapped(n=600, n_features=20)["result"].set_index(["coordinates", "target"])
    assert found.loc[(20, "mean of quality"), "R2"] > 0.95
    assert found.loc[(2, "mean of quality"), "R2"] < 0.4, "random features have no main direction"
    assert abs(found.loc[(20, "SD of quality"), "R2"]) < 0.05
    low, high = found.loc[(20, "SD of quality"), ["low", "high"]]
    assert low < high


def test_what_only_the_artist_tells_is_not_read():
    """Songs of an artist share features and ratings, and other artists say nothing of them."""
    rng = np.random.default_rng(1)
    artist = np.arange(400) // 4
    target = rng.normal(3, 0.5, (100, 1))[artist]
    rows = rng.normal(size=(100, 30))[artist].astype(np.float32)
    names = {"song_id": np.arange(400), "features": rows, "feature_source": "drawn", "name": "x"}
    names |= {"rating_mean": target, "rating_sd": target, "scale": (1, 5), "dimensions": ("q",)}
    apart = Dataset(**names, artist=artist.astype(str))
    mixed = Dataset(**names)
    cells = ("scale-run", "map-run", "map-score")
    r2 = [page(*cells, songs=songs, seed=0, profile="quick", PCA=PCA)["result"]["R2"].to_numpy()[1]
          for songs in (apart, mixed)]  # fmt: skip
    assert r2[0] < 0.1 < 0.15 < r2[1]
