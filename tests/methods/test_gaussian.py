"""Gaussian heads against SciPy's densities, single ratings, and where their minima lie."""

import numpy as np
import pytest
import torch
from listener_panel import finite_everywhere, minimise, panel, uniform
from scipy import stats
from scipy.integrate import quad
from torch.autograd import grad, gradcheck

from mer_utils.methods import gaussian as g
from mer_utils.model.losses import SD_FLOOR, kld

RATINGS, MEAN, SD, FREQUENCIES, COVARIANCE = panel()
SPREAD = slice(1, None)  # songs on which the listeners do not all agree


def heads(seed=1):
    return uniform(-0.9, 0.9, 6, 2, seed=seed), uniform(0.1, 0.9, 6, 2, seed=seed + 1)


def close(a, b, tolerance=1e-9):
    torch.testing.assert_close(
        torch.as_tensor(a), torch.as_tensor(b), rtol=tolerance, atol=tolerance
    )


def paper_link(z):
    return torch.tanh(z[..., 0, :]), torch.exp(-torch.nn.functional.softplus(z[..., 1, :]))


def single_nll(mu, sigma):
    """Average over single ratings of SciPy's Gaussian NLL."""
    mu, sigma = mu.detach().numpy(), sigma.detach().numpy()
    return torch.tensor(-stats.norm.logpdf(RATINGS.numpy(), mu, sigma).mean(0))


def test_gaussian_losses_are_averages_over_single_ratings():
    mu, sigma = heads()
    single = single_nll(mu, sigma)
    close(g.gaussian_nll(mu, sigma, MEAN, SD)[SPREAD], single[SPREAD])
    for beta in (0, 0.5, 1):
        weighted = sigma ** (2 * beta) * single
        close(g.beta_nll(mu, sigma, MEAN, SD, beta)[SPREAD], weighted[SPREAD])
    eta1, eta2 = mu / sigma**2, -1 / (2 * sigma**2)
    close(g.natural(eta1, eta2, MEAN, SD)[SPREAD], single[SPREAD])
    close(g.faithful(mu, sigma, MEAN, SD)[SPREAD], ((MEAN - mu) ** 2 / 2 + single)[SPREAD])
    around = -stats.norm.logpdf(RATINGS.numpy(), MEAN.numpy(), sigma.detach().numpy()).mean(0)
    close(g.spread_given_mean(sigma, SD)[SPREAD], torch.tensor(around)[SPREAD])
    close(g.mean_alone(mu, MEAN), (mu - MEAN) ** 2)


def test_an_sd_of_zero_counts_as_the_floor_so_no_song_asks_for_less():
    mu, sigma = heads()
    at_floor = g.gaussian_nll(mu, sigma, MEAN, SD.clamp_min(SD_FLOOR))
    close(g.gaussian_nll(mu, sigma, MEAN, SD), at_floor)
    assert (SD[0] == 0).all()
    (best,) = fit(g.sigma_link, g.spread_given_mean, 1, SD[:1])
    close(best, torch.full_like(best, SD_FLOOR), 1e-5)
    eta1, eta2 = mu / sigma**2, -1 / (2 * sigma**2)
    close(g.natural(eta1, eta2, MEAN, SD), at_floor)


def test_the_listeners_gaussian_nll_has_the_gradient_of_kld():
    mu, sigma = heads()
    ours = grad(g.gaussian_nll(mu, sigma, MEAN, SD).sum(), [mu, sigma])
    papers = grad(kld(mu, sigma, MEAN, SD).sum(), [mu, sigma])
    single = -torch.distributions.Normal(mu, sigma).log_prob(RATINGS).mean(0)
    from_ratings = grad(single.sum(), [mu, sigma])
    for a, b, c in zip(ours, papers, from_ratings, strict=True):
        close(a, b)
        close(a[SPREAD], c[SPREAD])


def test_beta_nll_has_the_nlls_gradient_times_a_weight_that_is_not_learned():
    mu, sigma = heads()
    plain = grad(g.gaussian_nll(mu, sigma, MEAN, SD).sum(), [mu, sigma])
    for beta in (0, 0.5, 1):
        ours = grad(g.beta_nll(mu, sigma, MEAN, SD, beta).sum(), [mu, sigma])
        for a, b in zip(ours, plain, strict=True):
            close(a, sigma.detach() ** (2 * beta) * b)
    close(grad(g.beta_nll(mu, sigma, MEAN, SD, 1.0).sum(), mu)[0], mu - MEAN)


