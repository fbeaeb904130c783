"""Statistics of ratings: textbook values, known truth, and refusals."""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from mer_utils import ratings as R


def long(matrix_v, matrix_a=None, raters=None):
    """Long table from (n_songs, n_raters) matrices; NaN cells are left out."""
    v = np.asarray(matrix_v, dtype=float)
    a = v if matrix_a is None else np.asarray(matrix_a, dtype=float)
    song, rater = np.nonzero(np.isfinite(v))
    return pd.DataFrame({
        "song_id": song + 1, "rater": rater, "valence": v[song, rater], "arousal": a[song, rater]
    })  # fmt: skip


# Shrout & Fleiss (1979), table 2: six targets, four judges. Their 10 is outside 1-9, and every
# coefficient is blind to shift and unit, so they are squeezed into 1-9.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


@pytest.fixture
def textbook():
    return long(SHROUT_FLEISS * 0.8 + 1)


def crossed(rng, n_songs, n_raters, per_song, song=1.0, rater=0.5, noise=1.2):
    """Ratings (not rounded) with known variance components and unbalanced empty cells."""
    s = rng.normal(0, song**0.5, n_songs)
    r = rng.normal(0, rater**0.5, n_raters)
    rows = []
    popularity = rng.dirichlet(np.full(n_raters, 0.5)) * 0.8 + 0.2 / n_raters
    for i in range(n_songs):
        k = int(rng.integers(per_song[0], per_song[1] + 1))
        who = rng.choice(n_raters, k, replace=False, p=popularity)
        rows.append(np.c_[np.full(k, i), who, s[i] + r[who] + rng.normal(0, noise**0.5, k)])
    return np.concatenate(rows).T


def test_targets_by_hand():
    table = long([[1, 3, 5], [9, 9, np.nan]], [[2, 2, 2], [1, 9, np.nan]])
    targets = R.targets_from_ratings(table.sample(frac=1, random_state=0))
    assert targets.song_id.tolist() == [1, 2] and targets.n_raters.tolist() == [3, 2]
    np.testing.assert_allclose(targets.rating_mean, [[3, 2], [9, 5]])
    np.testing.assert_allclose(targets.rating_sd, [[np.sqrt(8 / 3), 0], [0, 4]])
    one = R.targets_from_ratings(table, ddof=1)
    np.testing.assert_allclose(one.rating_sd, [[2, 0], [0, np.sqrt(32)]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="rater"), "lack the columns"),
        (lambda t: t.iloc[:0], "empty"),
        (lambda t: t.assign(valence=10), r"song 1, rater 0.*mend or drop"),
        (lambda t: t.assign(arousal=np.nan), "3 arousal ratings"),
        (lambda t: t.assign(valence="nice"), "'nice'"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "rated song 1 twice"),
    ],
)
def test_bad_tables_are_refused_with_the_row(change, message):
    with pytest.raises(ValueError, match=message):
        R.targets_from_ratings(change(long([[1, 2, 3]])))


def test_one_rater_has_no_sample_sd():
    with pytest.raises(ValueError, match="song 1 has too few raters for ddof=1"):
        R.targets_from_ratings(long([[4], [5]]), ddof=1)


@given(arrays(float, st.integers(2, 30), elements=st.integers(1, 9).map(float)))
def test_no_ratings_pass_the_bound(values):
    assert values.std() <= R.sd_bound(values.mean()) + 1e-9


def test_the_bound_is_reached_at_the_two_ends():
    for high in range(11):
        values = np.r_[np.full(high, 9.0), np.full(10 - high, 1.0)]
        assert R.sd_bound(values.mean()) == pytest.approx(values.std())
    with pytest.raises(ValueError, match="outside 1 to 9"):
        R.sd_bound([5.0, 0.5])


def test_quadratic_r2():
    rng = np.random.default_rng(1)
    mean = rng.uniform(2, 8, 500)
    curve = 2 - 0.1 * (mean - 5) ** 2
    assert R.quadratic_r2(mean, curve) == pytest.approx(1)
    noisy = curve + rng.normal(0, curve.std(), 500)
    both = R.quadratic_r2(np.c_[mean, mean], np.c_[noisy, rng.normal(size=500)])
    assert both[0] == pytest.approx(0.5, abs=0.07) and 0 <= both[1] < 0.03


def test_icc_textbook_values(textbook):
    row = R.icc(textbook).loc["valence"]
    printed = {"icc1": 0.17, "icc21": 0.29, "icc31": 0.71, "icc1k": 0.44, "icc2k": 0.62}
    for name, value in printed.items():
        assert row[name] == pytest.approx(value, abs=0.006), name
    assert row["k"] == 4


def test_components_recover_the_truth_in_an_unbalanced_table():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(60):
        song, rater, value = crossed(rng, 150, 40, (3, 12))
        v = R.variance_components(value, song, rater)
        found.append([v["song"], v["rater"], v["residual"]])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(60)
    assert (np.abs(mean - [1.0, 0.5, 1.2]) < 4 * error).all(), (mean, error)
    assert (error < 0.03).all(), "too noisy a test to fail"


