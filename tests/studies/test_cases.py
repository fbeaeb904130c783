"""Designs: who teaches, who judges, and that they are not the same people."""

import cases as study
import numpy as np
import pytest

from mer_utils.data.musifeast import GROUPS, panel
from mer_utils.data.soundtracks import load_soundtracks
from mer_utils.methods.listeners import moments_of


@pytest.fixture(scope="module")
def musifeast():
    return study.musifeast()


@pytest.fixture(scope="module")
def film(soundtracks_root):
    return study.soundtracks(soundtracks_root)


def check(case):
    """What holds for every case."""
    n, d = case.taught.mean.shape
    tested = np.concatenate([split.test for split in case.splits])
    assert sorted(tested) == list(range(n)) and len(case.cluster) == len(case.features) == n
    assert len(case.dimensions) == d and case.correction >= 1
    for k, split in enumerate(case.splits):
        assert (case.fold[split.test] == k).all()
        assert not set(split.test) & {*split.train, *split.validation}
    np.testing.assert_allclose(case.taught.frequencies.sum(-1), 1)
    for judges in case.judges.values():
        assert judges.mean.shape == judges.sd.shape == (n, d)
        if judges.counts is not None:
            shares = judges.counts / judges.counts.sum(-1, keepdims=True)
            for a, b in zip(moments_of(shares), (judges.mean, judges.sd), strict=True):
                np.testing.assert_allclose(a, b)


def test_each_listener_of_musifeast_is_held_out_once_and_never_taught(musifeast):
    for case in musifeast:
        check(case)
    whole, *turns, few = musifeast
    everyone = whole.judges["same"].counts
    assert [c.design for c in turns] == ["apart"] * 4 and [c.turn for c in turns] == [0, 1, 2, 3]
    np.testing.assert_allclose(sum(c.judges["held out"].counts for c in turns), everyone)
    for case in (*turns, few):
        out = case.judges["held out"].counts
        taught = case.taught.frequencies * (everyone - out).sum(-1, keepdims=True)
        np.testing.assert_allclose(taught + out, everyone, atol=1e-9)
    n = everyone.sum(-1)
    assert n.min() == pytest.approx(30) and n.max() == pytest.approx(38)
    in_few = few.judges["same"].counts.sum(-1)
    assert in_few.min() == pytest.approx(7) and in_few.max() == pytest.approx(10)


def test_artists_stay_together_and_panels_are_those_of_the_groups(musifeast):
    whole, first = musifeast[:2]
    artist = study.artist_groups(study.load("musifeast").artist)
    for split in whole.splits:
        assert not set(artist[split.test]) & set(artist[np.r_[split.train, split.validation]])
    out = tuple(group for group in GROUPS if group.endswith(study.AGES[0]))
    known = panel(out)
    judges = first.judges["held out"]
    np.testing.assert_allclose(judges.mean * 2 + 3, known.mean, atol=1e-6)
    np.testing.assert_allclose(judges.sd_of_all * 2, known.sd, atol=1e-6)
    assert len(np.unique(whole.cluster)) == 21
    mean_n = whole.judges["same"].counts.sum(-1).mean()
    assert whole.correction == pytest.approx(np.sqrt(mean_n / (mean_n - 1)))


def test_film_raters_are_held_out_once_and_their_pairs_are_kept(film, soundtracks_root):
    for case in film:
        check(case)
    whole, *turns = film
    everyone = whole.judges["same"].counts
    np.testing.assert_array_equal(sum(c.judges["held out"].counts for c in turns), everyone)
    for case in turns:
        share = case.judges["held out"].counts.sum(-1) / everyone.sum(-1)
        assert 0.2 < share.min() and share.max() < 0.3  # of both groups of raters
    for case in film:
        variance = np.diagonal(case.taught.covariance, 0, 1, 2)
        np.testing.assert_allclose(np.sqrt(variance), case.taught.sd, atol=1e-7)
    ratings = load_soundtracks(soundtracks_root)
    tracks = np.unique(ratings["song_id"])
    one = ratings[ratings["song_id"] == tracks[7]]
    mean = one[["valence", "energy"]].mean().to_numpy()
    np.testing.assert_allclose(whole.judges["same"].mean[7] * 4 + 5, mean)
    pair = np.cov(one["valence"], one["energy"], ddof=0)[0, 1] / 16
    assert whole.taught.covariance[7, 0, 1] == pytest.approx(pair)


@pytest.mark.parametrize("name", study.worlds.WORLDS)
def test_a_world_is_judged_by_others_and_by_the_truth(name):
    case = study.world(name, 1)
    check(case)
    assert case.data == f"simulated {name}" and case.n_taught == 25
    assert case.judges["truth"].counts is None
    assert np.array_equal(case.judges["truth"].sd_of_all, case.judges["truth"].sd)
    other = study.world(name, 2)
    assert not np.array_equal(case.fold, other.fold)
    r = np.corrcoef(case.judges["held out"].sd.ravel(), case.judges["truth"].sd.ravel())[0, 1]
    assert r > 0.1


def test_deam_has_moments_alone_and_the_stand_in_has_these(deam_root):
    distributed, corrected = study.deam(deam_root)
    for case in (distributed, corrected):
        check(case)
        assert list(case.judges) == ["same"] and case.judges["same"].counts is None
        assert case.correction == 1 and case.n_levels == 9
        mean, sd = moments_of(case.taught.frequencies)
        assert np.abs(mean - case.taught.mean).max() < 0.02
        assert np.mean(np.abs(sd - case.taught.sd) > 0.01) < 0.02
    assert not np.array_equal(distributed.taught.mean, corrected.taught.mean)


def test_deam_like_worlds_know_the_truth(deam_root):
    made = study.deam_controls(deam_root)
    assert [c.data for c in made] == [f"simulated {name}" for name in study.CONTROLS]
    for case in made:
        assert case.correction == pytest.approx(np.sqrt(10 / 9), rel=1e-3)
        truth, same = case.judges["truth"], case.judges["same"]
        level = (same.sd**2).mean() * 10 / 9 / (truth.sd**2).mean()
        assert level == pytest.approx(1, abs=0.05)
        assert np.abs((truth.mean - same.mean).mean()) < 0.02
