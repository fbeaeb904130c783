"""Draws on the clips: who teaches never judges, and no clip is scored by who learnt from it."""

import clips
import numpy as np

from mer_utils.data.musifeast import GROUPS, load_musifeast

SONGS = load_musifeast()


def test_in_a_round_each_group_is_in_each_place_once():
    for first in (0, 8):
        orders = np.array([clips.order_of(draw) for draw in range(first, first + 8)])
        for place in orders.T:
            assert sorted(place) == sorted(GROUPS)
        assert all(sorted(order) == sorted(GROUPS) for order in orders)
    assert clips.order_of(0) != clips.order_of(8)


def test_folds_score_each_clip_once_and_keep_artists_or_genres_apart():
    for apart, names in (("artist", SONGS.artist), ("genre", SONGS.genre)):
        scored = []
        for pool, test in clips.parts(SONGS, 3, apart):
            assert not set(names[pool]) & set(names[test])
            assert len(pool) + len(test) == len(SONGS)
            scored += test.tolist()
        assert sorted(scored) == list(range(len(SONGS)))


def test_the_budget_is_the_same_number_of_ratings():
    spent = [groups * n for groups, n in clips.BUDGET]
    assert max(spent) - min(spent) <= 4


def test_a_draw_predicts_every_clip_and_learns():
    cells = ((8, 40), (1, clips.FULL))
    found = clips.one_draw(0, cells, seeds=())
    assert set(np.unique(found["fold"])) == set(range(5))
    assert {name for name in found if name != "fold"} == {
        f"ridge:{g}:{n}:{part}" for g, n in cells for part in ("mu", "sigma")
    }
    mu = found[f"ridge:1:{clips.FULL}:mu"]
    assert mu.shape == (1, len(SONGS), 2) and np.isfinite(mu).all()
    assert np.corrcoef(mu[0, :, 1], SONGS.mean[:, 1])[0, 1] > 0.7, "arousal is easy"


def test_a_kept_draw_is_the_draw(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    cells = ((2, 60),)
    made = clips.one_draw(5, cells, seeds=())
    for _ in range(2):
        found = clips.kept(5, cells, seeds=())
        assert found.keys() == made.keys()
        for name, values in made.items():
            np.testing.assert_array_equal(found[name], values)
