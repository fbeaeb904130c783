"""Ceilings from averaged data: each estimator where the truth is known, and their parts."""

from itertools import product

import numpy as np
import pytest

from mer_utils import bounded as B
from mer_utils import ceilings as C
from mer_utils import latent_sd as L
from mer_utils import surrogates as U
from mer_utils import validate_ceilings as V
from mer_utils.deam import load_deam
from mer_utils.metrics import resample_counts
from mer_utils.ratings import quadratic_r2


def world(tails="normal", spread=0.25, n=10, n_songs=3000, seed=0):
    """Mean and SD of panels, true reliability, and the songs' probabilities."""
    rng = np.random.default_rng([seed, n])
    p = V.song_probabilities(n_songs, tails, spread, rng)
    rho, expected = V.true_reliability(p, n, rng)
    mean, sd = V.draw_statistics(p, n, rng)
    return mean.round(2), sd.round(2), rho, expected


# --- surrogates ----------------------------------------------------------------------------


def test_multisets_are_complete_and_weighted():
    known = U.multisets(10)
    assert len(known.total) == 43_758
    assert np.exp(known.log_multiplicity).sum() == pytest.approx(9.0**10)
    assert (known.counts.sum(1) == 10).all()
    assert (known.counts @ U.RATINGS == known.total).all()
    with pytest.raises(ValueError, match="4, 6, 8 or 10"):
        U.multisets(11)


def test_split_halves_of_four_raters_by_hand():
    known = U.multisets(4)
    row = np.flatnonzero((known.counts[:, [0, 2, 4, 8]] == 1).all(1))[0]  # 1 3 5 9
    halves = [((1, 3), (5, 9)), ((1, 5), (3, 9)), ((1, 9), (3, 5))]
    sds = np.array([[np.std(a, ddof=1), np.std(b, ddof=1)] for a, b in halves])
    assert known.product[row] == pytest.approx(np.prod(sds, axis=1).mean(), rel=1e-6)
    assert known.half[row] == pytest.approx(sds.mean(), rel=1e-6)
    assert known.half_square[row] == pytest.approx((sds**2).mean(), rel=1e-6)


def test_weights_equal_brute_force_for_four_raters():
    every = np.array(list(product(range(1, 10), repeat=4)))
    pick = (every.sum(1) == 18) & ((every**2).sum(1) == 90)
    a, b = every[pick, :2].std(1, ddof=1), every[pick, 2:].std(1, ddof=1)
    mean, sd = 4.5, np.sqrt(90 / 4 - 4.5**2)
    found = U.surrogates([mean], [sd], 4)
    assert found.product[0] == pytest.approx((a * b).mean(), rel=1e-6)
    assert found.half[0] == pytest.approx(a.mean(), rel=1e-6)


def test_impossible_pairs_are_left_out():
    found = U.surrogates([5.0, 5.03, 5.0], [1.0, 1.0, 4.5])
    assert found.possible.tolist()[1:] == [0, 0] and found.possible[0] > 0
    assert np.isnan(found.half[1])


# --- estimators ----------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [0.1, 0.25])
def test_estimators_find_the_truth_when_ratings_are_normal(spread):
    mean, sd, rho, expected = world(spread=spread)
    oracle = 1 - np.mean((sd - expected) ** 2) / sd.var()
    assert oracle == pytest.approx(rho, abs=0.04)
    table = C.estimate_ceilings(mean, sd, n_resamples=60)
    rows = table[table["shape"].eq("normal") & table["part"].eq("all")]
    assert set(rows["estimator"]) == {"surrogates", "null", "hierarchical"}
    for row in rows.itertuples():
        assert row.value == pytest.approx(rho, abs=0.06), row.estimator
        assert row.low < row.value < row.high


def test_wrong_kurtosis_gives_a_wrong_ceiling():
    _, sd, rho, _ = world()
    flat, heavy = (C.analytic_reliability(sd, 10, k) for k in (-1.2, 0.5))
    assert flat > rho + 0.1 and heavy < rho - 0.1


