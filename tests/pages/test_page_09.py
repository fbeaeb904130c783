"""Notebook 09: what it says of intervals and of worlds follows from the tables."""

import numpy as np
import pandas as pd
import pytest
from page_cells import run_cells

import mer_utils as mer
from mer_utils.controls.methods import METHODS
from mer_utils.data.dataset import DIMENSIONS

PAGE = "notebooks/09_controls.ipynb"


@pytest.fixture
def page(monkeypatch):
    """Run cells with other tables in place of the kept ones; returns what is glued."""

    def run(*ids, tables=None, **names):
        glued = {}
        whole = mer.kept
        monkeypatch.setattr(mer, "kept", lambda study, name: (tables or {}).get(name, None)
                            if name in (tables or {}) else whole(study, name))  # fmt: skip
        monkeypatch.setattr(mer, "glue", lambda name, value, spec="": glued.update({name: value}))
        return run_cells(PAGE, "imports", *ids, **names) | {"glued": glued}

    return run


def nulls(**ratio):
    rows = [(m, "spearman", k, 200, 0.02, 0.02, r, r - 0.1, r + 0.1, 0.05, 0.05, 0.05)
            for m in METHODS for k, r in ((1, 1.0), (4, ratio.get(m, 1.0)))
            if (m, k) != ("ensemble", 1)]  # fmt: skip
    names = "method score n_seeds n spread bootstrap ratio low high missed alarms alarms_widened"
    return pd.DataFrame(rows, columns=names.split())


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ({}, "No method's intervals are surely too narrow."),
        ({"mse": 1.3, "kld": 1.09}, "surely too narrow for MSE; for no other"),
        ({"mse": 1.3, "kld": 1.2}, "surely too narrow for MSE and KLD; for no other"),
    ],
)
def test_which_intervals_are_too_narrow(page, ratio, words):
    glued = page("c1e02a94", "c1e02a95", tables={"intervals_networks": nulls(**ratio)})["glued"]
    assert words in glued["narrow_words"] and glued["null_draws"] == 100
    assert glued["ratio_mse"].startswith(f"{ratio.get('mse', 1.0):.2f}")


def test_verdicts_name_dimensions_and_rates(page):
    made = page("full-run", "full-verdicts")
    shown = made["shown"].set_index("method")
    assert list(shown.index) == ["MSE", "KLD", "NLL", "seed ensemble", "MC dropout"]
    assert set(shown["silent"]) <= {"yes", "no"}
    allowed = {"yes", "no", *DIMENSIONS}
    assert set(np.ravel(shown[["able, 10 raters", "informative"]])) <= allowed
    for method, rows in made["judged"].groupby("method", sort=False):
        name = made["style"].NAMES[method]
        assert (shown.loc[name, "informative"] == "yes") == rows["informative"].eq(True).all()


def worlds(**rate):
    rows = [(w, m, 1.0, 8, r, r, r, 0.1, 0.1, c)
            for w, c, k in (("low", 0.05, 0), ("high", 0.2, 1))
            for m in METHODS for r in [rate.get(m, (0.0, 0.0))[k]]]  # fmt: skip
    names = "world method share n rate low high correlation with_truth ceiling"
    return pd.DataFrame(rows, columns=names.split())


def test_words_of_the_worlds(page):
    on = pd.DataFrame(
        [("mse", "valence", np.nan, 0.2, 0.9), ("mse", "arousal", np.nan, 0.1, np.inf),
         ("kld", "valence", np.nan, 2.0, np.inf), ("kld", "arousal", np.nan, 0.3, 0.4)],
        columns=["method", "dimension", "share", "low", "high"],
    )  # fmt: skip
    rates = worlds(mse=(1.0, 0.8), kld=(0.5, 0.9))
    tables = {"smallest_on_deam": on, "world_rates_deam": rates}
    names = {"POWER": 0.8, "WORLDS": {"low": (1.0,), "high": (0.25,)}}
    glued = page("world-glue", tables=tables, tried=mer.kept("controls", "power_deam"), **names)
    glued = glued["glued"]
    assert glued["on_deam_mse"] == "20% to 90% for valence and 10% to all for arousal"
    assert glued["on_deam_kld"] == "more than all for valence and 30% to 40% for arousal"
    text = glued["world_words"]
    assert "four times in five: by MSE. In none of them: by NLL, seed" in text
    assert text.endswith("For KLD it depends on the world.")
    assert glued["world_ceilings"] == "0.05 and 0.20" and glued["world_shares"] == "100% and 25%"
