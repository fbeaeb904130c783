"""Clip averages and the features of MIRtoolbox."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from paper_heads import clip_features, heads, mir_features

from mer_utils.data.csv_tables import DataError
from mer_utils.model.splits import Split


def test_clip_features_are_averages_over_windows():
    rng = np.random.default_rng(0)
    sound = SimpleNamespace(
        clip=("a", "b"), log_mel=rng.random((2, 3, 187, 96), np.float32),
        tokens=rng.random((2, 3, 17, 753), np.float32).astype(np.float16),
        largest=rng.random((2, 3, 753), np.float32),
        penultimate=rng.random((2, 3, 200), np.float32),
    )  # fmt: skip
    found = clip_features(sound)
    assert {name: x.shape[1] for name, x in found.items()} == {
        "penultimate": 200, "mean_pool": 753, "max_pool": 753, "log_mel": 192
    }  # fmt: skip
    np.testing.assert_allclose(found["max_pool"], sound.largest.mean(1))
    np.testing.assert_allclose(found["log_mel"][:, :96], sound.log_mel.mean((1, 2)), rtol=1e-5)


def test_mirtoolbox_is_read_by_clip(tmp_path):
    table = pd.DataFrame({"filename": ["b.mp3", "a.mp3", "c.mp3"], "x": [1.0, 2.0, 3.0],
                          "y": [5.0, np.nan, 7.0]})  # fmt: skip
    table.to_csv(tmp_path / "mir.csv", index=False)
    found = mir_features(tmp_path / "mir.csv", ("a", "b"))
    np.testing.assert_array_equal(found[:, 0], [2, 1])
    assert found[0, 1] == 5  # the mean of what is known
    with pytest.raises(DataError, match="has no clip d"):
        mir_features(tmp_path / "mir.csv", ("a", "d"))
    with pytest.raises(DataError, match="MUSIFEAST17-audio"):
        mir_features(tmp_path / "none.csv", ("a",))


def test_heads_learn_what_the_vectors_say():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 5)).astype(np.float32)
    mean, sd = 0.4 * np.tanh(x[:, :1]), 0.4 + 0.1 * np.tanh(x[:, 1:2])
    half = np.arange(150)
    splits = (
        Split(half, half[:40] + 150, half[40:] + 150),
        Split(half + 150, half[:40], half[40:]),
    )
    songs = SimpleNamespace(mean=mean)
    design = SimpleNamespace(songs=songs, splits=splits, taught=((mean, sd),) * 2)
    mu, sigma = heads(x, design, "mse", range(2))
    assert mu.shape == sigma.shape == (2, 300, 1)
    rows = np.concatenate([split.test for split in splits])
    for said, truth in ((mu, mean), (sigma, sd)):
        assert np.corrcoef(said.mean(0)[rows, 0], truth[rows, 0])[0, 1] > 0.9
