"""Songs by name: one object for one data set, however the arguments are given."""

import numpy as np
import pytest
from deam_folder import SONGS, averaged, features

from mer_utils.data.load import load


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path_factory.getbasetemp() / "cache_of_load"))


def test_the_same_object_however_the_arguments_are_given():
    songs = load("simulated")
    assert songs.simulated and len(songs) == 1744
    assert load("simulated") is songs and load(dataset="simulated", data="") is songs
    assert load("simulated", "", "as_distributed", "auto", "deam_like") is songs
    assert load("simulated", data=None, features="auto") is songs


def test_the_parameters_of_a_page_are_taken_as_they_are():
    page = {"dataset": "simulated", "data": "", "labels": "as_distributed", "features": "auto"}
    assert load(**page, profile="quick", seed=7, split="auto") is load("simulated")


def test_without_features_only_the_ratings_are_read():
    songs = load("simulated", features=None)
    assert songs.features.shape == (1744, 0) and songs is not load("simulated")
    np.testing.assert_array_equal(songs.rating_mean, load("simulated").rating_mean)


def test_the_knob_of_the_simulation():
    assert (
        load("simulated", disagreement="planted").true_sd.std()
        > 2 * load("simulated").true_sd.std()
    )


def test_your_own_folder(tmp_path, monkeypatch):
    averaged(tmp_path)
    features(tmp_path)
    songs = load("deam", tmp_path)
    assert len(songs) == 4 and load("deam", str(tmp_path)) is songs
    assert load("deam", str(tmp_path), labels="corrected") is not songs
    monkeypatch.setenv("DEAM_ROOT", str(tmp_path))
    assert load("deam") is songs
    averaged(tmp_path / "other", SONGS[:2])
    monkeypatch.setenv("DEAM_ROOT", str(tmp_path / "other"))
    assert len(load("deam", features=None)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"dataset": "daem"},
            "unknown dataset 'daem': choose one of .* that holds dataset.toml",
        ),
        ({"dataset": "simulated", "data": "x"}, "data='x' goes with dataset='deam'"),
        (
            {"dataset": "simulated", "features": "x.csv"},
            "features='x.csv' goes with dataset='deam'",
        ),
        (
            {"dataset": "simulated", "labels": "corrected"},
            "simulated data have no exchanged labels",
        ),
        ({"dataset": "deam", "data": "/nowhere"}, "no such folder"),
        ({"data": "x"}, "data='x' goes with dataset='deam'; MUSIFEAST-17 is at hand"),
        ({"labels": "corrected"}, "MUSIFEAST-17 has as_distributed and few_listeners"),
        ({"features": "x.csv"}, "no such features file"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        load(**arguments)
