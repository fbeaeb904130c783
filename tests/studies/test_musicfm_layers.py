"""The upper layers compute what the encoder computes, and can be trained."""

import math

import numpy as np
import pytest
import time_musicfm
import torch
from musicfm_layers import UpperLayers, frozen_tokens, main, measure, random_weights
from time_musicfm import MEL_MEAN, MEL_SD, plain_hidden_states

from mer_utils.embed.musicfm import MusicFM
from mer_utils.embed.musicfm_checkpoint import read_checkpoint, read_stats

SMALL = {"layers": 2, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
         "neighbours": 2}  # fmt: skip


@pytest.fixture(scope="module", params=["made here", "written by the released code"])
def tiny(request):
    """Weights, the frozen encoder, and waveforms (2, samples)."""
    if request.param == "made here":
        weights, stats = time_musicfm.random_weights(**SMALL), (MEL_MEAN, MEL_SD)
        waves = 0.1 * torch.randn(2, 72_000, generator=torch.Generator().manual_seed(1))
    else:
        folder = request.getfixturevalue("musicfm_root") / "tiny"
        weights, stats = (
            read_checkpoint(folder / "pretrained_tiny.pt"),
            read_stats(folder / "stats.json"),
        )
        waves = torch.from_numpy(np.load(folder / "hidden_states.npz")["waveform"])
    return weights, MusicFM(weights, *stats), waves


def upper(tiny, k, **options):
    weights, model, waves = tiny
    torch.manual_seed(0)
    network = UpperLayers(weights, model.n_layers, model.n_layers - k, **options)
    return network, frozen_tokens(model, waves, k)


def error(a, b):
    return ((a - b).norm() / b.norm()).item()


def gradients(network, tokens):
    network.zero_grad()
    torch.manual_seed(5)  # of the dropout
    network(tokens).square().sum().backward()
    return {name: p.grad.clone() for name, p in network.named_parameters()}


@pytest.mark.parametrize("k", [0, 1, 2])
def test_without_dropout_it_is_the_encoder(tiny, k):
    """The limit is that of the encoder against the released code."""
    network, tokens = upper(tiny, k)
    expected = tiny[1].hidden_states(tiny[2])[-1].mean(dim=1)
    assert tokens.shape == (2, 75, network.size) and tokens.dtype == torch.float32
    assert error(network.eval()(tokens), expected) < 5e-6
    plain = plain_hidden_states(tiny[0], tiny[2], tiny[1].mean, tiny[1].sd)[-1].mean(dim=1)
    assert error(network(tokens), plain) < 5e-6
    if k:
        changed = network.train()(tokens)
        assert error(changed, expected) > 1e-3, "dropout"


def test_a_wrong_number_of_layers(tiny):
    _, model, waves = tiny
    for k in (-1, 3):
        with pytest.raises(ValueError, match=f"k is {k}: MusicFM has 2 layers"):
            frozen_tokens(model, waves, k)


@pytest.mark.parametrize("k", [0, 1, 2])
def test_gradients_reach_all_that_is_trained_and_nothing_that_is_frozen(tiny, k):
    weights, model, _ = tiny
    network, tokens = upper(tiny, k, dropout=0.0)
    trained = {name: p for name, p in network.named_parameters()}
    places = [f"conformer.layers.{i}." for i in range(2 - k, 2)] + ["conformer.layer_norm."]
    fixed = ("running_mean", "running_var", "num_batches_tracked")
    expected = {name: w for name, w in weights.items()
                if k and name.startswith(tuple(places)) and not name.endswith(fixed)}  # fmt: skip
    assert len(trained) == len(expected)
    assert sum(p.numel() for p in trained.values()) == sum(w.numel() for w in expected.values())
    if not k:
        return
    frozen = {name: b.clone() for name, b in network.named_buffers()}
    before = {name: w.clone() for name, w in weights.items()}
    found = gradients(network, tokens)
    for name, gradient in found.items():
        if name.endswith("linear_k.bias"):  # one number for all keys of a query: softmax is blind
            assert gradient.norm() < 1e-4 * found[name.replace("linear_k", "linear_q")].norm()
        else:
            assert gradient.norm() > 0, name
    adam = torch.optim.Adam(network.parameters(), 0.1)
    adam.step()
    assert all(torch.equal(b, frozen[name]) for name, b in network.named_buffers())
    assert all(torch.equal(w, before[name]) for name, w in weights.items()), "copies are trained"
    assert not tokens.requires_grad and not tokens.is_inference()


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_checkpointing_changes_no_gradient(tiny, dropout):
    kept, tokens = upper(tiny, 2, dropout=dropout)
    again, _ = upper(tiny, 2, dropout=dropout, checkpointing=True)
    a, b = gradients(kept, tokens), gradients(again, tokens)
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("k", [1, 2])
def test_bfloat16_costs_its_rounding(tiny, k):
    """Each product rounds its input, weight and result by at most half a unit each.

    With independent signs: the unit times the root of three roundings in 9 products per layer.
    """
    network, tokens = upper(tiny, k, dropout=0.0)
    half, _ = upper(tiny, k, dropout=0.0, bf16=True)
    limit = torch.finfo(torch.bfloat16).eps / 2 * math.sqrt(3 * 9 * k)
    out = half(tokens)
    assert out.dtype == torch.float32
    assert 0 < error(out, network(tokens)) < limit
    a, b = gradients(network, tokens), gradients(half, tokens)
    together = [torch.cat([g[name].flatten() for name in a]) for g in (b, a)]
    assert 0 < error(*together) < 2 * limit, "the way back has its own products"


