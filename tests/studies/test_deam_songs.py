"""Learning curves: more songs teach more, and each song is scored by who never saw it."""

import deam_songs
import numpy as np

from mer_utils.data.dataset import Dataset
from mer_utils.model.training import Protocol


def songs(n=300):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    return Dataset(
        name="planted", song_id=np.arange(n), rating_mean=5 + np.tanh(x[:, :2]),
        rating_sd=1.5 + 0.5 * np.tanh(x[:, 2:4]), features=x, feature_source="planted",
        artist=np.array([f"a{i // 2}" for i in range(n)]),
    )  # fmt: skip


def test_more_songs_teach_more():
    data, fast = songs(), Protocol(epochs=3, hidden=8)
    reached = {}
    for n in (20, 240):
        found = deam_songs.one_draw(data, n, 0, seeds=[0], protocol=fast)
        assert sorted(np.unique(found["fold"])) == [0, 1, 2, 3, 4]
        assert {name.split(":")[0] for name in found} == {
            "fold", "ridge", "mse", "kld", "nll", "trees",
        }  # fmt: skip
        for artist in np.unique(data.artist):
            assert len(set(found["fold"][data.artist == artist])) == 1
        for learner in ("ridge", "trees"):
            sigma = found[f"{learner}:sigma"][0]
            reached[learner, n] = np.corrcoef(sigma[:, 0], data.sd[:, 0])[0, 1]
    for learner in ("ridge", "trees"):
        assert reached[learner, 240] > max(0.7, reached[learner, 20])


def test_a_kept_draw_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    made = []
    monkeypatch.setattr(
        deam_songs, "one_draw", lambda *which: made.append(which) or {"fold": np.zeros(2)}
    )
    data = songs(40)
    source = deam_songs.kept_draw
    monkeypatch.setattr(deam_songs, "kept_draw", lambda n, d, f, make: source(n, d, (), make))
    for _ in range(2):
        assert list(deam_songs.kept(data, 20, 1)) == ["fold"]
    assert len(made) == 1 and made[0][1:] == (20, 1)
