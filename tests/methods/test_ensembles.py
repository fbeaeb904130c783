"""Negative correlation learning against its identity; Laplace against Bayesian regression."""

import numpy as np
import pytest
import torch

from mer_utils.methods.ensembles import last_layer_laplace, posterior_sd, repelled
from mer_utils.model.heads import forward, init_heads
from mer_utils.model.losses import mse
from mer_utils.model.splits import Split

RNG = np.random.default_rng(0)
MU, SIGMA = torch.tensor(RNG.uniform(-0.9, 0.9, (2, 5, 7, 2)))
MEAN, SD = torch.tensor(RNG.uniform(0.1, 0.6, (2, 7, 2)))
SPLIT = Split(np.arange(0, 30), np.arange(30, 35), np.arange(35, 50))


def test_a_member_alone_has_plain_mse_and_so_have_all_without_weight():
    torch.testing.assert_close(
        repelled(MU[:1], SIGMA[:1], MEAN, SD), mse(MU[:1], SIGMA[:1], MEAN, SD)
    )
    torch.testing.assert_close(repelled(MU, SIGMA, MEAN, SD, weight=0), mse(MU, SIGMA, MEAN, SD))


@pytest.mark.parametrize("weight", [0.3, 0.5, 1.0])
def test_on_average_it_is_the_ensembles_error_and_what_is_left_of_the_spread(weight):
    got = repelled(MU, SIGMA, MEAN, SD, weight).mean(0)
    spread = MU.var(0, correction=0)
    want = (MU.mean(0) - MEAN) ** 2 + (1 - weight) * spread + ((SIGMA - SD) ** 2).mean(0)
    torch.testing.assert_close(got, want)
    assert (got >= 0).all() and (repelled(MU, SIGMA, MEAN, SD, weight) < 0).any()


def test_more_than_one_has_no_lower_bound():
    far = torch.tensor([-1e3, 1e3], dtype=torch.float64).reshape(2, 1, 1)
    args = far, torch.zeros(2, 1, 1), torch.zeros(1, 1), torch.zeros(1, 1)
    assert repelled(*args, weight=1.0).mean() == 0
    assert repelled(*args, weight=1.1).mean() < -1e4


def test_the_gradient_of_a_mean_does_not_know_the_listeners_sd():
    found = []
    for sd in (SD, 3 * SD):
        mu = MU.clone().requires_grad_()
        repelled(mu, SIGMA, MEAN, sd, 0.4).sum().backward()
        found.append(mu.grad)
    assert torch.equal(*found)
    torch.testing.assert_close(found[0], 2 * (MU - MEAN) - 0.8 * (MU - MU.mean(0)))
    mu = MU.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda m: repelled(m, SIGMA, MEAN, SD), (mu,))


def test_repelled_members_end_further_apart_and_equally_near_together():
    """Simulated: members that each see their own four features, trained to the end."""
    rng = np.random.default_rng(1)
    x = torch.tensor(rng.normal(size=(60, 8)))
    target = (x.sum(1, keepdim=True) * 0.1).expand(60, 1)
    masks = torch.tensor(np.stack([rng.permutation(8) < 4 for _ in range(4)])[:, :, None] * 1.0)
    spread, error = [], []
    for weight in (0.0, 0.8):
        w = torch.zeros(4, 8, 1, dtype=torch.float64, requires_grad=True)
        for _ in range(400):
            mu = x @ (w * masks)
            loss = repelled(mu, torch.zeros_like(mu), target, torch.zeros_like(target), weight)
            (grad,) = torch.autograd.grad(loss.mean((1, 2)).sum(), w)
            w = (w - 0.1 * grad).detach().requires_grad_()
        mu = (x @ (w * masks)).detach()
        spread.append(mu.std(0).mean())
        error.append(((mu.mean(0) - target) ** 2).mean())
    assert spread[1] > 1.3 * spread[0] and error[1] < error[0]


def test_members_with_other_songs_at_one_place_are_refused():
    same = MEAN.expand(5, 7, 2)
    torch.testing.assert_close(repelled(MU, SIGMA, same, SD), repelled(MU, SIGMA, MEAN, SD))
    other = torch.stack([MEAN.roll(k, 0) for k in range(5)])
    with pytest.raises(ValueError, match="same order"):
        repelled(MU, SIGMA, other, SD)


