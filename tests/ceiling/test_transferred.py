"""The noise of a panel's SD, seen where raters are known and carried over."""

import numpy as np
import pytest
import validation
from ceiling_worlds import matrix_of

from mer_utils.ceiling import transferred
from mer_utils.data.ratings import quadratic_fit


def test_noise_of_panels_is_unbiased_for_every_shape():
    rng = np.random.default_rng(0)
    for tails in validation.TAILS:
        p = validation.song_probabilities(400, tails, 0.2, rng, validation.WIDE_MEANS)
        panels = transferred.rater_panels(matrix_of(p, 60, rng), 10, n_shuffles=50)
        truth = validation.draw_statistics(p, 10, rng, 400)[1].var(0, ddof=1).mean() * 10 / 9
        assert panels.noise().mean() == pytest.approx(truth, rel=0.06)


def test_noise_of_what_the_mean_does_not_tell():
    rng = np.random.default_rng(1)
    p = validation.song_probabilities(400, "heavy", 0.1, rng)
    means, sds = validation.draw_statistics(p, 10, rng, 400)
    sds = sds * np.sqrt(10 / 9)
    told = quadratic_fit(means[0], sds[0])
    panels = transferred.rater_panels(matrix_of(p, 60, rng), 10, n_shuffles=50)
    truth = (sds - told(means)).var(0, ddof=1).mean()
    assert panels.noise(told).mean() == pytest.approx(truth, rel=0.06)
    assert abs(panels.noise(told).mean() - panels.noise().mean()) > 0.002  # it is not the same


@pytest.mark.parametrize("tails", validation.TAILS)
@pytest.mark.parametrize(("beyond", "n"), [(False, 10), (True, 10), (False, 3)])
def test_ceiling_is_right_for_every_shape(tails, beyond, n):
    """Where the formulas with a normal shape are off by 0.1 to 0.5."""
    errors, held = [], []
    for k in range(6):
        rng = np.random.default_rng([2, k])
        others = matrix_of(
            validation.song_probabilities(110, tails, 0.15, rng, validation.WIDE_MEANS), 60, rng
        )
        p = validation.song_probabilities(1500, tails, 0.15, rng)
        mean, sd = (x.round(2) for x in validation.draw_statistics(p, n, rng))
        told = quadratic_fit(mean, sd)
        truth, _, part = validation.true_reliability(p, n, rng, told=told)
        if beyond:  # as a share of its own variance
            truth = part * sd.var() / (sd - told(mean)).var()
        found = transferred.transferred_ceiling(
            mean,
            sd,
            transferred.rater_panels(others, n, n_shuffles=150),
            beyond=beyond,
            n_resamples=100,
        )
        errors.append(found.value - truth)
        held.append(found.low <= truth <= found.high)
    assert abs(np.mean(errors)) < 0.05
    assert sum(held) >= 5


def test_the_factor_depends_on_the_mean():
    """One factor for all means is wrong where the other songs' means are spread wider."""
    rng = np.random.default_rng(3)
    others = matrix_of(
        validation.song_probabilities(600, "heavy", 0.15, rng, validation.WIDE_MEANS), 60, rng
    )
    c0, c1 = transferred.rater_panels(others, 10, n_shuffles=100).curve()
    assert c0 > 0 and c1 > 0.02 * c0


def test_too_few_raters_for_two_panels():
    with pytest.raises(ValueError, match="two disjoint panels of 10 do not fit: a song has 12"):
        transferred.rater_panels(np.full((4, 12), 5.0), 10)


def test_missing_raters_are_left_out():
    rng = np.random.default_rng(4)
    values = rng.integers(1, 10, (30, 24)).astype(float)
    holes = np.hstack([values, np.full((30, 5), np.nan)])
    a, b = (
        transferred.rater_panels(values, 5, n_shuffles=300),
        transferred.rater_panels(holes, 5, n_shuffles=300),
    )
    assert a.panel.shape == b.panel.shape
    assert a.noise().mean() == pytest.approx(b.noise().mean(), rel=0.05)
