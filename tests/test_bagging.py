"""Training on fewer songs: who trains, what is scored, and that nothing leaks."""

import numpy as np
import pytest

from mer_utils.bagging import train_on, with_fewer_songs
from mer_utils.dataset import Dataset
from mer_utils.experiment import Experiment, Result
from mer_utils.splits import holdout
from mer_utils.training import Protocol


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    n = 80
    songs = Dataset(
        name="made up",
        song_id=np.arange(n),
        rating_mean=rng.uniform(2, 8, (n, 2)),
        rating_sd=rng.uniform(0.5, 2, (n, 2)),
        features=rng.normal(size=(n, 6)).astype(np.float32),
        feature_source="made up",
    )
    experiment = Experiment(loss="mse", n_seeds=2, protocol=Protocol(epochs=2))
    return Result(experiment, songs, holdout(n, 0), *[None] * 5)


def test_one_mean_per_seed_and_test_song_and_the_same_bytes_again(result):
    rows = result.split.train[:20]
    mu = train_on(result, rows, [0, 1])
    assert mu.shape == (2, len(result.split.test), 2)
    assert (train_on(result, rows, [0, 1]) == mu).all()
    np.testing.assert_allclose(train_on(result, rows, [1])[0], mu[1], atol=1e-5)


def test_songs_that_judge_must_not_train(result):
    rows = np.append(result.split.train[:5], result.split.test[0])
    with pytest.raises(ValueError, match="1 rows are not training songs"):
        train_on(result, rows, [0])


def test_ratings_of_songs_left_out_do_not_matter(result):
    found = with_fewer_songs(result, [0.5], [0, 1])
    (n, (same, bagged)) = next(iter(found.items()))
    assert n == round(0.5 * len(result.split.train))
    assert same.shape == bagged.shape == (2, len(result.split.test), 2)
    order = np.random.default_rng(0).permutation(result.split.train)
    result.songs.rating_mean[order[n:]] = 5.0
    again = with_fewer_songs(result, [0.5], [0, 1])[n]
    assert (again[0] == same).all() and (again[1] == bagged).all()