def test_a_normal_shape_fails_with_light_tails():
    # this is why the rule of the notebook is there: it must be able to say no
    mean, sd, rho, _ = world("light")
    table = C.estimate_ceilings(mean, sd, n_resamples=30)
    for row in table[table["shape"].eq("normal") & table["part"].eq("all")].itertuples():
        assert row.value < rho - 0.05, row.estimator


def test_lapses_lower_the_ceiling():
    mean, sd, rho, _ = world("heavy")
    none, some = (L.latent_grid(mean, sd, lapses=e) for e in (0.0, 0.03))
    assert L.null_reliability(some, squeeze=True) < L.null_reliability(none, squeeze=True)
    assert L.latent_reliability(L.fit_latent(some))[0] == pytest.approx(rho, abs=0.06)


def test_no_spread_leaves_nothing_beyond_the_mean():
    mean, sd, _, _ = world(spread=0.0)
    fit = L.fit_latent(L.latent_grid(mean, sd))
    whole, beyond = L.latent_reliability(fit)
    assert 0 <= beyond < 0.06 and beyond <= whole
    draws = L.latent_reliability(fit, resample_counts(len(sd), 40))
    assert (draws >= 0).all() and np.quantile(draws[:, 1], 0.025) < 0.02


def test_tau_is_recovered():
    mean, sd, _, _ = world(spread=0.25, n=24)
    fit = L.fit_latent(L.latent_grid(mean, sd, 24))
    assert fit.tau == pytest.approx(0.25, abs=0.03)


def test_gradient_of_the_likelihood():
    mean, sd, _, _ = world(n_songs=50)
    grid = L.latent_grid(mean, sd)
    design, density = L._design(grid), L._chi_log_density(grid.sd, grid.expected, grid.noise)
    theta = np.array([0.5, -0.02, -0.03, 0.04])
    gradient = L._song_gradients(theta, design, density)[1]
    for k in range(4):
        step = np.eye(4)[k] * 1e-5
        high, low = (L._song_gradients(theta + s * step, design, density)[0] for s in (1, -1))
        np.testing.assert_allclose(gradient[:, k], (high - low) / 2e-5, rtol=1e-3, atol=1e-4)


def test_chi_density_has_the_moments_it_was_given():
    x = np.linspace(0.151, 8, 4000)
    density = np.exp(L._chi_log_density(x, np.array([[1.6]]), np.array([[0.12]]))[:, 0])
    step = x[1] - x[0]
    mean = (x * density).sum() * step
    assert density.sum() * step == pytest.approx(1, abs=1e-3)
    assert mean == pytest.approx(1.6, abs=2e-3)
    assert ((x - mean) ** 2 * density).sum() * step == pytest.approx(0.12, rel=0.01)


def test_weights_of_one_are_the_estimate():
    mean, sd, _, _ = world(n_songs=400)
    ones = np.ones((1, 400))
    grid, found = L.latent_grid(mean, sd), U.surrogates(mean, sd)
    assert C.analytic_reliability(sd, 10, -0.3, weights=ones)[0] == pytest.approx(
        C.analytic_reliability(sd, 10, -0.3)
    )
    assert L.null_reliability(grid, ones) == pytest.approx(L.null_reliability(grid))
    assert U.surrogate_reliability(found, sd, ones) == pytest.approx(
        U.surrogate_reliability(found, sd)
    )


def test_raters_needed_orders_its_interval():
    table = C.raters_needed((0.2, 0.1, 0.3)).set_index("target")
    assert (table["low"] <= table["raters"]).all() and (table["raters"] <= table["high"]).all()
    assert table["raters"].is_monotonic_increasing
    assert C.raters_needed((0.2, 0.0, 0.3))["high"].eq(np.inf).all()


# --- validation ----------------------------------------------------------------------------


