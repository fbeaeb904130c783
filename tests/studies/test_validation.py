"""The test that every estimator could fail, in small, and its kept outcome."""

import ast
import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import validation
from side_by_side import HEADLINE
from validation import judged, validate_ceilings

from mer_utils.results import kept

TINY = {"raters": (3, 10), "tails": ("light", "heavy"), "spreads": (0.1,), "n_repeats": 2,
        "n_songs": 100, "n_resamples": 8, "skip": ("hierarchical", "surrogates")}  # fmt: skip


def test_validation_passes_good_and_fails_bad_estimators():
    found = validate_ceilings(
        (10,), ("light", "normal"), (0.25,), n_songs=500, n_repeats=3, n_resamples=40
    )
    verdict = validation.passes(found, bias=0.06, least_coverage=0.6)
    verdict = verdict[verdict["part"].eq("all")]
    verdict = verdict.set_index(["estimator", "shape", "tails"])["passes"].sort_index()
    assert verdict["transferred", "measured"].all()
    assert verdict["analytic", "measured", "normal"] and verdict["analytic", "measured", "light"]
    assert verdict["hierarchical", "normal", "normal"]
    assert not verdict["analytic", "normal", "light"]
    assert not verdict["null", "normal", "light"]
    with pytest.raises(ValueError, match="light, normal, heavy"):
        validation.song_probabilities(5, "odd", 0.1, np.random.default_rng(0))


def test_the_headline_is_what_passes_everywhere():
    verdict = judged(kept("ceilings", "validation"))
    ours = verdict[verdict["estimator"].eq(HEADLINE[0])]
    assert set(ours["raters"]) == {3, 5, 10, 24, 60} and set(ours["tails"]) == set(validation.TAILS)
    assert ours["passes"].all()
    assert not verdict[verdict["estimator"].ne(HEADLINE[0])]["passes"].all()


# --- a run that is stopped -----------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    return tmp_path


def noted(monkeypatch, stop_at=None):
    """Which worlds are made from now on; the one with the number ``stop_at`` is interrupted."""
    made, one_world, estimate = [], validation.one_world, validation.estimate_ceilings

    def world(*place, **how):
        made.append(place)
        return one_world(*place, **how)

    def interrupted(mean, sd, n, **how):
        if len(made) == stop_at and n == 10:  # in the middle of a world
            raise KeyboardInterrupt
        return estimate(mean, sd, n, **how)

    monkeypatch.setattr(validation, "one_world", world)
    monkeypatch.setattr(validation, "estimate_ceilings", interrupted)
    return made


def test_an_interrupted_run_goes_on_where_it_was(cache, monkeypatch):
    whole = validate_ceilings(**TINY)
    assert not list(cache.iterdir()), "nothing is kept unless it is asked for"
    with monkeypatch.context() as patch:
        made = noted(patch, stop_at=2)
        with pytest.raises(KeyboardInterrupt):
            validate_ceilings(**TINY, keep=True)
        assert made == [("light", 0.1, 0), ("light", 0.1, 1)]
    (folder,) = (cache / "studies").iterdir()
    assert [file.name for file in folder.iterdir()] == ["light-0.1-0.parquet"]
    with monkeypatch.context() as patch:
        made = noted(patch)
        again = validate_ceilings(**TINY, keep=True)
        assert made == [("light", 0.1, 1), ("heavy", 0.1, 0), ("heavy", 0.1, 1)]
        pd.testing.assert_frame_equal(again, whole, check_exact=True)
        pd.testing.assert_frame_equal(validate_ceilings(**TINY, keep=True), whole, check_exact=True)
        assert len(made) == 3, "what is done is not done again"
    summary = [validation.bias_and_coverage(table).to_csv(index=False) for table in (whole, again)]
    assert summary[0] == summary[1]


@pytest.mark.parametrize("change", [{"n_songs": 90}, {"seed": 1}, {"skip": ("hierarchical",)}])
def test_worlds_of_another_kind_are_kept_apart(cache, change):
    small = TINY | {"tails": ("light",), "n_repeats": 1, "raters": (3,)}
    validate_ceilings(**small, keep=True)
    changed = validate_ceilings(**small | change, keep=True)
    pd.testing.assert_frame_equal(changed, validate_ceilings(**small | change), check_exact=True)
    assert len(list((cache / "studies").iterdir())) == 2


def test_the_code_that_decides_is_in_the_key(cache, monkeypatch):
    before = validation.kept_folder({"seed": 0})
    assert before == validation.kept_folder({"seed": 0})
    seen = []
    with monkeypatch.context() as patch:
        patch.setattr(validation, "logic", lambda code: seen.append(code) or "other")
        assert validation.kept_folder({"seed": 0}) != before
    with monkeypatch.context() as patch:
        patch.setattr(validation, "digest_of", lambda code, package: seen.append(code) or "other")
        assert validation.kept_folder({"seed": 0}) != before
    for module in {validation, *beside(validation)}:
        code = Path(module.__file__).read_text()
        assert code in seen[:-1] and code in seen[-1]
    assert beside(validation) == set(validation.DECIDES)


def beside(module):
    """The files of the study that a file of it imports, and those that these import."""
    lines = ast.walk(ast.parse(Path(module.__file__).read_text()))
    names = {line.module for line in lines if isinstance(line, ast.ImportFrom)}
    folder = Path(validation.__file__).parent
    found = {importlib.import_module(n) for n in names if (folder / f"{n}.py").is_file()}
    return found.union(*map(beside, found))
