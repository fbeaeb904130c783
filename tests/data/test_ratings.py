"""Targets from ratings, the bound on the SD, and the quadratic."""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from mer_utils.data import ratings


def long(matrix_v, matrix_a=None, raters=None):
    """Long table from (n_songs, n_raters) matrices; NaN cells are left out."""
    v = np.asarray(matrix_v, dtype=float)
    a = v if matrix_a is None else np.asarray(matrix_a, dtype=float)
    song, rater = np.nonzero(np.isfinite(v))
    return pd.DataFrame({
        "song_id": song + 1, "rater": rater, "valence": v[song, rater], "arousal": a[song, rater]
    })  # fmt: skip


def test_targets_by_hand():
    table = long([[1, 3, 5], [9, 9, np.nan]], [[2, 2, 2], [1, 9, np.nan]])
    targets = ratings.targets_from_ratings(table.sample(frac=1, random_state=0))
    assert targets.song_id.tolist() == [1, 2] and targets.n_raters.tolist() == [3, 2]
    np.testing.assert_allclose(targets.rating_mean, [[3, 2], [9, 5]])
    np.testing.assert_allclose(targets.rating_sd, [[np.sqrt(8 / 3), 0], [0, 4]])
    one = ratings.targets_from_ratings(table, ddof=1)
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
        ratings.targets_from_ratings(change(long([[1, 2, 3]])))


def test_one_rater_has_no_sample_sd():
    with pytest.raises(ValueError, match="song 1 has too few raters for ddof=1"):
        ratings.targets_from_ratings(long([[4], [5]]), ddof=1)


@given(arrays(float, st.integers(2, 30), elements=st.integers(1, 9).map(float)))
def test_no_ratings_pass_the_bound(values):
    assert values.std() <= ratings.sd_bound(values.mean()) + 1e-9


def test_the_bound_is_reached_at_the_two_ends():
    for high in range(11):
        values = np.r_[np.full(high, 9.0), np.full(10 - high, 1.0)]
        assert ratings.sd_bound(values.mean()) == pytest.approx(values.std())
    with pytest.raises(ValueError, match="outside 1 to 9"):
        ratings.sd_bound([5.0, 0.5])


def test_quadratic_r2():
    rng = np.random.default_rng(1)
    mean = rng.uniform(2, 8, 500)
    curve = 2 - 0.1 * (mean - 5) ** 2
    assert ratings.quadratic_r2(mean, curve) == pytest.approx(1)
    noisy = curve + rng.normal(0, curve.std(), 500)
    both = ratings.quadratic_r2(np.c_[mean, mean], np.c_[noisy, rng.normal(size=500)])
    assert both[0] == pytest.approx(0.5, abs=0.07) and 0 <= both[1] < 0.03
