"""The validation: what it counts, and the verdicts of the kept table."""

import numpy as np
import pandas as pd
import pytest
from validation import ENOUGH, KINDS, OFF, PAIRS, bias_and_coverage, one_world
from worlds import SHAPES, Observed

from mer_utils.results import kept


def test_bias_and_coverage_by_hand():
    rows = [("a", "x", 0.2, 0.1, 0.3), ("a", "x", 0.3, 0.25, 0.35)]
    rows.append(("a", "bracket", np.nan, 0, 0.4))
    table = pd.DataFrame(rows, columns=["world", "way", "value", "low", "high"])
    found = bias_and_coverage(table.assign(truth=0.2)).set_index("way")
    assert found.loc["x", "bias"] == pytest.approx(0.05)
    assert found.loc["x", "coverage"] == 0.5 and not found.loc["x", "passes"]
    assert found.loc["bracket", "passes"] and np.isnan(found.loc["bracket", "bias"])


def test_one_small_world_goes_through_everything():
    rng = np.random.default_rng(0)
    film = Observed(rng.normal(5, 1.6, 40), 10, (1, 9), 1.33, 0.15, 0.02, 2.7)
    deam = Observed(rng.normal(4.9, 1.1, 300), 10, (1, 9), 1.6, 0.165, 0.018, 1.4)
    table = one_world("raters differ, target only", film, deam, 1)
    assert {"normal", "as it is", "transferred", "bracket"} <= set(table["way"])
    row = table.set_index("way").loc["bracket"]
    shapes = table[table["way"].isin(SHAPES)]
    assert (row["low"], row["high"]) == (0, shapes["high"].max())
    assert table["truth"].nunique() == 1 and 0 < table["truth"].iloc[0] < 1


def test_verdicts_of_the_kept_validation():
    table = kept("ceilings", "validation")
    assert set(table["world"]) == set(PAIRS) and len(KINDS) == 7
    good = table["coverage"].ge(ENOUGH) & (table["bias"].abs().le(OFF) | table["bias"].isna())
    assert (table["passes"] == good).all()
    same = table[~table["world"].str.contains("only")].set_index(["world", "way"])
    for shape, world in {"lapses": "lapses", "heavy": "heavy tails", "skewed": "skewed"}.items():
        assert same.loc[(world, shape), "passes"], "a shape fails in its own world"
    failed = same["passes"].eq(False).unstack(fill_value=False)
    for way in ("as it is", "transferred"):  # withdrawn, for this
        assert failed[way].any()
    assert same.xs("bracket", level="way")["coverage"].min() >= ENOUGH
