"""How much of the SD goes with the mean."""

import mean_tells
import numpy as np
import pytest

from mer_utils.data.deam import load_deam
from mer_utils.data.ratings import quadratic_r2


def test_sos_parameter_is_recovered():
    rng = np.random.default_rng(1)
    place = rng.uniform(1.8, 8.2, 4000)
    # a beta-binomial on 1..9 has variance in exact proportion to the bound
    strength = 4.0
    share = (place - 1) / 8
    p = rng.beta(share[:, None] * strength, (1 - share[:, None]) * strength, (4000, 10))
    values = 1 + rng.binomial(8, p)
    a = (1 / 8) * (1 + 7 / (strength + 1))
    assert mean_tells.sos_parameter(values.mean(1), values.std(1)) == pytest.approx(a, abs=0.01)
    with_one = mean_tells.sos_parameter(values.mean(1), values.std(1, ddof=1), ddof=1)
    assert with_one == pytest.approx(mean_tells.sos_parameter(values.mean(1), values.std(1)))


def test_shares_of_deam(deam_root):
    songs = load_deam(deam_root, features=None)
    found = [
        mean_tells.mean_sd_share(songs.rating_mean[:, d], songs.rating_sd[:, d], n_resamples=100)
        for d in (0, 1)
    ]
    r2 = [f["quadratic_r2"][0] for f in found]
    np.testing.assert_allclose(r2, quadratic_r2(songs.rating_mean, songs.rating_sd))
    np.testing.assert_allclose(r2, [0.11, 0.13], atol=0.005)
    for f in found:
        value, low, high = f["sos"]
        assert low < value < high and 0.1 < value < 0.3
