"""A training that diverges at once is made again; anything else that is wrong is an error."""

from dataclasses import fields
from types import SimpleNamespace

import pytest
from encoder_fits import OTHER_SEED, RESTARTS, Fit, restarted


def training(fails, text="training diverged: the validation loss was never finite"):
    """A training that fails so many times; ``seeds`` fills with those that were tried."""
    seeds = []

    def train(seed):
        seeds.append(seed)
        if len(seeds) <= fails:
            raise ValueError(text)
        return SimpleNamespace(**{field.name: seed for field in fields(Fit)})

    return train, seeds


@pytest.mark.parametrize("fails", range(RESTARTS + 1))
def test_a_training_that_diverges_is_made_again_from_other_weights(fails):
    train, seeds = training(fails)
    made = restarted(train, 5)
    assert made.restarts == fails
    assert made.mu == 5 + OTHER_SEED * fails == seeds[-1]
    assert len(set(seeds)) == fails + 1


def test_it_is_given_up_after_a_few_times():
    train, seeds = training(RESTARTS + 1)
    with pytest.raises(ValueError, match="diverged"):
        restarted(train, 0)
    assert len(seeds) == RESTARTS + 1


def test_other_errors_are_not_hidden():
    train, seeds = training(1, "wrong shape")
    with pytest.raises(ValueError, match="wrong shape"):
        restarted(train, 0)
    assert len(seeds) == 1
