"""Ordinary learners: they learn what is planted, nothing else, and choose by training songs."""

import numpy as np
import ordinary_learners as study
import pytest

from mer_utils.results import kept


def planted(form, n=160, seed=0, noise=0.03):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 12)).astype(np.float32)
    sd = 0.4 + 0.05 * form(x[:, :2]) + noise * rng.normal(size=(n, 2))
    return x, sd, rng.normal(size=(n, 2)) / 4, np.arange(n) % 4, np.arange(n) // 2


def line(x):
    return x


def step(x):
    return 1.5 * np.sign(x**2 - 0.5)


@pytest.mark.parametrize("form, better", [(line, "ridge"), (step, "trees")])
def test_the_choice_is_the_learner_that_fits(form, better):
    x, sd, mean, fold, groups = planted(form, noise=0.005)
    pick = study.chosen(x, sd, np.arange(120), groups)
    assert (pick == ("ridge", "trees").index(better)).all()


def test_songs_of_the_fold_decide_nothing_about_it():
    x, sd, _, fold, groups = planted(line)
    other = np.where((fold == 0)[:, None], 5.0, sd)
    one, two = (study.predict(x, y, fold, groups)[:, fold == 0] for y in (sd, other))
    np.testing.assert_array_equal(one, two)


def test_rows_find_what_is_there_and_a_null_that_is_not(monkeypatch, tmp_path):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    monkeypatch.setattr(study, "TREES", 10)
    monkeypatch.setattr(study, "INNER_TREES", 5)
    arrays = planted(line)
    rows = study.rows_of(*arrays, permutations=8, n_resamples=20)
    assert len(rows) == len(study.LEARNERS) * len(study.SCORES) * 2
    for learner, score, _, value, low, high, null_mean, null_sd, above, n in rows:
        assert n == 160 and low < high and null_sd > 0
        assert value > 0.15 and above == 0, (learner, score)
        assert abs(null_mean) < (0.15 if score.startswith("pearson") else 0.3)
    monkeypatch.setattr(study, "ExtraTreesRegressor", None)  # all is in the cache
    assert study.rows_of(*arrays, permutations=8, n_resamples=20) == rows


def test_cells_keep_artists_and_blocks_apart(deam_root):
    for data, labels, apart in study.CELLS:
        (x, sd, mean, fold, groups), _ = study.cell(data, labels, apart, str(deam_root))
        assert len(x) == len(sd) == len(mean) == len(fold) == len(groups)
        assert all(len(set(fold[groups == g])) == 1 for g in np.unique(groups))
        if data == "deam_above_1000":
            assert len(sd) < 1001 and len(set(fold)) == (4 if apart == "blocks" else 10)


def test_the_kept_table_has_every_cell():
    table = kept("learners", "scores")
    places = table[["data", "labels", "folds"]].drop_duplicates().itertuples(index=False)
    assert [tuple(place) for place in places] == list(study.CELLS)
    assert set(table["learner"]) == set(study.LEARNERS) and table["value"].notna().all()
