"""Ordinary learners against planted truths: an SD that is a function of x, of the mean, of nothing.

Everything here is simulated.
"""

import inspect

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from mer_utils.data.rating_distribution import rating_probabilities
from mer_utils.methods import learners
from mer_utils.methods.listeners import Listeners
from mer_utils.model.losses import SD_FLOOR
from mer_utils.model.splits import Split, standardise

OF_X = ("ridge", "trees", "log_sd", "gamma")
OF_SD = ("constant_sd", "mean_only", "next_listener", "sos", *OF_X)
FITS = (*OF_SD, "quantile_forest")
SPLIT = Split(np.arange(0, 450), np.arange(450, 500), np.arange(500, 900))


def fit(name, x, panel, split=SPLIT, seeds=(0,)):
    return getattr(learners, name)(x, panel, split, seeds, None)


def world(sd_of, noise=0.05, sd_noise=0.03, seed=0, split=SPLIT, d=10):
    """Features, panel: means linear in x, SDs ``sd_of(x, mean)``, (n, 2) each; 9 levels."""
    rng = np.random.default_rng(seed)
    n = max(side.max() for side in (split.train, split.validation, split.test)) + 1
    x = standardise(rng.normal(size=(n, d)), split.train)
    mean = x @ rng.normal(0, 0.25 / np.sqrt(d), (d, 2)) + rng.normal(0, noise, (n, 2))
    mean = mean.clip(-0.9, 0.9)
    sd = sd_of(x, mean) * np.ones((n, 2)) * np.exp(rng.normal(0, sd_noise / 0.3, (n, 2)))
    return x, Listeners(mean, sd, rating_probabilities(5 + 4 * mean, 4 * sd), None)


def of_features(x, mean):
    """Log-linear in two features that each dimension weighs in its own way."""
    return 0.35 * np.exp(0.25 * np.stack([x[:, 0] - x[:, 1], x[:, 2] + x[:, 0]], 1))


def squared_errors(name, x, panel, split=SPLIT):
    gap = fit(name, x, panel, split).sigma[0] - panel.sd
    return gap[split.test] ** 2


@pytest.mark.parametrize("name", FITS)
def test_what_comes_back(name):
    x, panel = world(of_features)
    got = fit(name, x, panel)
    assert got.mu.shape == got.sigma.shape == (1, 900, 2)
    room = np.sqrt((1 - got.mu) * (1 + got.mu))
    assert (np.abs(got.mu) < 1).all() and (got.sigma > 0).all()
    assert (got.sigma <= room + 1e-12).all()
    assert (got.p is None) == (name != "quantile_forest")
    assert list(inspect.signature(getattr(learners, name)).parameters) == [
        "x", "listeners", "split", "seeds", "protocol",
    ]  # fmt: skip


def test_they_differ_in_the_spread_alone():
    x, panel = world(of_features)
    mus = [fit(name, x, panel).mu for name in OF_SD]
    assert all(np.array_equal(mu, mus[0]) for mu in mus)
    gap = (mus[0][0] - panel.mean)[SPLIT.test]
    assert gap.std() == pytest.approx(0.05, rel=0.15)  # the noise that was put in


