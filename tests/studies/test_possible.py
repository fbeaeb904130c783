"""What means and SDs alone allow: by hand, and for every shape that is simulated."""

import numpy as np
import pytest
from possible import noise_bounds, possible, sets
from scipy.stats import kstat


def test_the_sets_of_mean_5_and_sd_1():
    tens = ([4] * 5 + [6] * 5, [4] * 4 + [5] * 3 + [6] * 2 + [7], [3] + [5] * 6 + [5] + [6, 7][:2])
    found = sets(10, (1, 9)).loc[50, 50 * 5 + 10]
    k4 = [kstat(np.array(t, float), 4) for t in tens if sum(t) == 50 and np.std(t) == 1]
    assert found["min"] == pytest.approx(min(k4)) and found["max"] >= max(k4)


def test_the_estimate_of_the_noise_is_unbiased():
    rng, n = np.random.default_rng(0), 10
    x = rng.choice([1, 4, 5, 6, 9], (400_000, n), p=[0.1, 0.2, 0.4, 0.2, 0.1]).astype(float)
    variance = x.var(1, ddof=1)
    estimate = (n - 1) / (n + 1) * (kstat(x.T, 4, axis=0) / n + 2 * variance**2 / (n - 1))
    assert estimate.mean() == pytest.approx(variance.var(), rel=0.01)


@pytest.mark.parametrize("far", [1, 3])
def test_the_bounds_hold_whatever_the_shape(far):
    rng, songs = np.random.default_rng(far), 1500
    camps = rng.random(songs) < 0.5  # half of the songs have two camps, or far answers now and then
    chance = np.where(camps, 0.5, 0.12)[:, None]

    def panel():
        side = rng.choice([-far, far], (songs, 10)) + rng.integers(-1, 2, (songs, 10))
        return 5 + np.where(
            rng.random((songs, 10)) < chance, side, rng.integers(-1, 2, (songs, 10))
        )

    one, two = panel(), panel()
    square = one.var(1, ddof=1), two.var(1, ddof=1)
    truth = np.corrcoef(*square)[0, 1]
    found = possible(one.mean(1).round(2), one.std(1).round(2), n_resamples=50)
    assert found["low_end"] - 0.05 <= truth <= found["high_end"]
    assert found["low"] < found["high"] and found["songs"] == songs


def test_a_pair_that_no_set_has_is_left_out():
    assert np.isnan(noise_bounds([5.0], [0.3])).all()
    assert possible([5.0, 5.0, 4.0] * 9, [0.3, 1.0, 2.0] * 9, n_resamples=20)["songs"] == 18
