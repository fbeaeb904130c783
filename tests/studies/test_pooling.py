"""Which layer, which pooling: the whole study in small, on features whose secrets are known."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pooling
import pytest
from planted_tokens import planted

from mer_utils.model.splits import folds

N = 240
SPLITS = folds(N, 0, n_folds=3)
CLUSTER = np.arange(N) % 20
FEW = {"seeds": 1, "epochs": 30, "progress": False}


@pytest.fixture(scope="module")
def tokens():
    return planted(N, tokens=12)


@pytest.fixture(scope="module")
def table(tokens, tmp_path_factory):
    x, targets = tokens
    properties = pd.DataFrame(targets, columns=["mean", "spread", "order"])
    features = {("penultimate", way): values for way, values in pooling.over_time(x).items()}
    mean = np.random.default_rng(1).uniform(-0.5, 0.5, N)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MER_CACHE", str(tmp_path_factory.mktemp("cache")))
        args = features, x, properties, mean, SPLITS, CLUSTER, 3, 1
        made = pooling.probe_table(*args, **FEW)
        patch.setattr(pooling, "tqdm", None)
        patch.setattr(pooling, "RidgeCV", None)
        pd.testing.assert_frame_equal(made, pooling.probe_table(*args, **FEW))  # from the cache
    return made


def value(table, reader, way, judge, score="r2"):
    part = table[table["reader"].eq(reader) & table["pooling"].eq(way)]
    part = part[part["judges"].eq(judge) & part["score"].eq(score)]
    return part.set_index("property")["value"]


@pytest.mark.parametrize(
    ("reader", "way", "reads"),
    [
        ("ridge", "mean", "mean"),
        ("ridge", "mean + SD", "mean spread"),
        ("ridge", "thirds", "mean order"),
        ("network", "mean", "mean"),
        ("network", "mean + SD", "mean spread"),
        ("network", "attention", "mean spread"),
        ("network", "attention in time", "mean spread order"),
    ],
)
def test_a_pooling_reads_what_it_keeps_and_nobody_reads_nothing(table, reader, way, reads):
    for judge in ("truth", "observed", "property"):
        for name, found in value(table, reader, way, judge).items():
            inside = found > 0.25 if name in reads.split() else found < 0.15
            assert inside, (judge, name, found)


def test_whoever_is_told_the_property_is_the_upper_end(table):
    known = value(table, "known", "", "truth")
    assert (known > 0.95).all(), "nothing too: its number is told"
    for reader in ("ridge", "network"):
        for way in ("mean", "mean + SD"):
            assert (value(table, reader, way, "truth") < known).all()
    seen = table[table["reader"].eq("known") & table["judges"].eq("observed")]
    assert (seen["value"] < seen["ceiling"] + 0.02).all()
    assert (seen["ceiling"] < 0.95).all()


def test_gains_are_against_the_average_over_time(table):
    usual = table[table["pooling"].eq("mean")]
    assert (usual[["gain", "gain_low", "gain_high"]] == 0).all(axis=None)
    gain = table[table["pooling"].eq("mean + SD") & table["property"].eq("spread")]
    assert (gain["gain_low"] > 0).all()
    assert len(table) == (2 * 4 * 2) + (4 + 5) * (3 * 4 * 2)


def test_real_sds_are_judged_by_their_listeners(tokens, monkeypatch, tmp_path):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    x, targets = tokens
    sd = 0.45 + 0.05 * targets[:, :2]
    features = {("penultimate", way): values for way, values in pooling.over_time(x).items()}
    names = ("valence", "arousal")
    found = pooling.pooling_table(features, None, sd, names, SPLITS, CLUSTER)
    assert set(found["judges"]) == {"listeners"} and found["ceiling"].isna().all()
    r2 = found[found["score"].eq("r2")].set_index(["pooling", "property"])
    assert r2.loc[("mean", "valence"), "value"] > 0.9 > 0.2 > r2.loc[("mean", "arousal"), "value"]
    assert r2.loc[("mean + SD", "arousal"), "gain_low"] > 0.4


def test_features_are_those_of_the_layers():
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(5, 3, 3, 753)).astype(np.float16)
    sound = SimpleNamespace(
        log_mel=rng.normal(size=(5, 3, 187, 96)), tokens=tokens,
        largest=rng.normal(size=(5, 3, 753)), penultimate=rng.normal(size=(5, 3, 200)),
    )  # fmt: skip
    found = pooling.features_of(sound)
    sizes = {"log-mel": 96, "front end": 561, "middle 1": 64, "middle 2": 64, "middle 3": 64,
             "all tokens": 753, "penultimate": 200}  # fmt: skip
    assert {layer for layer, _ in found} == set(sizes)
    assert found.pop(("log-mel", "by hand")).shape == (5, 2)
    times = {"mean + SD": 2, "thirds": 3}
    for (layer, way), x in found.items():
        assert x.shape == (5, sizes[layer] * times.get(way, 1))
    flat = tokens.astype(np.float32).reshape(5, 9, 753)
    np.testing.assert_allclose(found["middle 2", "mean"], flat[..., 625:689].mean(1), atol=1e-6)
    np.testing.assert_allclose(found["middle 3", "max"], sound.largest[..., 689:].max(1))


def test_ridge_learns_from_the_clips_that_train_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 5))
    y = x[:, :1] + 0.1 * rng.normal(size=(N, 1))
    found = pooling.ridge(x, y, SPLITS)
    assert np.corrcoef(found[:, 0], y[:, 0])[0, 1] > 0.98
    split, moved = SPLITS[0], y.copy()
    moved[split.test], moved[split.validation] = 99, -99
    again = pooling.ridge(x, moved, SPLITS[:1])
    np.testing.assert_array_equal(again[split.test], found[split.test])
    assert pooling.fold_of(SPLITS)[SPLITS[2].test].tolist() == [2] * len(SPLITS[2].test)