def test_components_do_not_depend_on_names_order_or_origin():
    song, rater, value = crossed(np.random.default_rng(3), 40, 15, (3, 8))
    v = R.variance_components(value, song, rater)
    order = np.random.default_rng(4).permutation(len(value))
    w = R.variance_components(
        1e3 + value[order], song[order].astype(str), [f"w{int(r)}" for r in rater[order]]
    )
    for part in v:
        assert w[part] == pytest.approx(v[part], rel=1e-8)


def test_nested_raters_cannot_be_parted_from_residual():
    with pytest.raises(ValueError, match="cannot be told apart"):
        R.variance_components(np.arange(6.0), [0, 0, 0, 1, 1, 1], range(6))
    with pytest.raises(ValueError, match="2 songs"):
        R.variance_components([1.0, 2.0], [0, 0], [0, 1])
    with pytest.raises(ValueError, match="twice"):
        R.variance_components([1.0, 2, 3], [0, 0, 1], [0, 0, 0])


def test_alpha_of_agreement_chance_and_opposition():
    rng = np.random.default_rng(5)
    agree = np.repeat(rng.integers(1, 10, (200, 1)), 6, axis=1)
    np.testing.assert_allclose(R.krippendorff_alpha(long(agree)), 1)
    chance = R.krippendorff_alpha(long(rng.integers(1, 10, (400, 6))))
    assert (np.abs(chance) < 0.05).all()
    opposite = np.tile([1, 9], (50, 1))
    assert (R.krippendorff_alpha(long(opposite)) < 0).all()
    with pytest.raises(ValueError, match="whole numbers"):
        R.krippendorff_alpha(long([[1.5, 2.0]]))


def test_alpha_is_close_to_the_nested_icc():
    # Interval alpha and ICC(1) estimate the same ratio in a large table without rater effects.
    rng = np.random.default_rng(6)
    values = np.clip(np.round(rng.normal(5, 1.2, (600, 1)) + rng.normal(0, 1.2, (600, 8))), 1, 9)
    table = long(values)
    assert R.krippendorff_alpha(table)[0] == pytest.approx(R.icc(table)["icc1"].iloc[0], abs=0.01)


def test_split_half_of_the_mean_matches_theory():
    rng = np.random.default_rng(7)
    true = rng.normal(5, 0.8, (800, 1))
    table = long(np.clip(true + rng.normal(0, 1.0, (800, 10)), 1, 9))
    halves = R.split_half_reliability(table, "mean", 20, seed=1)
    expected = 0.64 / (0.64 + 1 / 5)
    assert halves.shape == (20, 2)
    assert halves.mean() == pytest.approx(expected, abs=0.02)
    assert R.spearman_brown(halves.mean()) == pytest.approx(0.64 / (0.64 + 1 / 10), abs=0.02)


def test_split_half_of_the_sd_is_zero_when_songs_do_not_differ_in_sd():
    rng = np.random.default_rng(8)
    table = long(np.clip(rng.normal(5, 1, (800, 11)), 1, 9))
    same = R.split_half_reliability(table, "sd", 20, seed=1)
    assert abs(same.mean()) < 0.04
    spread = long(np.clip(5 + rng.uniform(0.1, 1.2, (800, 1)) * rng.normal(0, 1, (800, 11)), 1, 9))
    assert R.split_half_reliability(spread, "sd", 20, seed=1).mean() > 0.5


def test_split_half_is_repeatable_and_refuses_small_songs():
    table = long(np.random.default_rng(9).integers(1, 10, (20, 5)))
    a, b = (R.split_half_reliability(table, "sd", 3, seed=4) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match=r"4 raters on each; too few on 20 songs"):
        R.split_half_reliability(table[table.rater < 3], "sd")
    with pytest.raises(ValueError, match="statistic must be"):
        R.split_half_reliability(table, "std")


@given(st.floats(0, 1), st.floats(0.5, 10))
def test_spearman_brown_stays_in_range_and_undoes_itself(r, factor):
    more = R.spearman_brown(r, factor)
    assert 0 <= more <= 1 + 1e-12
    assert R.spearman_brown(more, 1 / factor) == pytest.approx(r, abs=1e-9)


def test_bootstrap_keeps_whole_songs():
    table = long([[1, 1, 1], [5, 5, 5], [9, 9, 9]])
    draws = R.bootstrap_songs(table, lambda t: t.groupby("song_id").valence.std().max(), 20)
    np.testing.assert_array_equal(draws, 0)
    means = R.bootstrap_songs(table, lambda t: t.valence.mean(), 20, seed=3)
    assert means.std() > 0.5
    np.testing.assert_array_equal(
        means, R.bootstrap_songs(table, lambda t: t.valence.mean(), 20, 3)
    )
