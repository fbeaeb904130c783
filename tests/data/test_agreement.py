"""Variance components and reliability: textbook values, known truth, and refusals."""

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from mer_utils.data.agreement import spearman_brown, variance_components

# Shrout & Fleiss (1979), table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
)


def test_textbook_values():
    song, rater = np.indices(SHROUT_FLEISS.shape).reshape(2, -1)
    v = variance_components(SHROUT_FLEISS.ravel(), song, rater)
    error = v["rater"] + v["residual"]
    printed = {"ICC(2,1)": 0.29, "ICC(2,4)": 0.62, "ICC(3,1)": 0.71}
    found = [v["song"] / (v["song"] + e) for e in (error, error / 4, v["residual"])]
    np.testing.assert_allclose(found, list(printed.values()), atol=0.006)


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


def test_components_recover_the_truth_in_an_unbalanced_table():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(60):
        song, rater, value = crossed(rng, 150, 40, (3, 12))
        v = variance_components(value, song, rater)
        found.append([v["song"], v["rater"], v["residual"]])
    mean, error = np.mean(found, axis=0), np.std(found, axis=0) / np.sqrt(60)
    assert (np.abs(mean - [1.0, 0.5, 1.2]) < 4 * error).all(), (mean, error)
    assert (error < 0.03).all(), "too noisy a test to fail"


def test_components_do_not_depend_on_names_order_or_origin():
    song, rater, value = crossed(np.random.default_rng(3), 40, 15, (3, 8))
    v = variance_components(value, song, rater)
    order = np.random.default_rng(4).permutation(len(value))
    w = variance_components(
        1e3 + value[order], song[order].astype(str), [f"w{int(r)}" for r in rater[order]]
    )
    for part in v:
        assert w[part] == pytest.approx(v[part], rel=1e-8)


def test_nested_raters_cannot_be_parted_from_residual():
    with pytest.raises(ValueError, match="cannot be told apart"):
        variance_components(np.arange(6.0), [0, 0, 0, 1, 1, 1], range(6))
    with pytest.raises(ValueError, match="2 songs"):
        variance_components([1.0, 2.0], [0, 0], [0, 1])
    with pytest.raises(ValueError, match="twice"):
        variance_components([1.0, 2, 3], [0, 0, 1], [0, 0, 0])


@given(st.floats(0, 1), st.floats(0.5, 10))
def test_spearman_brown_stays_in_range_and_undoes_itself(r, factor):
    more = spearman_brown(r, factor)
    assert 0 <= more <= 1 + 1e-12
    assert spearman_brown(more, 1 / factor) == pytest.approx(r, abs=1e-9)