def test_validation_passes_good_and_fails_bad_estimators():
    found = V.validate_ceilings(
        (10,), ("light", "normal"), (0.25,), n_songs=500, n_repeats=3, n_resamples=40
    )
    verdict = V.passes(found, bias=0.06, least_coverage=0.6)
    verdict = verdict[verdict["part"].eq("all")]
    verdict = verdict.set_index(["estimator", "shape", "tails"])["passes"].sort_index()
    assert verdict["transferred", "measured"].all()
    assert verdict["analytic", "measured", "normal"] and verdict["analytic", "measured", "light"]
    assert verdict["hierarchical", "normal", "normal"]
    assert not verdict["analytic", "normal", "light"]
    assert not verdict["null", "normal", "light"]
    safe, fails = V.outcome(verdict.rename("passes").reset_index())
    assert "analytic (measured)" in safe and "analytic (normal)" in fails
    with pytest.raises(ValueError, match="light, normal, heavy"):
        V.song_probabilities(5, "odd", 0.1, np.random.default_rng(0))


# --- bounded scale -------------------------------------------------------------------------


def test_sos_parameter_is_recovered():
    rng = np.random.default_rng(1)
    place = rng.uniform(1.8, 8.2, 4000)
    # a beta-binomial on 1..9 has variance in exact proportion to the bound
    strength = 4.0
    share = (place - 1) / 8
    p = rng.beta(share[:, None] * strength, (1 - share[:, None]) * strength, (4000, 10))
    values = 1 + rng.binomial(8, p)
    a = (1 / 8) * (1 + 7 / (strength + 1))
    assert B.sos_parameter(values.mean(1), values.std(1)) == pytest.approx(a, abs=0.01)
    with_one = B.sos_parameter(values.mean(1), values.std(1, ddof=1), ddof=1)
    assert with_one == pytest.approx(B.sos_parameter(values.mean(1), values.std(1)))


def test_what_is_beyond_the_mean():
    rng = np.random.default_rng(2)
    mean = rng.uniform(-0.8, 0.8, (500, 2))
    own = rng.normal(0, 0.1, (500, 2))
    sd = 0.5 - 0.3 * mean**2 + own
    left = B.beyond_mean(mean, sd)
    for d in (0, 1):
        assert np.corrcoef(left[:, d], own[:, d])[0, 1] > 0.98
        assert abs(np.corrcoef(left[:, d], mean[:, d] ** 2)[0, 1]) < 1e-8
    only_mean = (0.5 - 0.3 * mean**2 + rng.normal(0, 1e-3, (500, 2)))[None]
    assert (abs(B.partial_pearson(sd, only_mean, mean)) < 0.15).all()
    assert (B.partial_pearson(sd, sd[None], mean) > 0.999).all()


def test_shares_of_deam(deam_root):
    songs = load_deam(deam_root, features=None)
    found = [
        B.mean_sd_share(songs.rating_mean[:, d], songs.rating_sd[:, d], n_resamples=100)
        for d in (0, 1)
    ]
    r2 = [f["quadratic_r2"][0] for f in found]
    np.testing.assert_allclose(r2, quadratic_r2(songs.rating_mean, songs.rating_sd))
    np.testing.assert_allclose(r2, [0.11, 0.13], atol=0.005)
    for f in found:
        value, low, high = f["sos"]
        assert low < value < high and 0.1 < value < 0.3


def test_deam_ceilings_are_low_but_above_what_the_mean_gives(deam_root):
    songs = load_deam(deam_root, features=None)
    for d in (0, 1):
        table = C.estimate_ceilings(
            songs.rating_mean[:, d], songs.rating_sd[:, d], n_resamples=40
        ).set_index(["estimator", "shape", "part"])
        normal = table.xs(("normal", "all"), level=("shape", "part"))["value"]
        assert normal.between(0.14, 0.27).all()
        assert normal["hierarchical"] > quadratic_r2(songs.rating_mean, songs.rating_sd)[d]
        assert table["value"]["analytic", "kurtosis -1.2", "all"] > 0.5
