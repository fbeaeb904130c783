"""Moments behind published means and SDs: recovered where the ratings are known."""

import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from musifeast17 import GROUPS, KEPT, SCALES, home, largest_difference, moments_of, targets

from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import sha256


def published(ratings):
    """Means and SDs, as the publication has them, of {clip: (n, scales) whole ratings}."""
    rows = {}
    for clip, table in ratings.items():
        row = {f"{s}_M": v for s, v in zip(SCALES, table.mean(0), strict=True)}
        row |= {f"{s}_SD": v for s, v in zip(SCALES, table.std(0, ddof=1), strict=True)}
        rows[clip] = row
    return pd.DataFrame(rows).T


def draw(seed, sizes=(3, 4, 5, 6)):
    rng = np.random.default_rng(seed)
    return {f"clip {i}": rng.integers(1, 6, (n, len(SCALES))) for i, n in enumerate(sizes * 20)}


@pytest.mark.parametrize("seed", range(3))
def test_numbers_of_listeners_sums_and_squares_come_back(seed):
    ratings = draw(seed)
    found = moments_of(published(ratings), "here")
    for clip, table in ratings.items():
        assert found.loc[clip, "n"] == len(table)
        for k, scale in enumerate(SCALES):
            assert found.loc[clip, f"{scale}_sum"] == table[:, k].sum()
            assert found.loc[clip, f"{scale}_sumsq"] == (table[:, k] ** 2).sum()


def test_a_mean_of_no_whole_ratings_is_named():
    table = published(draw(0))
    table.loc["clip 3", "valence_M"] += 1e-4
    with pytest.raises(DataError, match="here, clip clip 3: no number of listeners up to 12"):
        moments_of(table, "here")


def test_pooled_groups_are_held_against_the_whole():
    one, other = draw(1), draw(2)
    whole = published({clip: np.concatenate([one[clip], other[clip]]) for clip in one})
    groups = {name: moments_of(published(d), name) for name, d in {"a": one, "b": other}.items()}
    assert largest_difference(groups, whole) < 1e-12
    groups["a"].loc["clip 0", "arousal_sum"] += 1
    assert largest_difference(groups, whole) > 0.01


def test_the_kept_files_have_the_numbers_of_the_publication():
    ratings, clips = (pd.read_csv(home() / f"{name}.csv") for name in ("ratings", "clips"))
    n = ratings.groupby("clip")["n"].sum()
    assert (len(n), n.min(), n.median(), n.max(), n.sum()) == (356, 30, 34, 38, 11_884)
    assert ratings["n"].between(3, 6).all() and set(ratings["group"]) == set(GROUPS)
    assert clips["genre"].nunique() == 17 and clips["clip"].tolist() == n.index.tolist()
    for scale in KEPT:  # each sum and square is that of some whole ratings from 1 to 5
        total, square = ratings[f"{scale}_sum"], ratings[f"{scale}_sumsq"]
        assert ((total >= ratings["n"]) & (total <= 5 * ratings["n"])).all()
        assert (ratings["n"] * square >= total**2).all() and ((total - square) % 2 == 0).all()


def test_the_kept_files_give_what_was_published(musifeast17_root):
    whole = pd.read_csv(
        musifeast17_root / "MUSIFEAST17_all.csv", index_col="CLIP_NAME"
    ).sort_index()
    mean, sd = targets()
    for k, scale in enumerate(KEPT[:2]):
        np.testing.assert_allclose(mean[:, k], whole[f"{scale}_M"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(sd[:, k], whole[f"{scale}_SD"], rtol=0, atol=1e-12)


@given(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=7, unique=True))
def test_two_disjoint_panels_make_the_whole(some):
    table = pd.read_csv(home() / "ratings.csv")
    n, m = (table[table["group"].isin(some) == k].groupby("clip")["n"].sum() for k in (True, False))
    n, m = n.to_numpy()[:, None], m.to_numpy()[:, None]
    (a, s), (b, t) = targets(some), targets([group for group in GROUPS if group not in some])
    mean, sd = targets()
    np.testing.assert_allclose((n * a + m * b) / (n + m), mean)
    within, between = (n - 1) * s**2 + (m - 1) * t**2, n * m / (n + m) * (a - b) ** 2
    np.testing.assert_allclose(within + between, (n + m - 1) * sd**2)


def test_the_kept_embeddings_are_small_and_of_every_clip():
    table = pq.read_table(home() / "embeddings.parquet")
    assert table["clip"].to_pylist() == pd.read_csv(home() / "clips.csv")["clip"].tolist()
    values = np.stack(table["penultimate"].to_numpy())
    assert values.shape == (356, 200) and values.dtype == np.float16 and np.isfinite(values).all()
    assert table.schema.metadata[b"source"] == b"musicnn, layer penultimate, mean over time"
    assert (home() / "embeddings.parquet").stat().st_size < 10**6


def test_the_checksums_are_those_of_the_files():
    told = dict(re.findall(r"- `([\w.]+)`: ([0-9a-f]{64})", (home() / "README.md").read_text()))
    assert len(told) == 3
    assert all(sha256(home() / name) == digest for name, digest in told.items())
