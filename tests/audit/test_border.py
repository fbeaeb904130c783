"""Where an exchange ends: the planted border is found, and none where there is none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted import exchange_songs

from mer_utils.audit.border import block_evidence, find_border, song_evidence
from mer_utils.audit.evidence import exchange_evidence
from mer_utils.data.deam import load_deam
from mer_utils.data.simulated_files import simulated_root


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return load_deam(simulated_root(cache=tmp_path_factory.mktemp("cache"), n_features=64))


def plant(songs, border=1000):
    return exchange_songs(songs, songs.song_id <= border)


def audit_trials(seeds, cache):
    """Simulated data with and without a planted exchange: what the lines and the border say."""
    rows = []
    for seed in seeds:
        root = simulated_root(seed=seed, n_features=64, cache=cache)
        right = load_deam(root)
        for border in (0, 500, 1000):
            songs = plant(right, border)
            said = exchange_evidence(root, songs, n_boot=99)["supports"].value_counts()
            found = find_border(songs.song_id, song_evidence(songs))
            last = songs.song_id[songs.song_id <= border].max() if border else 0
            found["holds"] = bool(found["low"] <= last <= found["high"])
            rows.append({"planted": border} | said.to_dict() | found)
    return pd.DataFrame(rows).fillna(0)


def test_trials_find_what_was_planted_and_nothing_else(tmp_path):
    table = audit_trials(range(4), tmp_path).set_index("planted")
    assert len(table) == 12
    assert (table.loc[0, "exchanged"] == 0).all(), "a false alarm"
    assert (table.loc[0, "as distributed"] > 0).all()
    assert (table.loc[1000, "as distributed"] == 0).all(), "a miss"
    assert (table.loc[1000, "exchanged"] > 0).all()
    # lines about all ids up to 1000 must not be sure of an exchange of half of them
    assert (table.loc[500, "exchanged"] == 0).all()
    assert (table.loc[0, "low"] == 0).all(), "a border where there is none"
    assert table["holds"].sum() >= 10, "95% intervals that miss the border more often than rarely"


@pytest.mark.parametrize("border", [100, 500, 1000])
def test_the_planted_border_is_found(songs, border):
    planted = plant(songs, border)
    evidence = song_evidence(planted)
    found = find_border(songs.song_id, evidence)
    assert abs(found["border"] - border) <= 30 and found["gain"] > 20
    assert 0 < found["low"] <= found["border"] <= found["high"]
    blocks = block_evidence(songs.song_id, evidence, width=100, n_boot=99)
    assert blocks["n"].sum() == len(songs)
    assert (blocks.loc[blocks["last"] <= border, "value"] < 0).all()
    assert (blocks.loc[blocks["first"] > border, "value"] > 0).all()
    assert (blocks["low"] <= blocks["value"]).all() and (blocks["value"] <= blocks["high"]).all()


def test_border_by_hand():
    ids = np.array([3, 5, 8, 9])
    assert find_border(ids, np.array([-9.0, -9, 9, 9])) == pytest.approx(
        {"border": 5, "low": 5, "high": 5, "gain": 18}
    )
    assert find_border(ids, np.full(4, 9.0))["border"] == 0
    undecided = find_border(ids, np.array([-9.0, 0, 0, 9]))  # 3, 5 and 8 are equally likely
    assert (undecided["low"], undecided["high"]) == (3, 8)


def test_border_does_not_care_which_labels_are_loaded(songs):
    file_was_wrong = plant(songs)
    corrected = replace(songs, labels="corrected")  # what the loader makes of that file
    np.testing.assert_allclose(song_evidence(corrected), song_evidence(file_was_wrong))


def test_border_needs_features(songs):
    bare = replace(songs, features=np.zeros((len(songs), 0)))
    with pytest.raises(ValueError, match="0 features"):
        song_evidence(bare)


def test_exchange_twice_is_nothing(songs):
    again = plant(plant(songs, 500), 500)
    np.testing.assert_array_equal(again.rating_mean, songs.rating_mean)
    np.testing.assert_array_equal(again.rating_sd, songs.rating_sd)
    moved = (plant(songs, 500).rating_mean != songs.rating_mean).any(1)
    assert moved.any() and songs.song_id[moved].max() <= 500