def test_tokens_may_be_kept_in_half_the_bytes(tiny):
    """The rounding of tokens, at most half a unit each, is all that changes; layers pass it on."""
    network, tokens = upper(tiny, 2, dropout=0.0)
    for dtype in (torch.float16, torch.bfloat16):
        kept = network(tokens.to(dtype))
        assert 0 < error(kept, network(tokens)) < torch.finfo(dtype).eps / 2


@pytest.mark.parametrize("options", [{}, {"checkpointing": True}, {"bf16": True}])
def test_a_step_of_adam_lowers_a_loss(tiny, options):
    network, tokens = upper(tiny, 1, dropout=0.0, **options)
    target = torch.randn(2, network.size, generator=torch.Generator().manual_seed(3))
    adam = torch.optim.Adam(network.parameters(), 1e-3)
    losses = []
    for _ in range(3):
        loss = (network(tokens) - target).square().mean()
        losses.append(loss.item())
        adam.zero_grad()
        loss.backward()
        adam.step()
    assert losses == sorted(losses, reverse=True) and losses[-1] < losses[0]


def test_random_weights_are_another_network_of_the_same_shape(tiny):
    weights, model, waves = tiny
    made = random_weights(weights, 1)
    assert {n: w.shape for n, w in made.items()} == {n: w.shape for n, w in weights.items()}
    assert all(torch.equal(w, made[n]) for n, w in random_weights(weights, 1).items())
    other = random_weights(weights, 2)
    name = "conformer.layers.0.self_attn.linear_q.weight"
    assert not torch.equal(made[name], weights[name]) and not torch.equal(made[name], other[name])
    states = MusicFM(made, model.mean, model.sd).hidden_states(waves)  # the whole encoder, too
    out = UpperLayers(made, 2, 0).eval()(states[0].clone())
    assert error(out, states[-1].mean(dim=1)) < 5e-6
    assert all(state.isfinite().all() and 0.1 < state.std() < 10 for state in states)


def test_the_report(capsys, monkeypatch):
    memory, seconds = measure(1, True, True, dim=32, wide=64, half_head=4)
    assert memory >= 0 and seconds > 0
    monkeypatch.setattr("musicfm_layers.ProcessPoolExecutor", Here)
    for units, formats in ((True, ("float32", "bfloat16")), (False, ("float32",))):
        monkeypatch.setattr("musicfm_layers.has_products", lambda _, units=units: units)
        main(["--k", "1", "2", "--clips", "20"])
        rows = [line.split() for line in capsys.readouterr().out.splitlines()[2:]]
        wanted = [[k, f, saving] for k in "12" for f in formats for saving in ("no", "yes")]
        assert [row[:3] for row in rows] == wanted
        assert {tuple(row[3:]) for row in rows} == {("0.50", "0.25", "1")}  # 3 steps, 0.75 s


class Here:
    """Takes the place of the pool: no process, no measurement."""

    def __init__(self, *_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def submit(self, *_):
        return self

    def result(self):
        return 0.5, 0.25