def test_faithful_learns_the_mean_as_if_alone_and_the_sd_as_the_nll_does():
    mu, sigma = heads()
    of_mean, of_sigma = grad(g.faithful(mu, sigma, MEAN, SD).sum(), [mu, sigma])
    close(of_mean, mu - MEAN)
    close(of_sigma, grad(g.gaussian_nll(mu, sigma, MEAN, SD).sum(), sigma)[0])


def test_natural_parameters_are_those_of_the_same_gaussian_and_convex():
    z = uniform(-3, 3, 6, 2, 2)
    eta1, eta2 = g.natural_link(z)
    mu, sigma = g.natural_moments(eta1, eta2)
    assert (eta2 < 0).all() and (sigma < 1).all() and (sigma > 0).all()
    close(g.natural(eta1, eta2, MEAN, SD), g.gaussian_nll(mu, sigma, MEAN, SD))
    a = torch.stack([eta1, eta2]).detach()
    b = a.flip(1)
    middle = g.natural(*((a + b) / 2), MEAN, SD)
    assert (middle <= (g.natural(*a, MEAN, SD) + g.natural(*b, MEAN, SD)) / 2 + 1e-12).all()


def fit(link, loss, n_outputs, *targets):
    """What a link says after its raw outputs have minimised the loss."""
    start = torch.zeros(*targets[0].shape[:1], n_outputs, targets[0].shape[1]).double()
    (z,) = minimise(lambda z: loss(*link(z), *targets), [start], 2000)
    return link(z)


def test_minima_are_the_listeners_moments():
    inside = (MEAN.abs() < 0.9).all(-1)
    mean, sd, covariance = MEAN[inside], SD[inside], COVARIANCE[inside]
    assert len(mean) >= 4
    mu, sigma = fit(paper_link, g.gaussian_nll, 2, mean, sd)
    close(mu, mean, 1e-5)
    close(sigma, sd, 1e-5)
    mu, sigma = g.natural_moments(*fit(g.natural_link, g.natural, 2, mean, sd))
    close(mu, mean, 1e-4)
    close(sigma, sd, 1e-4)
    close(fit(g.mean_link, g.mean_alone, 1, mean)[0], mean, 1e-5)
    close(fit(g.sigma_link, g.spread_given_mean, 1, sd)[0], sd, 1e-5)
    correlation = covariance[:, :1, 1] / (sd[:, :1] * sd[:, 1:])
    found = fit(g.pair_link, g.full_covariance, 3, mean, covariance)
    for ours, truth in zip(found, (mean, sd, correlation.expand_as(sd)), strict=True):
        close(ours, truth, 1e-5)


@pytest.mark.parametrize("loss", [g.beta_nll, g.faithful])
def test_stopped_gradients_vanish_at_the_truth(loss):
    mu, sigma = (t[SPREAD].clone().requires_grad_() for t in (MEAN, SD))
    for slope in grad(loss(mu, sigma, MEAN[SPREAD], SD[SPREAD]).sum(), [mu, sigma]):
        close(slope, torch.zeros_like(slope))


@pytest.mark.parametrize("n_levels", [5, 9])
def test_student_t_is_the_average_over_single_ratings_of_scipys(n_levels):
    ratings, *_, frequencies, _ = panel(n_levels, seed=4)
    mu, scale, dof = g.student_link(uniform(-3, 3, 6, 3, 2))
    m, s, d = (t.detach().numpy() for t in (mu, scale, dof))
    expected = -stats.t.logpdf(ratings.numpy(), d, m, s).mean(0)
    close(g.student_t(mu, scale, dof, frequencies).detach(), expected)
    centre, sd = g.student_moments(mu, scale, dof)
    close(centre, mu)
    close(sd.detach(), stats.t.std(d, m, s))


def fine(density, n_levels=4001):
    """A density on a fine scale, as frequencies (1, 1, n_levels)."""
    p = density(np.linspace(-1, 1, n_levels))
    return torch.tensor(p / p.sum())[None, None]


def test_minima_of_student_t_and_crps_are_the_truth_on_a_fine_scale():
    mu, sigma = fit(paper_link, g.gaussian_crps, 2, fine(stats.norm(0.1, 0.15).pdf))
    assert (mu.item(), sigma.item()) == pytest.approx((0.1, 0.15), abs=1e-4)
    found = fit(g.student_link, g.student_t, 3, fine(stats.t(9, -0.1, 0.08).pdf))
    assert [f.item() for f in found] == pytest.approx([-0.1, 0.08, 9], rel=0.02)


