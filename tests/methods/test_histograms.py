"""Distributions over rating levels against SciPy, single ratings, and where the minima lie."""

from functools import partial

import numpy as np
import pytest
import torch
from listener_panel import finite_everywhere, minimise, panel, uniform
from scipy import stats
from torch.autograd import grad, gradcheck

from mer_utils.data.rating_distribution import rating_probabilities
from mer_utils.methods import histograms as h
from mer_utils.methods.gaussian import rating_levels

K = 9
RATINGS, MEAN, SD, FREQUENCIES, _ = panel(K)
LEVELS = rating_levels(K, MEAN)
LINKS = {
    "ordinal_normal": (partial(h.ordinal_normal, n_levels=K), 2),
    "ordinal_student": (partial(h.ordinal_student, n_levels=K), 2),
    "mixture2": (partial(h.mixture_link, n_components=2, n_levels=K), 6),
    "mixture3": (partial(h.mixture_link, n_components=3, n_levels=K), 9),
    "softmax": (h.softmax_link, K),
}
LOSSES = [h.cross_entropy, h.emd, h.emd_moments, h.ranked_probability]


def close(a, b, tolerance=1e-9):
    torch.testing.assert_close(
        torch.as_tensor(a), torch.as_tensor(b), rtol=tolerance, atol=tolerance
    )


def quantile_p(z):
    return (h.quantile_probabilities(*h.quantile_link(z), K),)


def test_cdfs_keep_their_digits_in_the_left_tail_in_float32():
    t = np.linspace(-12, 3, 61)
    x = torch.tensor(t, dtype=torch.float32)
    np.testing.assert_allclose(h.normal_cdf(x), stats.norm.cdf(t), rtol=2e-5)
    far = torch.tensor([-60.0, -30.0, *t], dtype=torch.float32)
    np.testing.assert_allclose(h.student3_cdf(far), stats.t.cdf(far.numpy(), 3), rtol=2e-3)
    np.testing.assert_allclose(h.student3_cdf(x.double()), stats.t.cdf(x.double(), 3), rtol=1e-12)


@pytest.mark.parametrize("n_levels", [5, 9])
def test_level_probabilities_are_differences_of_the_cdf(n_levels):
    mu, scale = uniform(-1.2, 1.2, 7, 2).detach(), uniform(0.05, 2, 7, 2, seed=3).detach()
    cuts = np.linspace(-1, 1, 2 * n_levels - 1)[1::2]
    for cdf, truth in ((h.normal_cdf, stats.norm()), (h.student3_cdf, stats.t(3))):
        t = (cuts - mu[..., None].numpy()) / scale[..., None].numpy()
        expected = np.diff(truth.cdf(t), prepend=0, append=1, axis=-1)
        p = h.level_probabilities(mu, scale, n_levels, cdf)
        np.testing.assert_allclose(p, expected, atol=1e-12)


def test_nine_levels_are_the_rounded_clipped_rating_of_the_data_room():
    mu, scale = uniform(-1.2, 1.2, 7, 2).detach(), uniform(0.05, 2, 7, 2, seed=3).detach()
    expected = rating_probabilities(5 + 4 * mu, 4 * scale)
    np.testing.assert_allclose(h.level_probabilities(mu, scale, 9, h.normal_cdf), expected)


@pytest.mark.parametrize("cdf", [h.normal_cdf, h.student3_cdf])
def test_both_ends_of_the_scale_are_alike_in_float32(cdf):
    mu = torch.linspace(-1.25, 1.25, 51)[:, None]
    for scale in (0.04, 0.2, 1.0):
        s = torch.full_like(mu, scale)
        p, mirrored = (h.level_probabilities(m, s, K, cdf) for m in (mu, -mu))
        assert (p >= 0).all()
        torch.testing.assert_close(p, mirrored.flip(-1), rtol=1e-5, atol=1e-8)
        exact = h.level_probabilities(mu.double(), s.double(), K, cdf).float()
        torch.testing.assert_close(p, exact, rtol=2e-3, atol=1e-8)


