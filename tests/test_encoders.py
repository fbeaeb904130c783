"""Encoders: names, layers, and values that agree with the functions of the notebook."""

import numpy as np
import pytest
import torch

from mer_utils.audio import CLIPS
from mer_utils.embeddings import embed_clip
from mer_utils.encoders import MusicFMMeans, choose_layers, load_encoder


def test_logmel_gives_what_the_notebook_computes():
    clips = [CLIPS[name](2.0) for name in ("calm", "busy")]
    encoder = load_encoder("logmel")
    rows = encoder.embed(torch.from_numpy(np.stack(clips)))
    assert tuple(rows) == encoder.layers == ("mean", "sd")
    for i, clip in enumerate(clips):
        together = np.concatenate([rows["mean"][i], rows["sd"][i]])
        np.testing.assert_array_equal(together, embed_clip(clip))
    steps = encoder.sequence(torch.from_numpy(clips[0]))
    assert list(steps) == ["mean", "sd"] and steps["sd"].shape == (201, 128)
    np.testing.assert_allclose(steps["sd"].std(0), rows["sd"][0], rtol=1e-5)
    only = load_encoder("logmel", layers=("sd",))
    np.testing.assert_array_equal(only.embed(torch.from_numpy(clips[0][None]))["sd"][0],
                                  rows["sd"][0])  # fmt: skip


def test_layers_are_chosen_by_name_and_kept_in_order():
    names = ("0", "1", "2")
    assert choose_layers("last", names) == ("2",)
    assert choose_layers("last", names, default=("0",)) == ("0",)
    assert choose_layers("all", names) == names
    assert choose_layers(["2", "0"], names) == ("0", "2")
    assert choose_layers("1", names) == ("1",)
    with pytest.raises(ValueError, match="no layer '7': choose from 0, 1, 2"):
        choose_layers(["1", "7"], names)


@pytest.mark.parametrize(
    "given, message",
    [
        (dict(name="mfcc"), "unknown encoder 'mfcc': give one of musicfm, musicnn, logmel"),
        (dict(name="nowhere:load"), "nowhere:load: cannot be imported"),
        (dict(name="math:nothing"), "cannot be imported"),
        (dict(name="logmel", layers=("7",)), "no layer '7': choose from mean, sd"),
        (dict(name="logmel", dtype="bfloat16"), "--dtype float32"),
        (dict(name="logmel", checkpoint="x.pt"), "no weights"),
    ],
)
def test_wrong_requests_are_named(given, message):
    with pytest.raises(ValueError, match=message):
        load_encoder(**given)


def test_a_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="--device cpu"):
        load_encoder("logmel", device="cuda")
    assert load_encoder("logmel", device="auto").rate == 24_000


def test_musicfm_rows_are_means_over_tokens_of_the_layers_asked_for():
    class Model:
        device = torch.device("cpu")

        def hidden_states(self, waveforms, layers):
            tokens = torch.arange(waveforms.shape[1] // 1000, dtype=torch.float32)[None, :, None]
            return [tokens * layer + torch.ones(len(waveforms), 1, 4) for layer in layers]

    encoder = MusicFMMeans(Model(), ("1", "7"), "ab")
    rows = encoder.embed(torch.zeros(2, 5000))
    assert list(rows) == ["1", "7"] and rows["7"].shape == (2, 4)
    np.testing.assert_array_equal(rows["1"], np.full((2, 4), 1 + 2.0))
    np.testing.assert_array_equal(rows["7"], np.full((2, 4), 1 + 14.0))
    steps = encoder.sequence(torch.zeros(5000))
    assert list(steps) == ["1", "7"] and steps["7"].shape == (5, 4)
    np.testing.assert_array_equal(steps["7"][:, 0], [1, 8, 15, 22, 29])
