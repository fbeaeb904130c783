"""One face for one split and for all folds: every song is tested by a fold that never saw it."""

import numpy as np
from untrained import DATA, five_folds, untrained


def test_a_split_is_the_only_one_of_its_folds():
    one = untrained(DATA)
    assert one.folds == (one,) and np.array_equal(one.tested, one.split.test)
    assert np.array_equal(one.test(DATA.sd), DATA.sd[one.split.test])
    expected = DATA.sd[one.split.train].mean(0)
    np.testing.assert_array_equal(one.trained_on(DATA.sd), np.tile(expected, (len(one.tested), 1)))


def test_every_song_is_tested_once_by_the_fold_that_did_not_train_on_it():
    whole = five_folds(DATA)
    assert sorted(whole.tested) == list(range(len(DATA)))
    start = 0
    assert np.bincount(whole.fold).tolist() == [len(f.tested) for f in whole.folds]
    for fold in whole.folds:
        rows = slice(start, start + len(fold.tested))
        start = rows.stop
        for name in ("mu", "sigma"):
            there = whole.test(getattr(whole, name))[:, rows]
            np.testing.assert_array_equal(there, fold.test(getattr(fold, name)))
        assert not set(whole.tested[rows]) & set(fold.split.train)
        expected = DATA.mean[fold.split.train].mean(0)
        np.testing.assert_array_equal(whole.trained_on(DATA.mean)[rows][0], expected)


def test_dropout_of_all_folds_is_that_of_each():
    whole = five_folds(DATA)
    mu, sigma = whole.mc_dropout(2, seed=3)
    assert mu.shape == sigma.shape == (2, 3, len(DATA), 2)
    first = whole.folds[0]
    np.testing.assert_array_equal(mu[:, :, : len(first.tested)], first.mc_dropout(2, seed=3)[0])
    off, _ = whole.mc_dropout(1, dropout=0.0)
    np.testing.assert_allclose(off[0], whole.test(whole.mu), atol=1e-6)
