"""What each loss estimates: the formulas, the trained heads, and the gradients."""

import numpy as np
import pytest

from mer_utils.estimands import (
    TAU,
    expected_sd,
    gradient_gap,
    learned_variance,
    spreads,
    target_variance,
    toy_songs,
)


def test_expected_sd_is_that_of_drawn_ratings():
    rng = np.random.default_rng(0)
    for n in (2, 3, 10):
        drawn = rng.normal(0, 0.3, (200_000, n)).std(1)
        assert expected_sd(0.3, n) == pytest.approx(drawn.mean(), rel=5e-3)


def test_toy_songs_have_the_moments_they_claim():
    songs = toy_songs(60_000, 10, seed=2)
    variance = (songs.mean - 0.15 * songs.x[:, :2]).var(0)
    expected = TAU**2 + (songs.sigma**2).mean(0) / 10
    assert variance == pytest.approx(expected, rel=0.02)
    assert (songs.sd**2).mean(0) == pytest.approx((songs.sigma**2).mean(0) * 0.9, rel=0.01)
    assert songs.sigma.min() > 0.09 and songs.sigma.max() < 0.31


def test_four_times_the_raters_hide_twice_the_noise_from_the_mean():
    quiet, loud = toy_songs(500, 10, seed=3), toy_songs(500, 40, noise=2.0, seed=3)
    np.testing.assert_allclose(quiet.mean, loud.mean)
    np.testing.assert_allclose(2 * quiet.sigma, loud.sigma)
    assert loud.sd.mean() > 1.9 * quiet.sd.mean()


def test_kld_asks_for_the_same_whatever_the_raters_and_nll_does_not():
    sigma = np.linspace(0.1, 0.3, 5)
    assert target_variance("kld", sigma, 3) == pytest.approx(target_variance("kld", sigma, 60))
    few, many = (target_variance("nll", sigma, n) for n in (3, 60))
    assert (few > many).all() and target_variance("nll", sigma, 10**9) == pytest.approx(TAU**2)
    with pytest.raises(ValueError, match="mse, kld or nll"):
        target_variance("crps", sigma, 3)


def test_trained_heads_predict_the_derived_variance():
    table = learned_variance(raters=(10,), n_songs=3000, epochs=20).set_index("loss")
    assert (table["ratio"] - 1).abs().max() < 0.12
    nll = table.loc["nll"]
    assert nll["learned"] < 0.6 * nll["raters"], "NLL has not learned the raters' variance"
    assert table.loc["kld", "learned"] > nll["raters"]
    assert table.loc["nll", "rank"] < table.loc["mse", "rank"]


def test_spreads_do_not_follow_the_listeners():
    table = spreads((30, 300), epochs=30, n_seeds=4)
    few, many = table.iloc[0], table.iloc[1]
    assert many["seed_spread"] < 0.8 * few["seed_spread"]
    doubled, same = table.iloc[2], many
    assert doubled["n_train"] == same["n_train"] and doubled["raters"] == 2 * same["raters"]
    assert doubled["predicted"] > 1.7 * same["predicted"]
    for name in ("seed_spread", "dropout_spread"):
        assert doubled[name] == pytest.approx(same[name], rel=0.35), name


def test_kld_has_the_gradient_of_rater_level_nll():
    rng = np.random.default_rng(4)
    ratings = rng.normal(0.1, 0.3, (7, 60, 2))
    mu, sigma = rng.uniform(-0.5, 0.5, (60, 2)), rng.uniform(0.05, 0.6, (60, 2))
    assert gradient_gap(ratings, mu, sigma) < 1e-6
    ratings[:, 0] = 0.1  # all raters of a song agree: its SD is raised to the floor
    assert gradient_gap(ratings, mu, sigma) > 1e-3
