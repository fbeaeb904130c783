"""A latent SD from means and SDs: the null and the model, where the truth is known."""

import numpy as np
import pytest
import rival_latent
from ceiling_worlds import world

from mer_utils.scoring.intervals import resample_counts


def test_lapses_lower_the_ceiling():
    mean, sd, rho, _ = world("heavy")
    none, some = (rival_latent.latent_grid(mean, sd, lapses=e) for e in (0.0, 0.03))
    assert rival_latent.null_reliability(some, squeeze=True) < rival_latent.null_reliability(
        none, squeeze=True
    )
    assert rival_latent.latent_reliability(rival_latent.fit_latent(some))[0] == pytest.approx(
        rho, abs=0.06
    )


def test_no_spread_leaves_nothing_beyond_the_mean():
    mean, sd, _, _ = world(spread=0.0)
    fit = rival_latent.fit_latent(rival_latent.latent_grid(mean, sd))
    whole, beyond = rival_latent.latent_reliability(fit)
    assert 0 <= beyond < 0.06 and beyond <= whole
    draws = rival_latent.latent_reliability(fit, resample_counts(len(sd), 40))
    assert (draws >= 0).all() and np.quantile(draws[:, 1], 0.025) < 0.02


def test_tau_is_recovered():
    mean, sd, _, _ = world(spread=0.25, n=24)
    fit = rival_latent.fit_latent(rival_latent.latent_grid(mean, sd, 24))
    assert fit.tau == pytest.approx(0.25, abs=0.03)


def test_gradient_of_the_likelihood():
    mean, sd, _, _ = world(n_songs=50)
    grid = rival_latent.latent_grid(mean, sd)
    design, density = (
        rival_latent._design(grid),
        rival_latent._chi_log_density(grid.sd, grid.expected, grid.noise),
    )
    theta = np.array([0.5, -0.02, -0.03, 0.04])
    gradient = rival_latent._song_gradients(theta, design, density)[1]
    for k in range(4):
        step = np.eye(4)[k] * 1e-5
        high, low = (
            rival_latent._song_gradients(theta + s * step, design, density)[0] for s in (1, -1)
        )
        np.testing.assert_allclose(gradient[:, k], (high - low) / 2e-5, rtol=1e-3, atol=1e-4)


def test_chi_density_has_the_moments_it_was_given():
    x = np.linspace(0.151, 8, 4000)
    density = np.exp(rival_latent._chi_log_density(x, np.array([[1.6]]), np.array([[0.12]]))[:, 0])
    step = x[1] - x[0]
    mean = (x * density).sum() * step
    assert density.sum() * step == pytest.approx(1, abs=1e-3)
    assert mean == pytest.approx(1.6, abs=2e-3)
    assert ((x - mean) ** 2 * density).sum() * step == pytest.approx(0.12, rel=0.01)


def test_weights_of_one_are_the_estimate():
    mean, sd, _, _ = world(n_songs=400)
    grid = rival_latent.latent_grid(mean, sd)
    assert rival_latent.null_reliability(grid, np.ones((1, 400))) == pytest.approx(
        rival_latent.null_reliability(grid)
    )
