"""What an experiment says, and what it refuses to be."""

from dataclasses import replace

import numpy as np
import pytest
import untrained

from mer_utils.data.load import load
from mer_utils.model.experiment import Experiment
from mer_utils.model.training import Protocol

TINY = Protocol(epochs=2, hidden=8, batch_size=16)


def test_unknown_names_are_refused_with_the_choices():
    with pytest.raises(ValueError, match="unknown profile 'full': choose one of paper, quick"):
        Experiment.of("full")
    with pytest.raises(ValueError, match="unknown dataset 'demo': choose one of simulated"):
        load("demo")
    with pytest.raises(ValueError, match="data='here' goes with dataset='deam'"):
        load("simulated", "here")
    with pytest.raises(ValueError, match="goes with dataset='deam'"):
        load("simulated", features="table.npz")
    with pytest.raises(ValueError, match="unknown loss 'huber'"):
        Experiment(loss="huber")
    with pytest.raises(ValueError, match="n_seeds=0"):
        Experiment(n_seeds=0)
    for fold in (-1, 5):
        with pytest.raises(ValueError, match=rf"fold={fold} must lie in 0\.\.4"):
            Experiment(fold=fold)


def test_profiles_set_sizes_and_take_changes():
    paper, quick = Experiment.of("paper"), Experiment.of("quick", loss="kld", seed=4)
    assert (paper.n_seeds, paper.protocol) == (15, Protocol())
    assert quick.n_seeds < 15 and quick.protocol.epochs < 100
    assert quick.loss == "kld" and list(quick.seeds) == [4 + k for k in range(quick.n_seeds)]
    assert Experiment.of("quick", protocol=TINY, n_seeds=1).protocol is TINY


def test_the_parameters_of_a_page_describe_an_experiment():
    page = {"dataset": "deam", "data": "here", "labels": "corrected", "features": "auto"}
    one = Experiment.of(loss="nll", **page, profile="quick", seed=7)
    assert (one.dataset, one.data, one.labels, one.seed) == ("deam", "here", "corrected", 7)
    assert one.n_seeds == Experiment.of("quick").n_seeds


@pytest.mark.parametrize(("n", "split", "apart"), [(356, "folds", True), (1744, "single", False)])
def test_few_songs_are_scored_by_folds_apart_by_artist(n, split, apart):
    songs = replace(untrained.songs(n), artist=np.array(["a", "b"] * (n // 2)))
    found = Experiment().settled(songs)
    assert (found.split, found.keep_artists_together) == (split, apart)
    assert Experiment(split="single").settled(songs).split == "single"
    assert Experiment(fold=1).settled(songs) == Experiment(fold=1, split="single")
    assert not Experiment().settled(replace(songs, artist=None)).keep_artists_together