def regression(n=200, p=6, precision=4.0, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    phi, w = rng.normal(size=(n, p)), rng.normal(0, precision**-0.5, p)
    return phi, w, rng.normal(0, noise, n)


def test_posterior_is_that_of_bayesian_regression():
    phi, w, residual = regression()
    wanted = np.random.default_rng(1).normal(size=(20, 6))
    got = posterior_sd(phi, residual, wanted, w, [2.5])
    covariance = np.linalg.inv(phi.T @ phi / np.mean(residual**2) + 2.5 * np.eye(6))
    np.testing.assert_allclose(got**2, np.diag(wanted @ covariance @ wanted.T), rtol=1e-10)


def test_evidence_is_the_marginal_likelihood_and_finds_a_planted_precision():
    candidates = np.logspace(-3, 5, 33)
    phi, w, residual = regression(n=600, p=150, precision=10**1.5)
    target, noise = phi @ w + residual, np.mean(residual**2)
    wanted = np.random.default_rng(1).normal(size=(20, 150))
    exact = []  # log density of N(0, v I + phi phi' / precision) at the targets
    for precision in candidates:
        covariance = noise * np.eye(600) + phi @ phi.T / precision
        exact.append(
            -np.linalg.slogdet(covariance)[1] - target @ np.linalg.solve(covariance, target)
        )
    best = candidates[np.argmax(exact)]
    assert 15 < best < 65
    fitted = np.linalg.solve(phi.T @ phi / noise + best * np.eye(150), phi.T @ target / noise)
    got = posterior_sd(phi, residual, wanted, fitted, candidates)
    np.testing.assert_allclose(got, posterior_sd(phi, residual, wanted, fitted, [best]))


def head(seed=0, n=50):
    rng = np.random.default_rng(seed)
    weights = init_heads(5, [1, 2, 3], hidden=8)
    return weights, rng.normal(size=(n, 5)).astype(np.float32), rng.uniform(-0.5, 0.5, (n, 2))


def test_laplace_by_autograd_and_the_direct_formula():
    weights, x, mean = head()
    got = last_layer_laplace(weights, x, SPLIT, mean, [0.7])
    assert got.shape == (3, 50, 2)
    weights = {name: value.double() for name, value in weights.items()}

    def means(w3, b3):
        return forward(weights | {"w3": w3, "b3": b3}, torch.tensor(x).double())[0]

    by_w, by_b = torch.autograd.functional.jacobian(means, (weights["w3"], weights["b3"]))
    mu = means(weights["w3"], weights["b3"])
    for k in range(3):
        for d in range(2):
            phi = torch.cat([by_w[k, :, d, k, :, d], by_b[k, :, d, k, :, d]], 1).numpy()
            noise = np.mean((mean[:30, d] - mu[k, :30, d].numpy()) ** 2)
            covariance = np.linalg.inv(phi[:30].T @ phi[:30] / noise + 0.7 * np.eye(9))
            np.testing.assert_allclose(
                got[k, :, d] ** 2, np.einsum("ij,jk,ik->i", phi, covariance, phi), rtol=1e-4
            )


def test_laplace_shrinks_as_songs_are_added():
    weights, x, mean = head()
    once = last_layer_laplace(weights, x, SPLIT, mean, [1.0])
    twice = Split(np.r_[SPLIT.train, SPLIT.train], SPLIT.validation, SPLIT.test)
    more = last_layer_laplace(weights, x, twice, mean, [1.0])
    assert (more < once).all() and (more > once / np.sqrt(2)).all()


def test_laplace_grows_away_from_the_songs_until_tanh_saturates():
    weights, x, mean = head()
    middle = np.median(last_layer_laplace(weights, x, SPLIT, mean)[:, 35:], axis=1)
    away, far = x.copy(), x.copy()
    away[35:] *= 5
    far[35:] *= 1e4
    assert (np.median(last_layer_laplace(weights, away, SPLIT, mean)[:, 35:], 1) > middle).all()
    assert last_layer_laplace(weights, far, SPLIT, mean)[:, 35:].max() < 1e-6


def test_laplace_reads_training_songs_alone_and_a_member_alone_is_the_same():
    weights, x, mean = head()
    other = mean.copy()
    other[30:] = 9
    want = last_layer_laplace(weights, x, SPLIT, mean)
    np.testing.assert_array_equal(last_layer_laplace(weights, x, SPLIT, other), want)
    alone = {name: value[1:2] for name, value in weights.items()}
    np.testing.assert_allclose(last_layer_laplace(alone, x, SPLIT, mean)[0], want[1], rtol=1e-4)
