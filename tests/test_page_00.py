"""Notebook 00 computes agreement on the page: its functions against textbook and theory."""

import ast

import krippendorff
import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

import mer_utils as mer


@pytest.fixture(scope="module")
def page():
    """The functions that the page defines, by name."""
    names = {"np": np, "pd": pd, "krippendorff": krippendorff, "mer": mer, "seed": 1}
    cells = nbformat.read(ROOT / "notebooks/00_data_and_raters.ipynb", 4).cells
    for cell in cells:
        if cell.id in ("agreement-run", "agreement-songs", "split-half-run"):
            nodes = ast.parse(cell.source).body
            kept = [node for node in nodes if isinstance(node, (ast.FunctionDef, ast.ImportFrom))]
            exec(compile(ast.Module(kept, []), cell.id, "exec"), names)
    return names


def long(matrix):
    """Long table from a matrix (n_songs, n_raters), the same for both dimensions."""
    song, rater = np.indices(np.shape(matrix)).reshape(2, -1)
    rating = np.ravel(matrix)
    return pd.DataFrame({"song_id": song, "rater": rater, "valence": rating, "arousal": rating})


def test_icc_textbook_values(page):
    """Shrout & Fleiss (1979), table 2: six targets, four judges."""
    table = long(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    )
    found = page["agreement"](table)[:2]
    np.testing.assert_allclose(found, [[0.29, 0.29], [0.62, 0.62]], atol=0.006)


def test_alpha_of_agreement_chance_and_opposition(page):
    rng = np.random.default_rng(5)
    agree = np.repeat(rng.integers(1, 10, (200, 1)), 6, axis=1)
    np.testing.assert_allclose(page["alpha"](long(agree)), 1)
    assert (np.abs(page["alpha"](long(rng.integers(1, 10, (400, 6))))) < 0.05).all()
    assert max(page["alpha"](long(np.tile([1, 9], (50, 1))))) < 0


def test_alpha_is_close_to_the_icc_without_leniency(page):
    rng = np.random.default_rng(6)
    values = np.clip(np.round(rng.normal(5, 1.2, (600, 1)) + rng.normal(0, 1.2, (600, 8))), 1, 9)
    single, _, alpha = page["agreement"](long(values))
    np.testing.assert_allclose(alpha, single, atol=0.01)


def test_split_half_of_the_mean_matches_theory(page):
    rng = np.random.default_rng(7)
    true = rng.normal(5, 0.8, (800, 1))
    table = long(np.clip(true + rng.normal(0, 1.0, (800, 10)), 1, 9))
    found = page["two_halves"](table, 20)[0].mean()
    assert found == pytest.approx(0.64 / (0.64 + 1 / 5), abs=0.02)
    assert page["spearman_brown"](found) == pytest.approx(0.64 / (0.64 + 1 / 10), abs=0.02)


def test_split_half_of_the_sd_is_zero_when_songs_do_not_differ_in_sd(page):
    rng = np.random.default_rng(8)
    same = long(np.clip(rng.normal(5, 1, (800, 11)), 1, 9))
    assert abs(page["two_halves"](same, 20)[1].mean()) < 0.04
    spread = long(np.clip(5 + rng.uniform(0.1, 1.2, (800, 1)) * rng.normal(0, 1, (800, 11)), 1, 9))
    assert page["two_halves"](spread, 20)[1].mean() > 0.5


def test_resampling_keeps_whole_songs(page):
    table = long([[1, 1, 1], [5, 5, 5], [9, 9, 9]])
    within = page["over_songs"](lambda t: t.groupby("song_id").valence.std().max(), table, 20)
    np.testing.assert_array_equal(within, 0)
    low, high = page["over_songs"](lambda t: t.valence.mean(), table, 20)
    assert high - low > 1
    assert (low, high) == tuple(page["over_songs"](lambda t: t.valence.mean(), table, 20))