@pytest.mark.parametrize("name", [*LINKS, "quantiles"])
def test_links_give_probabilities_and_each_sees_its_own_outputs(name):
    link, n_outputs = {**LINKS, "quantiles": (quantile_p, 5)}[name]
    z = uniform(-3, 3, 3, 6, n_outputs, 2).float()
    (p,) = link(z)
    assert p.shape == (3, 6, 2, K) and (p >= h.LAPSE / K * 0.99).all()
    close(p.sum(-1), torch.ones(3, 6, 2), 1e-5)
    close(p[1, 4], link(z[1, 4])[0], 1e-6)
    close(p[..., 1, :], link(z.flip(-1))[0][..., 0, :], 1e-6)


def test_links_say_the_distributions_that_they_name():
    z = uniform(-1, 1, 1, 2, 2).detach()
    centre, scale = h.centre_and_scale(z[:, 0], z[:, 1])
    lapse = h.LAPSE / K
    for link, cdf in ((h.ordinal_normal, h.normal_cdf), (h.ordinal_student, h.student3_cdf)):
        plain = h.level_probabilities(centre, scale, K, cdf)
        close(link(z, K)[0], (1 - h.LAPSE) * plain + lapse)
    # one component that has all the weight is the ordinal Gaussian, moved by its own start
    weights = torch.full((1, 2, 2), -50.0).double()
    weights[:, 1] = 50.0
    z6 = torch.cat([z[:, :1] - 9, z[:, :1] - 0.5, z[:, 1:], z[:, 1:], weights], dim=1)
    close(h.mixture_link(z6, 2, K)[0], h.ordinal_normal(z, K)[0])
    z9 = torch.log(FREQUENCIES[1:].clamp_min(1e-30)).movedim(-1, -2)
    close(h.softmax_link(z9)[0], (1 - h.LAPSE) * FREQUENCIES[1:] + lapse)


def test_a_mixture_can_have_two_modes_and_a_gaussian_cannot():
    two = torch.tensor([0.02, 0.1, 0.26, 0.1, 0.04, 0.1, 0.26, 0.1, 0.02]).double()[None, None]
    fits = {}
    for name in ("ordinal_normal", "mixture2"):
        link, n_outputs = LINKS[name]
        start = torch.zeros(1, n_outputs, 1).double()
        (z,) = minimise(lambda z, link=link: h.cross_entropy(*link(z), two), [start])
        fits[name] = link(z)[0][0, 0]
    assert fits["mixture2"][2] > 3 * fits["mixture2"][4]
    assert fits["ordinal_normal"][2] < fits["ordinal_normal"][4]
    close(fits["mixture2"], two[0, 0], 0.03)


def test_moments_of_the_histogram_are_the_listeners_moments():
    mu, sigma = h.moments_of(FREQUENCIES)
    close(mu, MEAN)
    close(sigma, SD, 2e-6)


def test_losses_are_averages_over_single_ratings():
    p = h.softmax_link(uniform(-2, 2, 6, K, 2))[0].detach()
    index = ((RATINGS + 1) * (K - 1) / 2).round().long()
    each = torch.stack([torch.gather(p, -1, i[..., None])[..., 0] for i in index])
    close(h.cross_entropy(p, FREQUENCIES), -each.log().mean(0))
    step = (LEVELS >= RATINGS[..., None]).double()
    crps = ((p.cumsum(-1) - step) ** 2).sum(-1).mean(0) * (LEVELS[1] - LEVELS[0])
    close(h.ranked_probability(p, FREQUENCIES), crps)
    (q,) = h.quantile_link(uniform(-2, 2, 6, 5, 2))
    tau, gap = torch.tensor(h.TAUS, dtype=torch.float64), RATINGS[..., None] - q
    each = torch.where(gap > 0, tau * gap, (tau - 1) * gap)
    close(h.pinball(q, FREQUENCIES), each.mean((0, -1)))


def test_ranked_probability_is_the_expected_distance_form_of_the_crps():
    p = h.softmax_link(uniform(-2, 2, 6, K, 2))[0].detach()
    apart = (LEVELS[:, None] - LEVELS).abs()
    expected = torch.einsum("ndi,ij,ndj->nd", p, apart, FREQUENCIES)
    expected -= torch.einsum("ndi,ij,ndj->nd", p, apart, p) / 2
    close(h.ranked_probability(p, FREQUENCIES), expected)


