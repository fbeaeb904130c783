import numpy as np
import pandas as pd
import pytest

from mer_utils import metrics
from mer_utils.failures import (
    best_by_accident,
    best_cell,
    by_cell,
    place,
    song_error,
    worst_songs,
    worst_table,
)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_worst_songs_by_hand():
    truth = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.9, 0.4]])
    predicted = np.stack([np.full((4, 2), 0.3), np.full((4, 2), 0.3)])
    predicted[:, 0, 1] += [1, -1]
    error = song_error(truth, predicted)
    assert error[3, 0] == pytest.approx(0.6)
    assert error[0, 1] == pytest.approx(np.sqrt((1.2**2 + 0.8**2) / 2))
    assert worst_songs(error, 0.25).tolist() == [[0, 1], [0, 0], [0, 0], [1, 0]]
    assert worst_songs(np.zeros((4, 2)), 0.5).sum(0).tolist() == [2, 2]  # ties, too
    assert worst_songs(error, 0.01).sum(0).tolist() == [1, 1]


def test_places_by_hand():
    means = [[5, 5], [5.9, 5.3], [5, 6.5], [8, 2], [2, 2], [2, 5], [5, 6]]
    assert place(means).tolist() == [
        "centre",
        "centre",
        "pleasant, energetic",
        "pleasant, calm",
        "unpleasant, calm",
        "unpleasant, energetic",
        "pleasant, energetic",  # exactly one point away is outside
    ]


def test_by_cell_scores_the_songs_of_each_cell(rng):
    truth, predicted = rng.random((60, 2)), rng.random((3, 60, 2))
    cell = np.array(["rock"] * 30 + ["jazz"] * 20 + [""] * 10)
    table = by_cell(metrics.spearman, truth, {"a": predicted}, cell, n_resamples=40)
    assert table["cell"].unique().tolist() == ["rock", "jazz", "unknown"]
    assert table["n"].tolist() == [30, 30, 20, 20, 10, 10]
    jazz = table[(table["cell"] == "jazz") & (table["dimension"] == "arousal")].iloc[0]
    expected = metrics.spearman(truth[30:50], predicted[:, 30:50]).mean(0)[1]
    assert jazz["value"] == pytest.approx(expected)
    assert jazz["low"] <= jazz["value"] <= jazz["high"]
    assert table.loc[table["cell"] == "unknown", ["value", "low", "high"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="59 cell labels for 60 songs"):
        by_cell(metrics.spearman, truth, {"a": predicted}, cell[:59])


def test_accident_explains_noise_but_not_a_cell_that_works(rng):
    truth = rng.random((200, 2))
    cell = np.repeat(["a", "b", "c", "d", "e"], 40)
    noise = {"x": rng.random((2, 200, 2)), "y": rng.random((1, 200, 2))}
    accident = best_by_accident(metrics.spearman, truth, noise, cell, n_shuffles=60)
    best = by_cell(metrics.spearman, truth, noise, cell, n_resamples=5)["value"].max()
    assert (accident >= best).mean() > 0.05
    assert accident.mean() > 0.15  # the best of 20 cells looks good although nothing is there
    works = {"x": noise["x"].copy()}
    works["x"][:, :40] = truth[:40]
    accident = best_by_accident(metrics.spearman, truth, works, cell, n_shuffles=60)
    assert accident.max() < 0.99
    again = best_by_accident(metrics.spearman, truth, works, cell, n_shuffles=60)
    np.testing.assert_array_equal(accident, again)
    with pytest.raises(ValueError, match="no cell has 41 songs"):
        best_by_accident(metrics.spearman, truth, works, cell, least=41)


def test_accident_keeps_a_relation_that_holds_everywhere(rng):
    truth = rng.random((100, 2))
    perfect = {"x": 2 * truth[None]}
    cell = np.repeat(["a", "b"], 50)
    best = best_by_accident(metrics.spearman, truth, perfect, cell, n_shuffles=5)
    np.testing.assert_allclose(best, 1)


def test_best_cell_counts_the_real_labels_among_the_shuffles():
    names = ["cell", "n", "method", "dimension", "value", "low", "high"]
    rows = [
        ("a", 20, "x", "valence", 0.5, 0.1, 0.8),
        ("b", 20, "x", "valence", -0.4, -0.7, -0.1),
        ("c", 20, "x", "valence", 0.1, -0.2, 0.4),
        ("d", 3, "x", "valence", np.nan, np.nan, np.nan),
    ]
    best = best_cell(pd.DataFrame(rows, columns=names), np.array([0.2, 0.4, 0.6]))
    assert best["best"] == "a; x; valence"
    assert (best["intervals"], best["without 0"], best["p"]) == (3, 2, 0.5)
    assert best["best by accident"] == pytest.approx(0.4)


def test_worst_table_sees_who_only_misses_unusual_songs(rng):
    truth = rng.random((100, 2))
    average = truth.mean(0)
    predicted = {
        "constant": np.broadcast_to(average, (1, 100, 2)),
        "zero": np.zeros((1, 100, 2)),
    }
    table = worst_table(truth, predicted, average, "constant").set_index("method")
    assert table.loc["constant"].iloc[0] == 1
    assert table.loc["constant", "error ~ unusual SD"] == pytest.approx(1)
    assert table.loc["zero", "raters' SD above median"] == 1
