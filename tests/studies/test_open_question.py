"""The rule of the open question: each word where it belongs, wherever the intervals lie."""

from itertools import product

import numpy as np
import open_question as study
import pandas as pd
import pytest

from mer_utils.methods.registry import METHODS


@pytest.mark.parametrize(
    ("r2", "rank", "says"),
    [
        ((0.05, 0.01, 0.09), (0.4, 0.31, 0.49), "met"),
        ((0.05, 0.01, 0.09), (0.4, 0.29, 0.49), "met, not surely"),
        ((0.05, -0.01, 0.09), (0.4, 0.31, 0.49), "met, not surely"),
        ((0.05, 0.01, 0.09), (0.2, 0.1, 0.31), "not met"),
        ((-0.05, -0.1, 0.01), (0.4, 0.31, 0.49), "not met"),
        ((-0.05, -0.1, -0.01), (0.4, 0.31, 0.49), "surely not"),
        ((0.05, 0.01, 0.09), (0.2, 0.1, 0.29), "surely not"),
        ((0.0, -0.1, 0.1), (0.3, 0.2, 0.4), "not met"),
        ((-0.01, -0.02, -0.005), (np.nan, np.nan, np.nan), "no rank"),
    ],
)
def test_verdicts(r2, rank, says):
    assert study.verdict(*r2, *rank) == says


def test_one_word_for_every_place_and_never_both_ways():
    ends = [-0.2, -0.05, 0.05, 0.25, 0.35, 0.5]
    three = [p for p in product(ends, repeat=3) if p[1] <= p[0] <= p[2]]
    for r2, rank in product(three, repeat=2):
        word = study.verdict(*r2, *rank)
        passes = r2[0] > 0 and rank[0] > 0.3
        assert (word in ("met", "met, not surely")) == passes
        if word == "met":
            assert r2[1] > 0 and rank[1] > 0.3
        if word == "surely not":
            assert not passes and (r2[2] < 0 or rank[2] < 0.3)


def rows(method, score, value, judges="same"):
    return {
        "data": "x", "design": "all", "judges": judges, "method": method,
        "family": METHODS[method].family, "dimension": "valence", "score": score,
        "value": value, "low": value - 0.04, "high": value + 0.04,
    }  # fmt: skip


def test_a_table_has_one_row_for_each_method_and_panel():
    scores = [rows("mse", "r2", 0.1), rows("mse", "spearman", 0.4), rows("mse", "crps", 0.5)]
    scores += [rows("kld", "r2", 0.1), rows("kld", "spearman", 0.4)]
    scores += [rows("mse", "r2", -0.3, "truth"), rows("mse", "spearman", 0.4, "truth")]
    found = study.verdicts(pd.DataFrame(scores), out={"kld"})
    found = found.set_index(["method", "judges"])["verdict"]
    assert found.to_dict() == {
        ("mse", "same"): "met", ("kld", "same"): "not eligible", ("mse", "truth"): "surely not"
    }  # fmt: skip
