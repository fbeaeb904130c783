"""What notebook 01 measures: clips, averages, the trace of the order, layers that agree."""

import numpy as np
import pandas as pd
import pytest
import soundfile

from mer_utils import audio, listen
from mer_utils.encoders import load_encoder
from mer_utils.musicnn import TAGS


@pytest.fixture
def folder(tmp_path):
    """Two songs of 8 s and 7 s."""
    for song, length in ((7, 8.0), (9, 7.0)):
        soundfile.write(tmp_path / f"{song}.wav", audio.busy(length), audio.RATE)
    return tmp_path


def test_clips_are_synthesised_where_there_is_no_audio(tmp_path):
    clips, source = listen.example_clips(seconds=6.0)
    assert list(clips) == list(audio.CLIPS) and source == "synthesised"
    assert {len(clip) for clip in clips.values()} == {6 * audio.RATE}
    assert listen.example_clips(dataset="deam", data=str(tmp_path))[1] == "synthesised"


def test_clips_are_real_where_there_is_audio(folder):
    clips, source = listen.example_clips(folder, seconds=7.5)
    assert source == "your audio"
    assert {n: len(c) / audio.RATE for n, c in clips.items()} == {"song 7": 7.5, "song 9": 7.0}
    (folder / "deam").mkdir()
    (folder / "deam" / "MEMD_audio").symlink_to(folder)
    clips, source = listen.example_clips(dataset="deam", data=str(folder / "deam"), n_clips=2)
    assert list(clips) == ["song 7", "song 9"] and source == "DEAM"


def test_clips_that_cannot_be_compared_are_refused(folder):
    with pytest.raises(ValueError, match="one audio file only"):
        listen.example_clips(folder, n_clips=1)
    soundfile.write(folder / "8.wav", audio.busy(2.0), audio.RATE)
    with pytest.raises(ValueError, match=r"8\.wav: 2\.0 s long; .* 6 s are needed"):
        listen.example_clips(folder)


def test_sound_is_resampled_to_the_encoders_rate():
    class Slow:
        rate = 16_000

    assert listen.at_rate(audio.calm(1.0), Slow).shape == (16_000,)
    np.testing.assert_array_equal(listen.at_rate(audio.calm(1.0), load_encoder("logmel")),
                                  audio.calm(1.0))  # fmt: skip


def test_averages_are_what_the_encoder_embeds():
    encoder, clip = load_encoder("logmel", layers="all"), audio.busy(2.0)
    wanted = encoder.embed(listen.at_rate(clip, encoder)[None])
    for layer, values in listen.averages(listen.steps_of(encoder, clip)).items():
        np.testing.assert_array_equal(values, wanted[layer][0])


def test_the_finest_layer_has_most_steps_and_ties_go_to_the_usual_one():
    class Tied:
        layers = ("0", "1", "2")

    steps = {layer: np.zeros((4, 2)) for layer in Tied.layers}
    assert listen.finest_layer(Tied, steps) == listen.usual_layer(Tied) == "2"
    assert listen.finest_layer(Tied, steps | {"1": np.zeros((9, 2))}) == "1"
    Tied.default_layer = "0"
    assert listen.finest_layer(Tied, steps) == "0"


def test_windows_average_stretches_of_time():
    steps = {"a": np.array([[0.0], [2], [4], [8]]), "sd": np.array([[0.0], [2], [4], [8]])}
    windows = listen.window_averages(steps, 2)
    np.testing.assert_array_equal(windows["a"], [[1], [6]])
    np.testing.assert_array_equal(windows["sd"], [[1], [2]])


def test_flipped_pieces_jump_and_keep_their_order_and_power():
    flipped = listen.flip_pieces(np.arange(1, 8.0), piece_seconds=2, rate=1)
    np.testing.assert_array_equal(flipped, [1, 2, -3, -4, 5, 6, -7])
    encoder, clip = load_encoder("logmel", layers=("mean",)), audio.busy(4.0)
    frames, same = (listen.steps_of(encoder, x)["mean"] for x in (clip, listen.flip_pieces(clip)))
    inside = np.abs((np.arange(len(frames)) % 50) - 25) < 20  # the frames that meet no jump
    np.testing.assert_allclose(frames[inside], same[inside], atol=1e-3)


def test_order_table_counts_in_distances_to_the_nearest_clip():
    vectors = {"a": {"x": np.zeros(2)}, "b": {"x": np.array([0.0, 8])},
               "c": {"x": np.array([4.0, 0])}}  # fmt: skip
    changed = {"cut": {"x": np.array([0.0, 1])}, "shuffled": {"x": np.array([2.0, 0])}}
    table = listen.order_table(vectors, changed, "a")
    expected = pd.DataFrame({"layer": ["x"], "cut": [0.25], "shuffled": [0.5]})
    pd.testing.assert_frame_equal(table, expected)


def test_layers_agree_with_themselves_and_with_any_stretched_copy():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 5))
    table = listen.agreement({"x": x, "twice": 2 * x + 1, "other": rng.normal(size=(30, 5))})
    assert table.loc["x", "x"] == table.loc["x", "twice"] == pytest.approx(1)
    assert abs(table.loc["x", "other"]) < 0.3
    pd.testing.assert_frame_equal(table, table.T)
    with pytest.raises(ValueError, match="longer clips"):
        listen.agreement({"x": x[:2]})


def test_restless_units_are_those_that_change_with_like_beside_like():
    rng = np.random.default_rng(0)
    beat = rng.normal(size=200)
    still = 0.01 * rng.normal(size=200)
    together = np.c_[beat, -beat, still, beat, -beat] + 0.1 * rng.normal(size=(200, 5))
    chosen = listen.restless_units([together[:80], together[80:]], count=4).tolist()
    assert {tuple(sorted(chosen[:2])), tuple(sorted(chosen[2:]))} == {(0, 3), (1, 4)}


def test_standardised_over_all_clips_together():
    parts = [np.array([[1.0, 5]]), np.array([[3.0, 5]])]
    np.testing.assert_array_equal(np.concatenate(listen.standardised(parts)), [[-1, 0], [1, 0]])


def test_nearest_neighbours_of_the_same_clip_are_counted():
    windows = {"a": np.array([[0.0], [1], [10]]), "b": np.array([[10.4], [20], [20.5]])}
    assert listen.same_clip_neighbours(windows) == (4, 6)


def test_top_tags_are_means_over_windows_and_only_a_tagger_has_them():
    class Tagger:
        rate = audio.RATE

        def tags(self, waveform):
            table = np.zeros((2, len(TAGS)))
            table[0, 3], table[:, 1] = 0.5, 0.75
            return table

    table = listen.top_tags(Tagger(), {"calm": audio.calm(1.0)}, count=2)
    assert table.values.tolist() == [["calm", f"{TAGS[1]} 0.75, {TAGS[3]} 0.25"]]
    assert listen.top_tags(load_encoder("logmel"), {"calm": audio.calm(1.0)}).empty