def test_emd_of_two_sure_histograms_and_of_equal_ones():
    sure = torch.eye(K).double()
    value = h.emd(sure[2], sure[5])  # three of nine cumulated steps differ by 1
    assert value.item() == pytest.approx((3 / 9) ** 0.5)
    both = h.emd_moments(sure[2], sure[5])
    assert both.item() == pytest.approx((3 / 9) ** 0.5 + 0.75**2)
    same = sure[2].clone().requires_grad_()
    for loss in (h.emd, h.emd_moments):
        value = loss(same, sure[2])
        assert value.item() == pytest.approx(0, abs=1e-12)
        assert torch.isfinite(grad(value, same)[0]).all()


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_the_minimum_is_the_listeners_histogram(loss):
    target = 0.9 * FREQUENCIES[1:] + 0.1 / K
    start = torch.zeros(5, K, 2).double()
    (z,) = minimise(lambda z: loss(*h.softmax_link(z), target), [start], 400)
    (p,) = h.softmax_link(z)
    close(p, target, 1e-3)
    other = h.softmax_link(uniform(-1, 1, 5, K, 2))[0]
    assert (loss(other, target) > loss(target, target) + 1e-6).all()


@pytest.mark.parametrize("name", ["ordinal_normal", "ordinal_student"])
def test_ordinal_heads_find_the_latent_centre_and_scale(name):
    link, _ = LINKS[name]
    truth = torch.tensor([[[0.7, -0.2], [-1.5, 0.3]]]).double()
    start = torch.zeros(1, 2, 2).double()
    (z,) = minimise(lambda z: h.cross_entropy(*link(z), link(truth)[0]), [start], 500)
    close(z, truth, 1e-4)


def test_quantiles_rise_and_are_the_truth_at_the_minimum():
    (q,) = h.quantile_link(uniform(-30, 30, 6, 5, 2).float())
    assert (q.diff(dim=-1) > 0).all()
    y = np.linspace(-1, 1, 4001)
    density = stats.norm(0.1, 0.2).pdf(y)
    fine = torch.tensor(density / density.sum())[None, None]
    start = torch.zeros(1, 5, 1).double()
    (z,) = minimise(lambda z: h.pinball(*h.quantile_link(z), fine), [start], 500)
    found = h.quantile_link(z)[0][0, 0]
    np.testing.assert_allclose(found, stats.norm(0.1, 0.2).ppf(h.TAUS), atol=2e-3)


def test_probabilities_from_quantiles_are_those_of_a_straight_cdf():
    (q,) = h.quantile_link(uniform(-2, 0, 4, 5, 2))
    p = h.quantile_probabilities(q, K).detach()
    tau, cuts = np.array(h.TAUS), np.linspace(-1, 1, 2 * K - 1)[1::2]
    for song in range(4):
        x = q[song, 0].detach().numpy()
        first = x[0] - tau[0] * (x[1] - x[0]) / (tau[1] - tau[0])
        last = x[-1] + (1 - tau[-1]) * (x[-1] - x[-2]) / (tau[-1] - tau[-2])
        cdf = np.interp(cuts, [first, *x, last], [0, *tau, 1])
        expected = np.diff(cdf, prepend=0, append=1)
        np.testing.assert_allclose(p[song, 0], (1 - h.LAPSE) * expected + h.LAPSE / K, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_gradients_of_losses_equal_numerical_ones(loss):
    p = h.softmax_link(uniform(-2, 2, 6, K, 2))[0].detach().requires_grad_()
    assert gradcheck(lambda p: loss(p, FREQUENCIES), p)


@pytest.mark.parametrize("name", LINKS)
def test_gradients_of_links_equal_numerical_ones(name):
    link, n_outputs = LINKS[name]
    z = uniform(-2, 2, 3, n_outputs, 2)
    z.data[0, 0] = 0.0  # a centre on a level, so that cut points lie on both sides alike
    assert gradcheck(lambda z: link(z)[0], z)


def test_gradients_of_quantiles_equal_numerical_ones():
    z = uniform(-2, 0, 6, 5, 2)
    assert gradcheck(lambda z: h.pinball(*h.quantile_link(z), FREQUENCIES), z)
    assert gradcheck(quantile_p, z)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
@pytest.mark.parametrize("name", [*LINKS, "quantiles"])
def test_extremes_are_finite_in_float32(name, loss):
    link, n_outputs = {**LINKS, "quantiles": (quantile_p, 5)}[name]
    assert finite_everywhere(link, loss, n_outputs, FREQUENCIES)
    assert finite_everywhere(h.quantile_link, h.pinball, 5, FREQUENCIES)
