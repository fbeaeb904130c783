"""Who teaches and who judges."""

import numpy as np
import pytest
from encoder_designs import DIVISIONS, any_data, musifeast
from own_folder import voices

from mer_utils.data.musifeast import GROUPS, load_musifeast
from mer_utils.scoring.metrics import pearson


def test_halves_hold_each_age_once_and_both_countries_twice():
    assert len(set(DIVISIONS)) == 6
    for half in DIVISIONS:
        assert sorted(group[2:] for group in half) == sorted(group[2:] for group in GROUPS[:4])
        assert sum(group.startswith("UK") for group in half) == 2


def test_the_other_half_judges_what_it_did_not_teach():
    design = musifeast("halves")
    assert len(design.taught) == len(design.splits) == 5
    for split, half, (mean, sd) in zip(design.splits, DIVISIONS, design.taught, strict=False):
        rest = load_musifeast([group for group in GROUPS if group not in half])
        own, other = design.judges["own"], design.judges["other"]
        assert np.array_equal(own[1][split.test], sd[split.test])
        assert np.array_equal(other[0][split.test], rest.mean[split.test])
        assert np.array_equal(other[1][split.test], rest.sd[split.test])
        assert not np.array_equal(mean, rest.mean)
    again = pearson(design.judges["own"][0], design.judges["other"][0])
    assert (again > 0.7).all()  # two halves agree on means


def test_all_listeners_teach_and_judge():
    design = musifeast("all")
    assert set(design.judges) == {"own"}
    assert np.array_equal(design.judges["own"][1], design.songs.sd)
    artists = design.songs.artist
    for split in design.splits:
        assert not set(artists[split.train]) & set(artists[split.test])
    assert sorted(np.concatenate([s.test for s in design.splits])) == list(range(356))
    assert (design.fold[design.splits[3].test] == 3).all()
    with pytest.raises(ValueError, match="choose all or halves"):
        musifeast("thirds")


def test_other_data_keep_the_songs_that_have_sound(tmp_path):
    voices(tmp_path / "v", n_items=30)
    every = any_data(str(tmp_path / "v"), "", "as_distributed", n_folds=3)
    some = set(every.songs.song_id[::2])
    design = any_data(str(tmp_path / "v"), "", "as_distributed", some, n_folds=3)
    assert set(design.songs.song_id) == some and len(design.songs.features) == 15
    np.testing.assert_array_equal(design.songs.sd, every.songs.sd[::2])
    assert len(design.splits) == len(design.taught) == 3
