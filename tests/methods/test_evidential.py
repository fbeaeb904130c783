"""Evidential regression: its marginal, its moments, and the valley that it cannot see."""

import numpy as np
import pytest
import torch
from listener_panel import finite_everywhere, panel, uniform
from scipy import stats
from torch.autograd import gradcheck

from mer_utils.methods import evidential as e

RATINGS, MEAN, SD, FREQUENCIES, _ = panel()


def close(a, b, tolerance=1e-9):
    torch.testing.assert_close(
        torch.as_tensor(a), torch.as_tensor(b), rtol=tolerance, atol=tolerance
    )


def head():
    return e.evidential_link(uniform(-2, 2, 6, 4, 2))


def test_loss_is_the_average_over_single_ratings_of_students_t_and_penalty():
    gamma, nu, alpha, beta = (t.detach() for t in head())
    scale = (beta * (1 + nu) / (nu * alpha)).sqrt()
    nll = -stats.t.logpdf(RATINGS.numpy(), 2 * alpha.numpy(), gamma.numpy(), scale.numpy())
    penalty = (RATINGS - gamma).abs() * (2 * nu + alpha)
    for weight in (0, 0.01, 1):
        expected = torch.tensor(nll.mean(0)) + weight * penalty.mean(0)
        close(e.evidential(gamma, nu, alpha, beta, FREQUENCIES, weight), expected)
    close(e.evidential(*head(), FREQUENCIES), e.evidential(*head(), FREQUENCIES, 0.01))


def test_marginal_equals_the_form_that_amini_et_al_print():
    gamma, nu, alpha, beta = head()
    omega = 2 * beta * (1 + nu)
    printed = 0.5 * torch.log(torch.pi / nu) - alpha * torch.log(omega)
    printed = printed + torch.lgamma(alpha) - torch.lgamma(alpha + 0.5)
    square = (RATINGS - gamma) ** 2
    printed = printed + ((alpha + 0.5) * torch.log(square * nu + omega)).mean(0)
    close(e.evidential(gamma, nu, alpha, beta, FREQUENCIES, 0.0), printed)


def test_moments_are_those_of_simulated_means_variances_and_ratings():
    gamma, nu, alpha, beta = (torch.tensor(v).double() for v in (0.2, 1.5, 6.0, 2.0))
    rng = np.random.default_rng(0)
    variance = stats.invgamma(alpha.item(), scale=beta.item()).rvs(400_000, random_state=rng)
    means = rng.normal(gamma, np.sqrt(variance / nu.item()))
    ratings = rng.normal(means, np.sqrt(variance))
    centre, sigma = e.evidential_moments(gamma, nu, alpha, beta)
    of_mean = e.epistemic(gamma, nu, alpha, beta)
    assert centre == gamma
    assert variance.mean() == pytest.approx(sigma.item() ** 2, rel=0.02)
    assert means.var() == pytest.approx(of_mean.item(), rel=0.02)
    assert ratings.var() == pytest.approx(sigma.item() ** 2 + of_mean.item(), rel=0.02)


def walk(weight):
    """Loss, aleatoric and epistemic variance along the valley of one answer for one song."""
    answer = [torch.tensor(v).double() for v in (0.1, 1.0, 3.0, 0.4)]
    along = torch.logspace(-2, 2, 41, dtype=torch.float64)
    moved = e.valley(*answer, along)
    loss = e.evidential(*moved, FREQUENCIES[3, 0].expand(41, -1), weight)
    return moved, loss, e.evidential_moments(*moved)[1] ** 2, e.epistemic(*moved)


def test_along_the_valley_the_fit_stays_and_both_uncertainties_go_anywhere():
    moved, fit, aleatoric, epistemic = walk(weight=0)
    assert all(part.shape == (41,) for part in moved)
    close(fit, fit[:1].expand_as(fit), 1e-12)
    close(moved[3][20], torch.tensor(0.4).double())  # nu as it was: beta as it was
    share = aleatoric / (aleatoric + epistemic)
    close(aleatoric + epistemic, (aleatoric + epistemic)[:1].expand(41))
    close(share, moved[1] / (1 + moved[1]))
    assert share[0] < 0.01 and share[-1] > 0.99
    off = list(moved)
    off[3] = moved[3][:1].expand(41)  # nu alone, without its beta, is not a valley
    other = e.evidential(*off, FREQUENCIES[3, 0].expand(41, -1), 0)
    assert np.ptp(other.numpy()) > 0.1


def test_the_penalty_alone_decides_and_it_calls_everything_epistemic():
    _, loss, _, _ = walk(weight=0.01)
    assert (loss.diff() > 0).all()  # downhill is nu = 0, whatever the listeners said


def test_gradients_equal_numerical_ones():
    z = uniform(-2, 2, 6, 4, 2)
    assert gradcheck(lambda z: e.evidential(*e.evidential_link(z), FREQUENCIES), z)


def test_extremes_are_finite_in_float32_and_parameters_in_range():
    assert finite_everywhere(e.evidential_link, e.evidential, 4, FREQUENCIES)
    for size in (-1000, -5, 5, 1000):
        _, nu, alpha, beta = e.evidential_link(torch.full((3, 4, 2), float(size)))
        assert (nu > 0).all() and (alpha > 1).all() and (beta > 0).all()
