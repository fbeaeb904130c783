"""Simulated listeners of real clips: the panels come from the truth that is told."""

import numpy as np
import pytest
import simulated_panels as study
from scipy.stats import spearmanr

from mer_utils.controls.data import feature_signal
from mer_utils.data.load import load
from mer_utils.data.musifeast import listening_sets
from mer_utils.methods.listeners import levels, maximum_entropy, moments_of

SONGS = load("musifeast")


@pytest.fixture(scope="module")
def made():
    return {name: study.make(name, SONGS, 3) for name in study.WORLDS}


@pytest.mark.parametrize("name", study.WORLDS)
def test_panels_have_as_many_listeners_as_they_say(made, name):
    world = made[name]
    assert (world.taught.sum(-1) == study.TAUGHT).all()
    assert (world.held_out.sum(-1) == study.HELD_OUT).all()
    shares = world.taught / study.TAUGHT
    sd = moments_of(shares)[1]
    np.testing.assert_allclose(np.sqrt(np.diagonal(world.covariance, 0, 1, 2)), sd, atol=1e-7)


def test_the_truth_is_what_many_listeners_show(made):
    world, rng = made["planted"], np.random.default_rng(0)
    p = maximum_entropy(world.true_mean, world.true_sd, 5)
    rated = levels(5)[study.drawn(p, world.true_correlation, 4000, rng)]
    np.testing.assert_allclose(rated.mean(1), world.true_mean, atol=0.05)
    np.testing.assert_allclose(rated.std(1), world.true_sd, atol=0.04)
    seen = [np.corrcoef(clip.T)[0, 1] for clip in rated]
    assert np.corrcoef(seen, world.true_correlation)[0, 1] > 0.95
    assert np.mean(seen) == pytest.approx(world.true_correlation.mean(), abs=0.04)


def test_panels_are_unbiased_for_the_truth_and_share_nobody(made):
    found = [study.make("like", SONGS, k) for k in range(8)]
    gap = [levels(5) @ (w.taught / 25)[..., None] for w in found]
    away = np.mean([g[..., 0] - w.true_mean for g, w in zip(gap, found, strict=True)], 0)
    assert np.abs(away.mean(0)).max() < 0.01 and away.std() < 0.05
    noise = [
        [moments_of(part / part.sum(-1, keepdims=True))[0] - w.true_mean
         for part in (w.taught, w.held_out)]
        for w in found
    ]  # fmt: skip
    taught, held_out = np.swapaxes(noise, 0, 1).reshape(2, -1)
    assert abs(np.corrcoef(taught, held_out)[0, 1]) < 4 / np.sqrt(len(taught))


@pytest.mark.parametrize(
    ("name", "low", "high"), [("absent", -0.12, 0.12), ("like", 0.4, 0.65), ("planted", 0.9, 1)]
)
def test_a_signal_is_in_the_sd_where_it_should_be(made, name, low, high):
    world = made[name]
    signal = feature_signal(SONGS.features, np.clip(SONGS.mean, -0.7, 0.7), 3)
    for d in (0, 1):
        assert low < spearmanr(signal[:, d], world.true_sd[:, d])[0] < high
        assert abs(np.corrcoef(world.true_mean[:, d], world.true_sd[:, d])[0, 1]) < 0.2
    varies = world.true_correlation.std()
    assert (varies > 0.1) if name == "planted" else (varies < 1e-9)


def test_listeners_of_a_set_share_an_accident_that_other_panels_do_not():
    """Within a set SDs go together; the sets' shifts differ between the two panels."""
    sets = np.unique(listening_sets(), return_inverse=True)[1]
    shift = []
    for k in range(30):
        world = study.make("absent", SONGS, k)
        parts = []
        for part in (world.taught, world.held_out):
            n = part.sum(-1, keepdims=True)
            variance = moments_of(part / n)[1] ** 2 * (n / (n - 1))[..., 0]
            gap = variance - world.true_sd**2
            parts.append([gap[sets == s].mean(0) for s in range(21)])
        shift.append(parts)
    taught, held_out = np.moveaxis(shift, 1, 0)
    alone = np.array([g.std(0) for g in (taught.reshape(-1, 2), held_out.reshape(-1, 2))])
    expected = 2 * study.SET * np.sqrt((SONGS.sd**2).mean(0))  # of a variance, by the chain rule
    assert (alone > 0.7 * expected).all()
    assert abs(np.corrcoef(taught.ravel(), held_out.ravel())[0, 1]) < 0.12


def test_a_draw_is_its_number(made):
    again, other = study.make("absent", SONGS, 3), study.make("absent", SONGS, 4)
    assert np.array_equal(again.taught, made["absent"].taught)
    assert not np.array_equal(other.true_sd, made["absent"].true_sd)
    np.testing.assert_allclose(other.true_mean, made["absent"].true_mean, atol=1e-6)
    with pytest.raises(KeyError):
        study.make("empty", SONGS)
