"""Every method by name: it fits, keeps test songs unseen, and a member alone is a member."""

import inspect

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mer_utils.methods import ensembles, gaussian, registry
from mer_utils.methods.listeners import levels, maximum_entropy, panel_of
from mer_utils.methods.registry import METHODS, head, out_of_fold
from mer_utils.model import heads
from mer_utils.model.splits import folds, holdout, standardise
from mer_utils.model.training import Protocol

K, SHORT = 5, Protocol(epochs=3)
NAMES = sorted(METHODS)
ONE = [n for n in NAMES if METHODS[n].family in ("mean only", "learner") or METHODS[n].several]
FINDS = [n for n in NAMES if METHODS[n].family in ("learner", "Gaussian", "distribution")]
FINDS = [n for n in FINDS if n != "nll"]  # it is told no SD


def world(n=120, d=8, listeners=30, strength=0.0, seed=0):
    """Features; a panel whose means follow the first, and SDs (by ``strength``) the second."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    mean = 0.4 * np.tanh(x[:, [0]] * [1, -1])
    sd = 0.35 + strength * np.tanh(x[:, [1]] * [1, 1])
    p = maximum_entropy(mean, sd, K)
    rated = (rng.random((n, listeners, 2, 1)) > p.cumsum(-1)[:, None, :, :-1]).sum(-1)
    away = levels(K)[rated] - levels(K)[rated].mean(1, keepdims=True)
    counts = np.stack([(rated == k).sum(1) for k in range(K)], -1)
    return x, panel_of(counts, np.einsum("nli,nlj->nij", away, away) / listeners)


X, PANEL = world()
SPLIT = holdout(120, 0)


@pytest.fixture(scope="module")
def fitted():
    return {n: METHODS[n].fit(X, PANEL, SPLIT, (0, 1), SHORT) for n in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_method_says_what_a_listener_may_say(fitted, name):
    got = fitted[name]
    members = 1 if name in ONE else 2
    assert got.mu.shape == got.sigma.shape == (members, 120, 2)
    assert got.mu.dtype == got.sigma.dtype == float
    assert np.isfinite(got.mu).all() and np.isfinite(got.sigma).all()
    assert (np.abs(got.mu) <= 1.001).all() and (got.sigma > 0).all()
    p = got.probabilities(K)
    assert p.shape == (members, 120, 2, K) and (p >= 0).all()
    np.testing.assert_allclose(p.sum(-1), 1, atol=1e-5)
    if got.p is not None:
        np.testing.assert_allclose(p @ levels(K), got.mu, atol=1e-5)
        square = p @ levels(K) ** 2 - got.mu**2
        np.testing.assert_allclose(np.sqrt(square), got.sigma, atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_test_songs_never_teach(fitted, name):
    rng, rows = np.random.default_rng(1), SPLIT.test
    other = PANEL._replace(**{
        part: np.where(np.isin(np.arange(120), rows).reshape(-1, *[1] * (old.ndim - 1)),
                       rng.permutation(old), old)
        for part, old in PANEL._asdict().items()
    })  # fmt: skip
    assert not np.array_equal(other.sd, PANEL.sd)
    again = METHODS[name].fit(X, other, SPLIT, (0, 1), SHORT)
    for a, b in zip(fitted[name], again, strict=True):
        assert (a is None and b is None) or np.array_equal(a, b)


@pytest.mark.parametrize("name", [n for n in NAMES if n not in ONE])
def test_a_member_alone_is_the_member_of_a_stack(fitted, name):
    alone = METHODS[name].fit(X, PANEL, SPLIT, (1,), SHORT)
    for a, b in zip(fitted[name], alone, strict=True):
        if a is not None:
            np.testing.assert_allclose(a[1:], b, rtol=2e-4, atol=2e-5)
    assert np.abs(fitted[name].sigma[0] - fitted[name].sigma[1]).max() > 1e-4


def test_repelled_members_meet_and_one_alone_is_mse():
    alone = registry.trained(X, PANEL, SPLIT, (1,), SHORT, ensembles.repelled)
    mse = registry.trained(X, PANEL, SPLIT, (1,), SHORT, "mse")
    for name, weight in mse.weights.items():
        torch.testing.assert_close(alone.weights[name], weight, rtol=1e-5, atol=1e-6)
    both = METHODS["repelled_spread"].fit(X, PANEL, SPLIT, (0, 1), SHORT).sigma
    apart = METHODS["seed_spread"].fit(X, PANEL, SPLIT, (0, 1), SHORT).sigma
    assert not np.allclose(both, apart, rtol=0.01)


def test_seeds_spread_as_their_members_means_do(fitted):
    mu = fitted["mse"].mu
    np.testing.assert_allclose(fitted["seed_spread"].sigma[0], mu.std(0, ddof=1), atol=1e-6)
    np.testing.assert_allclose(fitted["seed_spread"].mu[0], mu.mean(0), atol=1e-6)


def test_faithful_hidden_layers_do_not_hear_of_the_sd():
    outputs = heads.Outputs(heads.moments, 2, (1,))
    gradients = []
    for sd in (PANEL.sd, 3 * PANEL.sd[::-1]):
        weights = {k: w.requires_grad_() for k, w in heads.init_heads(8, (0,)).items()}
        said = heads.forward(weights, torch.as_tensor(X), outputs=outputs)
        mean = torch.as_tensor(PANEL.mean, dtype=torch.float32)[None]
        target = torch.as_tensor(sd.copy(), dtype=torch.float32)[None]
        gaussian.faithful(*said, mean, target).mean().backward()
        gradients.append({k: w.grad.clone() for k, w in weights.items()})
    for layer in ("w1", "b1", "w2", "b2"):
        assert torch.equal(gradients[0][layer], gradients[1][layer])
        assert gradients[0][layer].abs().max() > 0
    means, spreads = ([g["w3"][..., part] for g in gradients] for part in ([0, 1], [2, 3]))
    assert torch.equal(*means) and not torch.allclose(*spreads)


def test_faithful_means_do_not_hear_of_the_sd_in_training():
    loud = PANEL._replace(sd=PANEL.sd[::-1].copy())
    last = Protocol(epochs=3, restore_best=False, lr_patience=99)
    fits = [METHODS["faithful"].fit(X, panel, SPLIT, (0,), last) for panel in (PANEL, loud)]
    assert np.array_equal(fits[0].mu, fits[1].mu)
    assert not np.allclose(fits[0].sigma, fits[1].sigma)


PLANTED, LOUD = world(400, 8, 30, 0.15, seed=3)
PARTS = holdout(400, 1)


def found(name):
    """Rank correlation with the planted order, mean of both dimensions, test songs."""
    seeds = range(6 if METHODS[name].several else 1)
    sigma = METHODS[name].fit(PLANTED, LOUD, PARTS, seeds, Protocol(epochs=30)).sigma
    rows = PARTS.test
    return np.mean([spearmanr(sigma.mean(0)[rows, d], PLANTED[rows, 1])[0] for d in (0, 1)])


@pytest.mark.parametrize("name", [*FINDS, "evidential"])
def test_a_planted_spread_is_found(name):
    assert found(name) > 0.5


@pytest.mark.parametrize("name", ["mean_only", "sos", *(n for n in NAMES if "spread" in n)])
def test_a_planted_spread_is_not_found_by_those_who_do_not_ask_for_it(name):
    assert found(name) < 0.4


def test_out_of_fold_puts_each_test_song_where_it_belongs():
    splits = folds(120, 0)
    whole, each = out_of_fold(METHODS["ridge"].fit, X, PANEL, splits, (0,))
    for split, of_fold in zip(splits, each, strict=True):
        x = standardise(X, split.train)
        alone = METHODS["ridge"].fit(x, PANEL, split, (0,))
        np.testing.assert_array_equal(alone.sigma, of_fold.sigma)
        np.testing.assert_array_equal(whole.mu[:, split.test], of_fold.mu[:, split.test])
    assert whole.p is None


def my_loss(mu, sigma, mean, sd):
    """As a reader may write one: absolute errors."""
    return (mu - mean).abs() + (sigma - sd).abs()


def test_a_readers_own_loss_is_one_function_and_one_line():
    METHODS["mine"] = registry.Method("Gaussian", "absolute", head(my_loss))
    try:
        assert found("mine") > 0.5
    finally:
        del METHODS["mine"]


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 2), -1, 0])
def test_a_loss_of_a_wrong_shape_is_told_so(axes):
    def loss(mu, sigma, mean, sd):
        return ((mu - mean) ** 2).mean(axes)

    with pytest.raises(ValueError, match="song and dimension"):
        head(loss)(X, PANEL, SPLIT, (0, 1), SHORT)


def test_every_method_is_named_once_and_each_title_is_short():
    titles = [m.title for m in METHODS.values()]
    assert len(set(titles)) == len(titles) and max(map(len, titles)) <= 25
    assert all(list(inspect.signature(m.fit).parameters)[:4] == ["x", "listeners", "split", "seeds"]
               for m in METHODS.values())  # fmt: skip
