"""Raters or songs: the closed forms against a search, an exact formula and simulated panels."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from mer_utils.ceiling.design import PURPOSES, design, noise_odds, precision


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 300), st.sampled_from(["sd", "mean"]), st.floats(0, 20))
def test_the_best_number_is_the_best_of_all(odds, statistic, song_cost):
    found = design(10_000, odds, statistic, song_cost).set_index("purpose")
    every = precision(10_000, odds, np.arange(1 + (statistic == "sd"), 3000), statistic, song_cost)
    learn, ceiling = (found.loc[name] for name in PURPOSES[:2])
    assert abs(learn["raters"] - every.loc[every["z"].idxmax(), "raters"]) <= 1
    best = every.loc[every["ceiling_error"].idxmin(), "raters"]
    assert abs(ceiling["raters"] - best) <= 1
    assert found.loc["know each song", "reliability"] == pytest.approx(0.7, abs=0.1)


def test_few_raters_for_learning_half_song_for_the_ceiling():
    learn, ceiling, each = design(17_440, 66).to_dict("records")
    assert learn["raters"] == 1 + round(66**0.5)
    assert ceiling["reliability"] == pytest.approx(0.5, abs=0.02)
    assert each["reliability"] == pytest.approx(0.7, abs=0.002)
    assert learn["z"] > ceiling["z"] > each["z"]
    assert ceiling["ceiling_error"] < min(learn["ceiling_error"], each["ceiling_error"])


def test_for_the_mean_one_rater_a_song_is_best_unless_songs_cost():
    assert design(1000, 5, "mean")["raters"][0] == 1
    assert design(1000, 5, "mean", song_cost=20)["raters"][0] == 10
    assert design(1000, 60, song_cost=20)["raters"][0] > design(1000, 60)["raters"][0]


@pytest.mark.parametrize("n", [2, 3, 5, 10, 40])
def test_the_reliability_is_that_of_normal_ratings(n):
    """Noise of the SD of n normal ratings: Var(s) = sigma^2 (1 - c^2), E[s] = c sigma."""
    sigma = np.random.default_rng(0).normal(1, 0.1, 400_000)  # song by song
    c = np.exp(gammaln(n / 2) - gammaln((n - 1) / 2)) * np.sqrt(2 / (n - 1))
    exact = (1 - c**2) * (sigma**2).mean() / (c**2 * sigma.var())  # odds of noise to song
    reliability = precision(1, (sigma**2).mean() / sigma.var() / 2, n)["reliability"][0]
    assert (1 - reliability) / reliability == pytest.approx(exact, rel=0.3 / n)


def test_a_design_that_is_best_learns_best():
    """A linear signal in one feature, normal ratings, 6,000 of them: z of the slope."""
    rng, budget, z = np.random.default_rng(1), 6000, {}
    for n in (2, 6, 40):
        each = []
        for _ in range(60):
            x = rng.normal(size=budget // n)
            sd = rng.normal(0, np.exp(0.15 * x)[:, None], (len(x), n)).std(1, ddof=1)
            each.append(np.corrcoef(x, sd)[0, 1] * np.sqrt(len(x)))
        z[n] = np.mean(each)
    odds = 0.5 / 0.15**2
    assert design(budget, odds)["raters"][0] == 6
    assert z[6] > z[2] and z[6] > z[40]
    expected = precision(budget, odds, [2, 6, 40])["z"]
    assert list(z.values()) == pytest.approx(expected, rel=0.08)


def test_odds_are_those_of_the_reliability():
    for statistic in ("sd", "mean"):
        rho = precision(100, 50, [3, 17], statistic)["reliability"]
        np.testing.assert_allclose(noise_odds(rho, [3, 17], statistic), 50)


@pytest.mark.parametrize(
    "call, said",
    [
        (lambda: noise_odds(0, 10), "above 0"),
        (lambda: noise_odds(0.1, 1), "needs 2 or more"),
        (lambda: noise_odds(0.1, 10, "median"), '"mean" or "sd"'),
        (lambda: precision(0, 10, 5), "must be positive"),
        (lambda: precision(10, 10, [5, 1]), "needs 2 or more"),
        (lambda: design(10, 10, "median"), '"mean" or "sd"'),
        (lambda: design(10, 10, wanted=1), "between 0 and 1"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