def test_crps_equals_its_integral_averaged_over_single_ratings():
    mu, sigma, y = 0.2, 0.3, np.array([-1, 0.25, 0.25, 1])
    distribution = stats.norm(mu, sigma)

    def crps(y):
        below, _ = quad(lambda x: distribution.cdf(x) ** 2, -4, y)
        above, _ = quad(lambda x: distribution.sf(x) ** 2, y, 4)
        return below + above

    frequencies = torch.tensor([[[1, 0, 0, 0, 0, 2, 0, 0, 1]]]).double() / 4
    value = g.gaussian_crps(*(torch.full((1, 1), v).double() for v in (mu, sigma)), frequencies)
    assert value.item() == pytest.approx(np.mean([crps(v) for v in y]), rel=1e-7)
    surest = g.gaussian_crps(torch.zeros(1, 1), torch.zeros(1, 1), frequencies.float())
    assert surest.item() == pytest.approx(abs(y).mean(), abs=1e-4)  # of a point: the distance


def test_full_covariance_is_the_nll_of_the_pairs():
    mu, sigma, rho = g.pair_link(uniform(-2, 2, 6, 3, 2))
    value = g.full_covariance(mu, sigma, rho, MEAN, COVARIANCE).detach()
    close(value[:, 0], value[:, 1])
    for song in range(1, 6):
        m, s, r = (t[song].detach().numpy() for t in (mu, sigma, rho))
        assert r[0] == r[1] and abs(r[0]) < 1
        matrix = np.outer(s, s) * np.array([[1, r[0]], [r[0], 1]])
        pairs = stats.multivariate_normal(m, matrix).logpdf(RATINGS[:, song].numpy())
        assert value[song].sum().item() == pytest.approx(-pairs.mean(), rel=1e-9)
    none = torch.zeros_like(rho)
    alone = g.gaussian_nll(mu, sigma, MEAN, SD).sum(-1)
    close(g.full_covariance(mu, sigma, none, MEAN, COVARIANCE).sum(-1), alone)


def test_gradients_equal_numerical_ones():
    mu, sigma = heads()
    for loss in (g.gaussian_nll, lambda m, s, *_: g.gaussian_crps(m, s, FREQUENCIES)):
        assert gradcheck(lambda m, s, loss=loss: loss(m, s, MEAN, SD), (mu, sigma))
    assert gradcheck(lambda m: g.mean_alone(m, MEAN), mu)
    assert gradcheck(lambda s: g.spread_given_mean(s, SD), sigma)
    z2, z3 = uniform(-2, 2, 6, 2, 2), uniform(-2, 2, 6, 3, 2)
    assert gradcheck(lambda z: g.natural(*g.natural_link(z), MEAN, SD), z2)
    assert gradcheck(lambda z: g.student_t(*g.student_link(z), FREQUENCIES), z3)
    assert gradcheck(lambda z: g.full_covariance(*g.pair_link(z), MEAN, COVARIANCE), z3)


CASES = {
    "nll": (paper_link, g.gaussian_nll, 2, MEAN, SD),
    "beta": (paper_link, g.beta_nll, 2, MEAN, SD),
    "faithful": (paper_link, g.faithful, 2, MEAN, SD),
    "natural": (g.natural_link, g.natural, 2, MEAN, SD),
    "mean": (g.mean_link, g.mean_alone, 1, MEAN),
    "spread": (g.sigma_link, g.spread_given_mean, 1, SD),
    "student": (g.student_link, g.student_t, 3, FREQUENCIES),
    "crps": (paper_link, g.gaussian_crps, 2, FREQUENCIES),
    "pairs": (g.pair_link, g.full_covariance, 3, MEAN, COVARIANCE),
}


@pytest.mark.parametrize("name", CASES)
def test_extremes_are_finite_in_float32(name):
    link, loss, n_outputs, *targets = CASES[name]
    assert finite_everywhere(link, loss, n_outputs, *targets)


@pytest.mark.parametrize("name", CASES)
def test_members_and_songs_do_not_meet(name):
    link, loss, n_outputs, *targets = CASES[name]
    z = uniform(-2, 2, 3, 6, n_outputs, 2)
    whole = loss(*link(z), *targets)
    assert whole.shape == (3, 6, 2)
    close(whole[1, 4], loss(*link(z[1, 4:5]), *(t[4:5] for t in targets))[0])
