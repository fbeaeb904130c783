"""Notebook 05: training on fewer songs. Who trains, what is scored, and that nothing leaks."""

from types import SimpleNamespace

import numpy as np
import pytest
from page_cells import run_cells

from mer_utils.data.dataset import Dataset
from mer_utils.model import training
from mer_utils.model.splits import holdout

N = 80


def made_up():
    rng = np.random.default_rng(0)
    return Dataset(
        name="made up",
        song_id=np.arange(N),
        rating_mean=rng.uniform(2, 8, (N, 2)),
        rating_sd=rng.uniform(0.5, 2, (N, 2)),
        features=rng.normal(size=(N, 6)).astype(np.float32),
        feature_source="made up",
    )


def shrunk(songs):
    """The cells that train on a share of the songs, in small."""
    first = SimpleNamespace(split=holdout(N, 0))
    names = {"songs": songs, "result": SimpleNamespace(folds=[first]), "seeds": range(2)}
    page = "notebooks/05_seed_ensemble.ipynb"
    return run_cells(page, "imports", "shrink-run", seed=0, profile="quick", **names)


@pytest.fixture(scope="module")
def page():
    return shrunk(made_up())


def test_one_mean_per_seed_and_test_song_and_the_same_bytes_again(page):
    rows, n_test = page["split"].train[:20], len(page["split"].test)
    mu = page["train_on"](rows, [0, 1])
    assert mu.shape == (2, n_test, 2)
    assert (page["train_on"](rows, [0, 1]) == mu).all()
    np.testing.assert_allclose(page["train_on"](rows, [1])[0], mu[1], atol=1e-5)
    n_train = len(page["split"].train)
    assert list(page["fewer"]) == [round(n_train * share) for share in (1 / 8, 1 / 4, 1 / 2)]
    for pair in page["fewer"].values():
        assert [mu.shape for mu in pair] == [(2, n_test, 2)] * 2


def test_who_trains(monkeypatch):
    """Seeds share their songs; a bag draws as many with replacement; small sets lie in large."""
    songs, trained = made_up(), []
    train_stack = training.train_stack

    def noted(train, validation, **options):
        place = [np.flatnonzero((songs.mean == mean).all(1)).item() for mean in train[1]]
        trained.append((place, list(options["seeds"])))
        return train_stack(train, validation, **options)

    monkeypatch.setattr(training, "train_stack", noted)
    made = shrunk(songs)
    assert [seeds for _, seeds in trained] == 3 * [[0], [1], [0, 1]]
    place, smaller = [rows for rows, _ in trained], set()
    for i, n in enumerate(made["fewer"]):
        *bags, known = place[3 * i : 3 * i + 3]
        assert len(known) == len(set(known)) == n and smaller < set(known)
        assert set(known) <= set(made["split"].train)
        for bag in bags:
            assert len(bag) == n > len(set(bag)) and set(bag) <= set(known)
        assert bags[0] != bags[1]
        smaller = set(known)


def test_songs_left_out_and_test_songs_do_not_matter(page):
    songs, split = made_up(), page["split"]
    order = np.random.default_rng(0).permutation(split.train)
    known = order[: round(len(order) / 2)]
    away = np.setdiff1d(np.arange(N), np.r_[known, split.validation])
    songs.rating_mean[away] = 5.0
    songs.rating_sd[away] = 3.0
    songs.features[split.test[0]] = 9.0
    for old, new in zip(page["fewer"].values(), shrunk(songs)["fewer"].values(), strict=True):
        for one, two in zip(old, new, strict=True):
            assert (one[:, 1:] == two[:, 1:]).all() and (one[:, 0] != two[:, 0]).all()
