"""DEAM's bracket: what bounds it, and the error that stops the build."""

import numpy as np
import pandas as pd
import pytest
from bracket import bracket, used

from mer_utils.results import kept


def learners(artist=0.3, blocks=0.2):
    rows = [
        ("deam", "as_distributed", folds, "best", score, "valence", r + 0.05, r, r + 0.1)
        for folds, r in (("artist", artist), ("blocks", blocks))
        for score in ("pearson", "pearson_of_rest")
    ]
    names = "data labels folds learner score dimension value low high".split()
    return pd.DataFrame(rows, columns=names)


def ways(high=0.3):
    rows = [
        ("film", "valence", "lapses", "all", 0.1, 0.0, high, True),
        ("film", "valence", "as it is", "all", 0.1, 0.0, 0.9, True),
        ("film", "valence", "heavy", "all", 0.1, 0.0, 0.8, False),
    ]
    names = "source of way part value low high fits".split()
    table = pd.DataFrame(rows, columns=names)
    return table.assign(labels="as_distributed", dimension="valence")


def test_the_bracket_by_hand():
    (row,) = bracket(ways(), learners()).itertuples()
    assert np.isnan(row.value)
    assert (row.low, row.high) == (pytest.approx(0.2**2), 0.3)  # the smaller of two tests
    assert row.learner_low == 0.2
    assert used(ways())["way"].tolist() == ["lapses"]
    assert bracket(ways(), learners(-0.1, -0.2))["low"].tolist() == [0.0]


def test_a_ceiling_below_a_learner_is_an_error():
    with pytest.raises(ValueError, match="an estimate is wrong"):
        bracket(ways(0.03), learners())


def test_the_kept_bracket_follows_from_the_kept_tables():
    again = bracket(kept("ceilings", "ways"), kept("learners", "scores"))
    table = kept("ceilings", "bracket")
    pd.testing.assert_frame_equal(again.round(4), table, check_dtype=False, atol=1e-4)
    assert (table["low"] < table["high"]).all() and len(table) == 8
