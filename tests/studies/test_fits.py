"""What a method predicts out of fold, what validation songs mend, and when the cache is right."""

from dataclasses import replace

import fits as study
import numpy as np
import pytest
from small_case import small_case

from mer_utils.methods import registry
from mer_utils.methods.listeners import Predicted
from mer_utils.methods.registry import METHODS
from mer_utils.model.splits import standardise
from mer_utils.model.training import Protocol

CASE = small_case()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))


def test_validation_songs_mend_a_line_and_say_how_wide_and_how_far_they_are():
    got = study.fit(CASE, "ridge", 1, 1)
    taught = CASE.taught
    for split in CASE.splits:
        x = standardise(CASE.features, split.train)
        alone = METHODS["ridge"].fit(x, taught, split, (0,))
        rows, test = split.validation, split.test
        np.testing.assert_array_equal(got.predicted.sigma[0, test], alone.sigma[0, test])
        for d in (0, 1):
            known, wanted = alone.sigma[0, rows, d], taught.sd[rows, d]
            line = np.polyfit(known, wanted, 1)
            expected = np.polyval(line, alone.sigma[0, test, d])
            np.testing.assert_allclose(got.mended[0, test, d], expected, atol=1e-9)
            np.testing.assert_allclose(got.square[0, test, d], (known**2).mean())
            ratings = taught.frequencies[rows, d] @ np.linspace(-1, 1, 5) ** 2
            mu = alone.mu[0, rows, d]
            away = ratings - 2 * mu * taught.mean[rows, d] + mu**2  # of single ratings
            np.testing.assert_allclose(got.needed[0, test, d], away.mean())


def moved(predicted, shift=0.0, scale=1.0):
    """A fit whose predicted variance is another."""
    said = predicted.predicted
    sigma = np.sqrt(said.sigma**2 * scale + shift)
    return predicted._replace(
        predicted=Predicted(said.mu, sigma), square=predicted.square * scale + shift
    )


def test_around_has_the_level_of_the_bar_and_width_earns_nothing():
    bar, ridge = (study.fit(CASE, name, 1, 1) for name in ("mean_only", "ridge"))
    around = ridge.around(bar)
    for split in CASE.splits:
        gap = around[:, split.test] ** 2 - ridge.predicted.sigma[:, split.test] ** 2
        assert np.ptp(gap, axis=1).max() < 1e-9  # one number for each fold and dimension
    np.testing.assert_allclose(moved(ridge, 0.2).around(bar), around)
    assert not np.allclose(moved(ridge, scale=2).around(bar), around)
    np.testing.assert_allclose((around**2).mean((0, 1)), bar.needed.mean((0, 1)), rtol=0.1)
    narrow = moved(ridge, scale=30).around(bar)  # as far apart as to leave what is possible
    assert narrow.min() == study.LEAST


def test_a_fit_is_kept_and_the_same_when_it_is_read(tmp_path):
    first = study.fit(CASE, "histogram", 1, 1)
    files = list((tmp_path / "methods").glob("*"))
    assert [f.name.split("-")[0] for f in files] == ["histogram"]
    before = files[0].stat().st_mtime_ns
    again = study.fit(CASE, "histogram", 1, 1)
    assert files[0].stat().st_mtime_ns == before
    np.testing.assert_allclose(first.predicted.p, again.predicted.p, atol=1e-7)
    for name in ("mended", "square", "needed"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    np.testing.assert_array_equal(first.predicted.sigma, again.predicted.sigma)
    not_kept = study.fit(CASE, "histogram", 1, 1, keep=False)
    np.testing.assert_array_equal(not_kept.mended, first.mended)


def test_the_key_is_of_all_that_decides_and_of_nothing_else():
    def key(case=CASE, name="mse", seeds=(0,), epochs=3):
        return study.key(case, name, seeds, Protocol(epochs=epochs))

    assert key() == key(replace(CASE, cluster=CASE.cluster[::-1], judges={}, turn=2))
    taught, other = CASE.taught, CASE.taught.frequencies.copy()
    other[0] = other[1]
    keys = {
        key(), key(name="kld"), key(seeds=(1,)), key(epochs=4),
        key(replace(CASE, features=CASE.features + 1)),
        key(replace(CASE, taught=taught._replace(frequencies=other))),
        key(replace(CASE, taught=taught._replace(sd=taught.sd + 1e-9))),
        key(replace(CASE, splits=CASE.splits[::-1])),
    }  # fmt: skip
    assert len(keys) == 8


def test_a_methods_line_decides_and_others_do_not(monkeypatch):
    source = study.inspect.getsource(registry)
    for name in METHODS:
        assert study._code(name)[-1].startswith("Method("), name
    before = {name: study._code(name) for name in ("mse", "kld", "ridge")}

    def with_line(old, new):
        assert old in source
        real = study.inspect.getsource
        changed = source.replace(old, new)
        monkeypatch.setattr(
            study.inspect, "getsource", lambda of: changed if of is registry else real(of)
        )

    with_line("head(losses.mse)", "head(losses.kld)")
    assert study._code("mse") != before["mse"]
    assert all(study._code(name) == before[name] for name in ("kld", "ridge"))


@pytest.mark.parametrize(("seeds", "members"), [(1, 2), (3, 3), (study.SEEDS, 15)])
def test_spread_of_seeds_has_as_many_as_it_needs(monkeypatch, seeds, members):
    seen = []

    def fit(x, listeners, split, seeds, protocol=None):
        seen.append(len(seeds))
        return METHODS["constant"].fit(x, listeners, split)

    method = METHODS["seed_spread"]._replace(fit=fit)
    monkeypatch.setitem(METHODS, "seed_spread", method)
    study.fit(CASE, "seed_spread", seeds, 1)
    assert set(seen) == {members}


def test_what_needs_pairs_is_fitted_where_pairs_are_known():
    assert "full_covariance" not in study.possible(CASE)
    eye = np.broadcast_to(np.eye(2), (120, 2, 2))
    with_pairs = replace(CASE, taught=CASE.taught._replace(covariance=eye))
    assert set(study.possible(with_pairs)) == set(METHODS)
