"""Simulated worlds: they look as asked, have the shape that they name, and know their truth."""

import numpy as np
import pytest
from worlds import Observed, World, deviations, observe, quadratic

PLACES = np.random.default_rng(0).normal(4.9, 1.1, 900)
SONGS = Observed(PLACES, 10, (1, 9), 1.6, 0.165, 0.018, 1.4)
SHAPES = [("lapses", 0.0), ("lapses", 0.03), ("heavy", 3.0), ("heavy", 1.5), ("camps", 0.6)]


@pytest.mark.parametrize(("shape", "value"), [*SHAPES, ("skewed", 6.0)])
def test_a_fitted_world_looks_as_observed(shape, value):
    mean, sd = World(SONGS, shape, value).fit().panels()
    flat = mean.reshape(-1, 900), sd.reshape(-1, 900)
    seen = observe(*flat, 10, (1, 9), PLACES)
    for name in ("level", "variance", "told", "mean_variance"):
        assert getattr(seen, name) == pytest.approx(getattr(SONGS, name), rel=0.02), name


@pytest.mark.parametrize("shape", ["heavy", "skewed", "camps", "lapses"])
def test_deviations_have_mean_0_and_sd_1(shape):
    rng, turned = np.random.default_rng(1), np.array([[1.0], [-1.0]])
    drawn = deviations(shape, 0.8, (2, 2, 200_000), rng, turned)
    np.testing.assert_allclose(drawn.mean(-1), 0, atol=0.02)
    np.testing.assert_allclose(drawn.std(-1), 1, atol=0.03)


def test_shapes_are_what_they_are_called():
    rng, turned = np.random.default_rng(2), np.array([[1.0], [-1.0]])
    size = (2, 400_000)

    def moment(shape, value, k):
        return (deviations(shape, value, size, rng, turned) ** k).mean(1)

    assert moment("heavy", 2.0, 4) == pytest.approx(3, rel=0.03)  # normal
    assert moment("heavy", 1.0, 4) == pytest.approx(6, rel=0.06)  # Laplace
    assert moment("heavy", 50.0, 4) == pytest.approx(1.8, rel=0.03)  # flat
    np.testing.assert_allclose(moment("skewed", 4.0, 3), [1, -1], rtol=0.05)  # 2 / sqrt(4)
    expected = 0.9**4 + 6 * 0.81 * 0.19 + 3 * 0.19**2
    assert moment("camps", 0.9, 4) == pytest.approx(expected, rel=0.02)  # two camps far apart
    with pytest.raises(ValueError, match="unknown shape"):
        deviations("round", 1, size, rng, turned)


@pytest.mark.parametrize(("shape", "value"), SHAPES)
def test_the_truth_is_what_new_panels_show(shape, value):
    world = World(SONGS, shape, value, draws=20).fit()
    rng, size = np.random.default_rng(3), (900, 10)
    panels = [world.ratings(world.listeners(size, rng)) for _ in range(40)]
    sds = np.array([p.std(1, ddof=1) for p in panels])
    r = np.corrcoef(sds)[np.triu_indices(40, 1)].mean()
    assert world.truth()["all"] == pytest.approx(r, abs=0.02)
    rest = np.array([s - quadratic(p.mean(1), s) for s, p in zip(sds, panels, strict=True)])
    r = np.corrcoef(rest)[np.triu_indices(40, 1)].mean()
    assert world.truth()["beyond"] == pytest.approx(r, abs=0.02)


def test_raters_who_differ_add_noise_and_keep_the_level():
    plain, differ = (World(SONGS, "lapses", 0, h).fit() for h in (0.0, 0.25))
    assert differ.truth()["all"] < plain.truth()["all"] - 0.03
    assert differ.panels()[1].mean() == pytest.approx(SONGS.level, rel=0.01)


def test_places_are_the_means_without_their_noise():
    rng = np.random.default_rng(4)
    true = rng.normal(5, 1, 20_000)
    mean = true + rng.normal(0, 1.6 / np.sqrt(10), true.shape)
    seen = observe(mean, np.full(true.shape, 1.6), 10, (1, 9))
    assert seen.places.std() == pytest.approx(true.std(), rel=0.01)
