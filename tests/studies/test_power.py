"""Power: a draw is reproducible and finds what is there."""

import pandas as pd
from power import one_draw

from mer_utils.controls.data import simulated_control
from mer_utils.model.experiment import Experiment
from mer_utils.model.training import Protocol

FAST = Protocol(epochs=15, hidden=32, batch_size=16, learning_rate=5e-3, dropout=0.2)


def test_a_draw_is_reproducible_and_finds_a_strong_signal(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    songs = simulated_control("deam_like", 10, n_songs=400, n_features=20, cache=tmp_path)
    tiny = Experiment(n_seeds=1, n_folds=2, protocol=FAST)
    options = {"ensemble": 2, "n_resamples": 50, "spread": (0.5, 0.5)}
    one, again = (one_draw(songs, 1.0, 3, tiny, **options) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    mse = one.query("method == 'mse' and against == 'raters'")
    assert mse["detected"].all() and (mse["n_seeds"] == 1).all()
    other = one_draw(songs, 1.0, 4, tiny, **options)
    assert (other["value"] != one["value"]).any()
    assert not (tmp_path / "cache" / "experiments").exists(), "draws are not kept"
