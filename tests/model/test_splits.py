"""Splits: nobody twice, nobody lost, artists on one side, each seed its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_utils.model.splits import Split, artist_groups, folds, holdout

SIDES = ("train", "validation", "test")


def sides(split):
    return [getattr(split, side) for side in SIDES]


def random_groups(n, seed):
    return np.random.default_rng(seed).integers(0, max(12, n // 3), n)


@settings(deadline=None)
@given(st.integers(40, 400), st.integers(0, 10**6), st.booleans())
def test_every_song_is_on_exactly_one_side(n, seed, grouped):
    groups = random_groups(n, seed) if grouped else None
    for split in [holdout(n, seed, groups=groups), *folds(n, seed, groups=groups)]:
        np.testing.assert_array_equal(np.sort(np.concatenate(sides(split))), np.arange(n))
        if grouped:
            of_side = [set(groups[side]) for side in sides(split)]
            assert not (of_side[0] & of_side[1] or of_side[0] & of_side[2])
            assert not of_side[1] & of_side[2]


@settings(deadline=None)
@given(st.integers(40, 400), st.integers(0, 10**6), st.integers(2, 8), st.booleans())
def test_folds_test_every_song_exactly_once(n, seed, n_folds, grouped):
    groups = random_groups(n, seed) if grouped else None
    cuts = folds(n, seed, n_folds=n_folds, groups=groups)
    assert len(cuts) == n_folds
    np.testing.assert_array_equal(np.sort(np.concatenate([c.test for c in cuts])), np.arange(n))


@settings(deadline=None)
@given(st.integers(40, 2000), st.integers(0, 10**6))
def test_shares_are_as_announced_to_within_two_songs(n, seed):
    shares = [len(side) for side in sides(holdout(n, seed))]
    np.testing.assert_allclose(shares, np.array([0.7, 0.15, 0.15]) * n, atol=2)
    for split in folds(n, seed):
        shares = [len(side) for side in sides(split)]
        np.testing.assert_allclose(shares, np.array([0.65, 0.15, 0.2]) * n, atol=2)


def test_shares_of_groups_hold_on_average():
    n = 1744
    shares = np.mean(
        [
            [len(side) / n for side in sides(holdout(n, seed, groups=random_groups(n, seed)))]
            for seed in range(10)
        ],
        axis=0,
    )
    np.testing.assert_allclose(shares, [0.7, 0.15, 0.15], atol=0.02)


def test_other_shares():
    split = holdout(1000, 0, validation=0.3, test=0.5)
    np.testing.assert_allclose([len(side) for side in sides(split)], [200, 300, 500], atol=1)


def test_the_seed_decides_and_songs_are_mixed():
    a, b, c = holdout(200, 3), holdout(200, 3), holdout(200, 4)
    for side in SIDES:
        np.testing.assert_array_equal(getattr(a, side), getattr(b, side))
        assert set(getattr(a, side)) != set(getattr(c, side))
    assert not np.array_equal(a.test, np.arange(len(a.test)))
    tests = [np.concatenate([f.test for f in folds(200, seed)]) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(tests[0], tests[1])
    assert not np.array_equal(tests[0], tests[2])
    # over many seeds each song is tested about as often as any other
    counts = np.bincount(np.concatenate([holdout(60, s).test for s in range(400)]), minlength=60)
    assert counts.min() > 60 - 5 * np.sqrt(60 * 0.85) and counts.max() < 60 + 5 * np.sqrt(60 * 0.85)


def test_validation_songs_differ_between_folds():
    places = set()
    for split in folds(200, 0):
        rest = np.sort(np.concatenate([split.train, split.validation]))
        places.add(tuple(np.searchsorted(rest, split.validation)))
    assert len(places) == 5  # each fold draws anew among the songs that are left to it


def test_artists_are_grouped_by_name_and_unknown_ones_are_alone():
    groups = artist_groups(["Nina", " nina\t", "", "Bob", "", "BOB", "Cy"])
    assert groups[0] == groups[1] and groups[3] == groups[5]
    assert len(set(groups)) == 5
    assert groups[2] != groups[4]


def test_unknown_artists_do_not_drag_each_other_to_one_side():
    split = holdout(100, 0, groups=artist_groups([""] * 100))
    np.testing.assert_allclose([len(side) for side in sides(split)], [70, 15, 15], atol=1)


@pytest.mark.parametrize("shares", [(0, 0.2), (0.2, 0), (0.6, 0.4), (0.9, 0.5), (-0.1, 0.2)])
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(ValueError, match="positive and leave a rest"):
        holdout(100, 0, validation=shares[0], test=shares[1])


def test_too_few_songs_or_groups_are_refused():
    for n in (0, 1, 2):
        with pytest.raises(ValueError, match="few|empty"):
            holdout(n, 0)
    with pytest.raises(ValueError, match="n_folds=1 must lie between 2"):
        folds(10, 0, n_folds=1)
    with pytest.raises(ValueError, match="number of songs, 4"):
        folds(4, 0, n_folds=5)
    with pytest.raises(ValueError, match="2 groups are too few for 5 folds"):
        folds(20, 0, groups=np.arange(20) % 2)
    one_artist = np.zeros(100, int)
    with pytest.raises(ValueError):
        holdout(100, 0, groups=one_artist)
    with pytest.raises(ValueError):
        folds(100, 0, groups=one_artist)
    with pytest.raises(ValueError, match="validation side of the split is empty"):
        Split(np.arange(3), np.arange(0), np.arange(3, 5))