@pytest.mark.parametrize("name", FITS)
def test_only_training_songs_teach_to_the_bit(name):
    x, panel = world(of_features)

    def changed(rows):
        rng = np.random.default_rng(5)
        mean, sd, p = (a.copy() for a in panel[:3])
        mean[rows], sd[rows] = rng.uniform(-0.5, 0.5, (2, len(rows), 2))
        sd[rows] = np.abs(sd[rows]) + 0.1
        p[rows] = rng.dirichlet(np.ones(9), (len(rows), 2))
        return fit(name, x, Listeners(mean, sd, p, None))

    for rows in (SPLIT.test, SPLIT.validation):
        for a, b in zip(fit(name, x, panel), changed(rows), strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(fit(name, x, panel).sigma, changed(SPLIT.train).sigma)


@pytest.mark.parametrize("name", OF_X)
def test_a_planted_spread_is_found_and_the_bar_does_not_find_it(name):
    x, panel = world(of_features)
    floor = squared_errors("constant_sd", x, panel).mean(0)
    assert (squared_errors(name, x, panel).mean(0) < 0.6 * floor).all()
    assert (squared_errors("mean_only", x, panel).mean(0) > 0.8 * floor).all()


@pytest.mark.parametrize("name", ["mean_only", "sos", *OF_X])
def test_where_there_is_nothing_nothing_beats_the_constant(name):
    gains = []
    for seed in range(4):
        x, panel = world(lambda x, mean: 0.35, seed=seed, sd_noise=0.06)
        gains.append(squared_errors("constant_sd", x, panel) - squared_errors(name, x, panel))
    gain = np.concatenate(gains)
    assert (gain.mean(0) < 3 * gain.std(0) / np.sqrt(len(gain))).all()
    if name != "sos":  # the parabola is wrong here, and is not forgiven
        assert (gain.mean(0) > -0.1 * panel.sd.var(0)).all()


def test_mean_only_recovers_a_quadratic():
    x, panel = world(lambda x, m: 0.4 + 0.1 * m - 0.3 * m**2, noise=0, sd_noise=0.01)
    got = fit("mean_only", x, panel)
    mu = got.mu[0, SPLIT.test]
    np.testing.assert_allclose(got.sigma[0, SPLIT.test], 0.4 + 0.1 * mu - 0.3 * mu**2, atol=0.02)
    floor = squared_errors("constant_sd", x, panel).mean(0)
    assert (squared_errors("mean_only", x, panel).mean(0) < 0.3 * floor).all()


def test_why_the_curve_is_learnt_out_of_fold():
    """Many features, few songs: fitted means would make the curve too steep for new songs."""
    split = Split(np.arange(150), np.arange(150, 170), np.arange(170, 1170))
    slopes = {"out of fold": [], "fitted": []}
    for seed in range(6):
        x, panel = world(lambda x, m: 0.4 + 0.3 * m, 0.15, 0.01, seed, split, d=100)
        got, rows = fit("mean_only", x, panel, split), split.train
        for d in range(2):
            mu = got.mu[0, :, d]
            curve = np.polyfit(mu[rows], panel.sd[rows, d], 2)
            for name, sigma in (
                ("out of fold", got.sigma[0, :, d]), ("fitted", np.polyval(curve, mu)),
            ):  # fmt: skip
                slopes[name].append(np.polyfit(sigma[split.test], panel.sd[split.test, d], 1)[0])
    assert np.median(slopes["out of fold"]) == pytest.approx(1, abs=0.1)
    assert np.median(slopes["fitted"]) < 0.9


def test_a_wider_curve_is_nearer_to_the_next_listener_with_no_word_on_songs():
    """Means are unsure here, all SDs are equal: what it gains in a score of ratings is width."""
    x, panel = world(lambda x, mean: 0.3, noise=0.2, sd_noise=0)
    score = {}
    for name in ("mean_only", "next_listener"):
        mu, sigma = (a[0, SPLIT.test] for a in fit(name, x, panel)[:2])
        square = panel.sd[SPLIT.test] ** 2 + (panel.mean[SPLIT.test] - mu) ** 2
        score[name] = (np.log(sigma**2) + square / sigma**2).mean(0)  # Dawid and Sebastiani
    np.testing.assert_allclose((sigma**2).mean(0), 0.3**2 + 0.2**2, rtol=0.1)
    assert (score["next_listener"] < score["mean_only"] - 0.05).all()


def test_sos_recovers_its_parameter_and_says_less_where_means_are_unsure():
    def parabola(x, mean):
        return np.sqrt(0.3 * (1 - mean**2))

    x, panel = world(parabola, noise=0, sd_noise=0)
    got = fit("sos", x, panel)
    np.testing.assert_allclose(got.sigma**2 / (1 - got.mu**2), 0.3, atol=0.002)
    x, panel = world(parabola, noise=0.3, sd_noise=0)
    got = fit("sos", x, panel)
    a = (got.sigma**2 / (1 - got.mu**2))[0, 0]
    assert (a < 0.29).all()
    gap = (got.sigma[0] ** 2 - panel.sd**2)[SPLIT.test].mean(0)
    assert (np.abs(gap) < 0.01).all()  # yet right on average


def test_each_is_right_on_average_in_what_it_says_it_predicts():
    x, panel = world(lambda x, mean: 0.3, sd_noise=0.12)
    mean_sd = panel.sd[SPLIT.test].mean(0)
    got = fit("log_sd", x, panel).sigma[0, SPLIT.test].mean(0)
    np.testing.assert_allclose(got, mean_sd, rtol=0.04)
    assert (np.exp(np.log(panel.sd).mean(0)) < 0.95 * mean_sd).all()  # what exp alone would say
    got = fit("gamma", x, panel).sigma[0, SPLIT.test]
    np.testing.assert_allclose((got**2).mean(0), (panel.sd[SPLIT.test] ** 2).mean(0), rtol=0.1)


def test_songs_on_which_all_agree_are_no_trouble():
    x, panel = world(of_features)
    sd = panel.sd.copy()
    sd[:20] = 0
    for name in OF_SD:
        got = fit(name, x, panel._replace(sd=sd)).sigma
        assert np.isfinite(got).all() and (got >= SD_FLOOR).all()
    nobody = fit("trees", x, panel._replace(sd=np.zeros_like(sd))).sigma
    assert (nobody == SD_FLOOR).all()


@pytest.mark.parametrize("name", ["trees", "quantile_forest"])
def test_a_forest_is_its_seed(name):
    x, panel = world(of_features)
    first = fit(name, x, panel, seeds=(3, 4)).sigma
    np.testing.assert_array_equal(first, fit(name, x, panel, seeds=(3, 9)).sigma)
    assert not np.array_equal(first, fit(name, x, panel, seeds=(4, 3)).sigma)


def test_the_quantile_forest_is_the_histogram_weighted_by_shared_leaves():
    x, panel = world(of_features)
    got, rows = fit("quantile_forest", x, panel).p[0], SPLIT.train
    below = panel.frequencies[rows].cumsum(-1)[..., :-1].reshape(len(rows), -1)
    forest = ExtraTreesRegressor(**learners.TREES, random_state=0).fit(x.astype(float)[rows], below)
    leaves = forest.apply(x)
    weights = np.zeros((len(x), len(rows)))
    for leaf in leaves.T:
        shared = leaf[:, None] == leaf[None, rows]
        weights += shared / shared.sum(1, keepdims=True) / leaves.shape[1]
    np.testing.assert_allclose(
        got, np.einsum("ij,jdk->idk", weights, panel.frequencies[rows]), atol=1e-6
    )
    np.testing.assert_allclose(got.sum(-1), 1)
    assert (got >= 0).all()


def test_the_quantile_forest_counts_means_that_lie_apart_as_spread():
    """Every song has one SD: the forest finds no difference, but is too wide, as it says."""
    x, panel = world(lambda x, mean: 0.25, noise=0.3, sd_noise=0)
    got = fit("quantile_forest", x, panel)
    levels = np.linspace(-1, 1, 9)
    within = np.sqrt(panel.frequencies @ levels**2 - (panel.frequencies @ levels) ** 2)
    assert (got.sigma[0, SPLIT.test].mean(0) > 1.2 * within[SPLIT.test].mean(0)).all()
    np.testing.assert_allclose(got.mu, got.p @ levels)
