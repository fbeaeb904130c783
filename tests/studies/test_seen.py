"""Reliability over items and people: by hand, and against new people and new songs (simulated)."""

import numpy as np
import pandas as pd
import pytest
from everywhere import of_matrix, repeats_table, seen_table
from seen import Seen, drawn, left_out, noise_share, with_error

from mer_utils.ceiling.reliability import Panels


def ratings_of(rng, songs=60, people=40, differ=0.4, own=0.3):
    """Songs x people: songs differ in spread (``own``), and people in theirs (``differ``)."""
    song = np.exp(own * rng.standard_normal((songs, 1)))
    return (
        song * np.exp(differ * rng.standard_normal(people)) * rng.standard_normal((songs, people))
    )


def seen_of(values, n=8, n_draws=40, groups=None):
    k = values.shape[1]
    each = np.arange(k) if groups is None else np.array_split(np.arange(k), groups)
    without = [drawn(values, n, n_draws, without=j) for j in each]
    mean, sd = drawn(values, n, n_draws)
    return Seen("a", "b", n, f"{k}", (1, 9), mean, sd, np.arange(len(values)), without)


def sd_reliability(mean, sd, weights):
    return sd.reliability(weights)


def test_the_noise_share_by_hand():
    a, b = np.array([[1.0, 2, 3, 4]]), np.array([[2.0, 1, 4, 3]])
    shared = np.mean((a - 2.5) * (b - 2.5))
    assert noise_share(Panels(a, b)) == pytest.approx((1.25 - shared) / np.mean(a**2))
    twice = noise_share(Panels(a, b), np.full((3, 4), 2.0))
    np.testing.assert_allclose(twice, noise_share(Panels(a, b)))


def test_intervals_hold_the_truth_for_new_songs_and_new_people():
    rng, held, only_items = np.random.default_rng(0), [], []
    truth = np.mean([
        drawn(ratings_of(rng, 4000, 40), 8, 8, seed=k)[1].reliability() for k in range(30)
    ])  # fmt: skip
    for _ in range(40):
        value, items, people = with_error(seen_of(ratings_of(rng), groups=10), sd_reliability, 200)
        held.append(abs(value - truth) <= 1.96 * np.hypot(items, people))
        only_items.append(items)
    assert np.mean(held) >= 0.9
    assert np.mean(only_items) > 0


def test_people_count_where_they_differ():
    rng = np.random.default_rng(1)
    alike, differ = (
        np.mean([with_error(seen_of(ratings_of(rng, differ=d), groups=10), sd_reliability, 50)[2]
                 for _ in range(8)])
        for d in (0.0, 0.7)
    )  # fmt: skip
    assert differ > 1.3 * alike


def test_a_person_left_out_sits_nowhere_and_moves_nobody_else():
    values = np.arange(60.0).reshape(3, 20) ** 1.5
    values[:, 4] = 1e6
    mean, _ = drawn(values, 5, 30, without=4)
    assert mean.first.max() < 1e3 and mean.second.max() < 1e3
    full = drawn(values, 5, 30)[0]
    same = full.first == mean.first  # songs in which that person sat in no panel
    assert 0.3 < same.mean() < 0.9


def test_all_people_at_once_are_each_person_alone():
    values = np.random.default_rng(3).normal(size=(7, 14))
    values[2, 5] = np.nan
    for j, pair in enumerate(left_out(values, 4, 5)):
        for both, alone in zip(pair, drawn(values, 4, 5, without=j), strict=True):
            np.testing.assert_allclose(both.first, alone.first, atol=1e-5)
            np.testing.assert_allclose(both.second, alone.second, atol=1e-5)


def test_a_table_of_single_raters():
    rng = np.random.default_rng(2)
    values = pd.DataFrame(ratings_of(rng, 30, 12)).rename_axis("song_id").reset_index()
    table = values.melt("song_id", var_name="rater", value_name="valence")
    table = table[
        ~(table["song_id"].eq(3) & table["rater"].ge(8))
    ]  # eight raters: too few for 2 x 4
    found = of_matrix("a", "valence", table, 4, (1, 9), n_draws=6)
    assert found.mean.first.shape == (6, 29) and len(found.without) == 12
    rows = seen_table([found]).set_index("statistic")
    assert list(rows.index) == ["mean", "sd", "noise"]
    assert rows.loc["sd", "value"] == pytest.approx(found.sd.reliability())
    assert (rows["low"] < rows["value"]).all() and (rows["people_error"] >= 0).all()
    assert rows["items"].eq(29).all()


def test_repeats_of_real_listeners(many_raters_root):
    table = repeats_table(many_raters_root, n_resamples=50).set_index("dimension")
    assert table.loc["valence", "share"] == pytest.approx(0.10, abs=0.01)
    assert table.loc["arousal", "share"] == pytest.approx(0.15, abs=0.01)
    assert (table["low"] < table["share"]).all() and (table["share"] < table["high"]).all()
