"""Losses against hand-computed values, numerical integration and numerical gradients."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from mer_utils.model.losses import (
    LOSSES,
    SD_FLOOR,
    gaussian_kl,
    get_loss,
    kld,
    kld_reverse,
    mse,
    nll,
)

LN2, HALF_LOG_2PI = math.log(2), 0.5 * math.log(2 * math.pi)
means = st.floats(-1, 1)
sds = st.floats(0.05, 1)


def f64(*values):
    return [torch.tensor(v, dtype=torch.float64) for v in values]


@pytest.mark.parametrize(
    ("loss", "mu", "sigma", "mean", "sd", "expected"),
    [
        (mse, 0.5, 0.2, 0.1, 0.5, 0.25),
        (mse, -0.25, 0.5, -0.25, 0.0, 0.25),
        (kld, 0.5, 0.25, 0.0, 0.5, 3.5 - LN2),
        (kld_reverse, 0.5, 0.25, 0.0, 0.5, 0.125 + LN2),
        (nll, 0.5, 0.5, 0.0, 0.3, 0.5 - LN2 + HALF_LOG_2PI),
        (nll, 0.3, 0.01, 0.3, 0.3, math.log(0.01) + HALF_LOG_2PI),
    ],
)
def test_hand_computed_values(loss, mu, sigma, mean, sd, expected):
    assert loss(*f64(mu, sigma, mean, sd)).item() == pytest.approx(expected, abs=1e-12)


@given(means, sds, means, sds)
def test_kl_is_never_negative_and_zero_only_for_equal_gaussians(m, s, mu, sigma):
    for loss in (kld, kld_reverse):
        value = loss(*f64(mu, sigma, m, s)).item()
        assert value > -1e-12
        apart = max(abs(m - mu), abs(s - sigma))
        assert value > apart**2 / 2 - 1e-12  # so 0 only at equality
        assert loss(*f64(m, s, m, s)).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("mu_p", "sd_p", "mu_q", "sd_q"),
    [(0.1, 0.2, 0.4, 0.5), (-0.7, 0.9, 0.2, 0.3), (0, 0.05, 0, 0.3)],
)
def test_kl_equals_its_integral(mu_p, sd_p, mu_q, sd_q):
    p, q = norm(mu_p, sd_p), norm(mu_q, sd_q)

    def integrand(x):
        return p.pdf(x) * (p.logpdf(x) - q.logpdf(x))

    expected, _ = quad(integrand, mu_p - 12 * sd_p, mu_p + 12 * sd_p, limit=200)
    assert gaussian_kl(*f64(mu_p, sd_p, mu_q, sd_q)).item() == pytest.approx(expected, rel=1e-6)
    # which way round the two losses are
    assert kld(*f64(mu_q, sd_q, mu_p, sd_p)).item() == pytest.approx(expected, rel=1e-6)
    assert kld_reverse(*f64(mu_p, sd_p, mu_q, sd_q)).item() == pytest.approx(expected, rel=1e-6)


@given(means, sds, means)
def test_nll_is_minus_the_log_density_of_the_mean_rating(mu, sigma, mean):
    value = nll(*f64(mu, sigma, mean)).item()
    assert value == pytest.approx(-norm.logpdf(mean, mu, sigma), rel=1e-9, abs=1e-9)


def test_nll_does_not_see_the_sd():
    args = f64(0.1, 0.2, 0.3)
    assert nll(*args, torch.tensor(0.1)) == nll(*args, torch.tensor(0.9)) == nll(*args)


@pytest.mark.parametrize("name", LOSSES)
def test_one_value_per_song_and_dimension_each_from_its_own_numbers(name):
    rng = np.random.default_rng(0)
    mu, mean = (torch.tensor(rng.uniform(-1, 1, (3, 5, 2))) for _ in range(2))
    sigma, sd = (torch.tensor(rng.uniform(0.1, 0.9, (3, 5, 2))) for _ in range(2))
    whole = LOSSES[name](mu, sigma, mean, sd)
    assert whole.shape == (3, 5, 2)
    one = LOSSES[name](*(a[1, 4, 1] for a in (mu, sigma, mean, sd)))
    assert whole[1, 4, 1] == one


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_equal_numerical_ones(name):
    rng = np.random.default_rng(1)
    mu = torch.tensor(rng.uniform(-0.9, 0.9, (4, 2)), requires_grad=True)
    sigma = torch.tensor(rng.uniform(0.1, 0.9, (4, 2)), requires_grad=True)
    mean = torch.tensor(rng.uniform(-1, 1, (4, 2)))
    sd = torch.tensor(rng.uniform(0, 0.6, (4, 2)))
    sd[0] = 0.0
    torch.autograd.gradcheck(lambda m, s: LOSSES[name](m, s, mean, sd), (mu, sigma))


@pytest.mark.parametrize("name", LOSSES)
def test_an_sd_of_zero_gives_a_finite_value_and_gradient(name):
    mu = torch.tensor([[0.3, -1.0]], requires_grad=True)
    sigma = torch.tensor([[0.2, 0.9]], requires_grad=True)
    value = LOSSES[name](mu, sigma, torch.tensor([[0.5, 1.0]]), torch.zeros(1, 2))
    gradient = torch.autograd.grad(value.sum(), [mu, sigma], allow_unused=True)
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(g).all() for g in gradient)


@pytest.mark.parametrize("loss", [kld, kld_reverse])
def test_sds_below_the_floor_count_as_the_floor_and_others_as_they_are(loss):
    mu, sigma, mean = f64(0.1, 0.3, 0.2)
    at_floor = loss(mu, sigma, mean, torch.tensor(SD_FLOOR, dtype=torch.float64))
    for low in (0.0, SD_FLOOR / 2):
        assert loss(mu, sigma, mean, torch.tensor(low, dtype=torch.float64)) == at_floor
    above = loss(mu, sigma, mean, torch.tensor(SD_FLOOR * 1.01, dtype=torch.float64))
    assert above != at_floor


def test_the_floor_is_half_the_smallest_sd_that_ten_raters_can_show():
    one_differs = [np.std([r] * 9 + [r + 1]) for r in range(1, 9)]
    pairs = [np.std([5] * (10 - k) + [5 + d] * k) for k in range(1, 10) for d in (1, 2, 3, 4)]
    assert min(one_differs + pairs) / 2 / 4 == pytest.approx(SD_FLOOR)


def test_kld_has_the_gradient_of_the_nll_of_the_single_ratings():
    """So training on (mean, SD) with KLD is training on the ratings with Gaussian likelihood."""
    rng = np.random.default_rng(2)
    ratings = (rng.integers(1, 10, (6, 10, 2)) - 5) / 4
    mean, sd = (torch.tensor(f) for f in (ratings.mean(1), ratings.std(1, ddof=0)))
    mu = torch.tensor(rng.uniform(-0.5, 0.5, (6, 2)), requires_grad=True)
    sigma = torch.tensor(rng.uniform(0.1, 0.9, (6, 2)), requires_grad=True)
    from_moments = torch.autograd.grad(kld(mu, sigma, mean, sd).sum(), [mu, sigma])
    single = -torch.distributions.Normal(mu[:, None], sigma[:, None]).log_prob(
        torch.tensor(ratings)
    )
    from_ratings = torch.autograd.grad(single.mean(1).sum(), [mu, sigma])
    for a, b in zip(from_moments, from_ratings, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def test_unknown_loss_is_refused_with_the_list():
    assert get_loss("kld") is kld
    with pytest.raises(ValueError, match="'huber': choose one of mse, kld, kld_reverse, nll"):
        get_loss("huber")
