"""Learners of the study of listeners and songs: they learn what is planted; a draw is kept."""

import learners
import numpy as np

from mer_utils.model.training import Protocol

FAST = Protocol(epochs=40, hidden=32, batch_size=16, learning_rate=1e-2, dropout=0.0)


def planted(n=300, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)).astype(np.float32)
    return x, 0.3 * np.tanh(x[:, :2]), 0.4 + 0.1 * np.tanh(x[:, 2:4])


def test_everyone_learns_what_is_planted():
    x, mean, sd = planted()
    found = learners.everyone(x, mean, sd, np.arange(200), range(2), FAST)
    assert list(found) == ["ridge", "mse", "kld", "nll"]
    for learner, (mu, sigma) in found.items():
        assert mu.shape == sigma.shape == (1 if learner == "ridge" else 2, 300, 2)
        for d in range(2):
            assert np.corrcoef(mu[0, 200:, d], mean[200:, d])[0, 1] > 0.8
            if learner != "nll":  # nobody told it
                assert np.corrcoef(sigma[0, 200:, d], sd[200:, d])[0, 1] > 0.7


def test_rows_that_are_not_given_teach_nothing():
    x, mean, sd = planted()
    other_mean, other_sd = mean.copy(), sd.copy()
    other_mean[200:], other_sd[200:] = 0.9, 0.9
    one, two = (
        learners.everyone(x, *labels, np.arange(200), [0], FAST, losses=("mse",))
        for labels in ((mean, sd), (other_mean, other_sd))
    )
    for learner in one:
        np.testing.assert_array_equal(one[learner], two[learner])


def test_without_seeds_ridge_is_alone():
    assert list(learners.everyone(*planted(), np.arange(50), ())) == ["ridge"]


def test_a_draw_is_made_once_and_again_when_it_is_another(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    made = []

    def compute():
        made.append(1)
        return {"values": np.arange(3)}

    for described in ({"draw": 0}, {"draw": 0}, {"draw": 1}):
        found = learners.kept_draw("x", described, (planted,), compute)
        np.testing.assert_array_equal(found["values"], [0, 1, 2])
    assert len(made) == 2
    learners.kept_draw("x", {"draw": 0}, (), compute)
    assert len(made) == 3, "other code, made again"
