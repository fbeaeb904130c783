"""Numbers become words in one way."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from mer_utils.ceiling.shares import with_shares
from mer_utils.scoring.parts import r2_parts
from mer_utils.show import words
from mer_utils.show.words import NO_BREAK


def rows(value, low, high):
    names = ["dimension", "value", "low", "high"]
    return pd.DataFrame([(d, value, low, high) for d in ("valence", "arousal")], columns=names)


def test_brackets_for_tables():
    assert words.bracket(0.2, 0.14, 0.25) == f"0.20 [0.14,{NO_BREAK}0.25]"
    assert words.bracket(0.2, np.nan, np.nan, ".1f") == "0.2"
    assert words.bracket(np.nan, 0.1, 0.2) == "0.10 to 0.20"  # a bracket without a value
    assert words.bracket(np.nan, np.nan, np.nan) == ""
    table = rows(0.2, 0.14, 0.25)
    assert words.brackets(table) == [words.bracket(0.2, 0.14, 0.25)] * 2
    assert words.brackets(table, ".1f", ("high", "low", "value"))[0] == f"0.2 [0.1,{NO_BREAK}0.2]"


def test_sentences():
    expected = "0.7 (0.6 to 0.8) for valence and 0.7 (0.6 to 0.8) for arousal"
    assert words.sentence(rows(0.65, 0.55, 0.75), ".1f") == expected
    text = words.sentence(rows(0.4, np.nan, np.nan))
    assert text == "0.40 for valence and 0.40 for arousal"
    assert words.sentence(rows(np.nan, 0.1, 0.2)[:1]) == "0.10 to 0.20 for valence"
    assert words.sentence(rows(np.nan, np.nan, np.nan)[:1]) == "not known for valence"


def test_sides_of_a_border():
    table = rows(-0.5, -0.6, -0.4)
    assert words.side_of(table, 0) == "below 0 for valence and arousal"
    assert words.side_of(rows(0.65, 0.55, 0.75), 0.5) == "above 0.5 for valence and arousal"
    table.loc[1, "high"] = 0.1
    expected = "below 0 for valence and not distinguishable from 0 for arousal"
    assert words.side_of(table, 0) == expected


def test_per_dimension_needs_two_numbers():
    assert words.per_dimension([0.171, 0.16], ".2f") == "0.17 (valence) and 0.16 (arousal)"
    with pytest.raises(ValueError):
        words.per_dimension([0.1], ".2f")
    assert words.per_dimension([0.1], dimensions=["quality"]) == "0.10 (quality)"


def test_lists():
    assert [words.listed(names) for names in ("", "a", "ab", "abc")] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]


def test_shares_of_a_ceiling():
    numbers = (0.38, np.inf, np.nan, -1.5, -0.001)
    expected = ["38%", "any", "not known", "below -100%", "0%"]
    assert [words.percent(number) for number in numbers] == expected
    ceilings = pd.DataFrame(
        [
            (part, d, 0.16, low, 0.25)
            for part in ("all", "beyond the mean")
            for d, low in (("valence", 0.04), ("arousal", 0.0))
        ],
        columns=["part", "dimension", "value", "low", "high"],
    )
    found = with_shares(rows(0.2, 0.1, 0.3).assign(target="sd", score="spearman"), ceilings)
    expected = "50% (20% to 150%) for valence and 50% (20% to any) for arousal"
    assert words.shares(found) == expected
    texts = [words.share(row).replace(NO_BREAK, " ") for row in found.itertuples()]
    assert texts == ["50% [20%, 150%]", "50% [20%, any]"]
    without = with_shares(rows(0.2, 0.1, 0.3).assign(target="sd", score="rmse"), ceilings)
    assert [words.share(row) for row in without.itertuples()] == ["", ""]
    low = with_shares(rows(-0.5, -0.6, -0.4).assign(target="sd", score="r2"), ceilings)
    assert [words.share(row) for row in low.itertuples()] == ["below -100%"] * 2


def test_a_share_of_an_unknown_ceiling_is_not_known():
    unknown = pd.DataFrame(
        [(part, d, *[np.nan] * 3) for part in ("all", "beyond the mean") for d in ("a", "b")],
        columns=["part", "dimension", "value", "low", "high"],
    )
    scores = rows(0.2, 0.1, 0.3).assign(target="sd", score="r2", dimension=["a", "b"])
    found = with_shares(scores, unknown)
    assert words.shares(found) == "not known for a and not known for b"
    assert [words.share(row) for row in found.itertuples()] == ["", ""]


def test_methods_that_pass_in_both_dimensions():
    made = [
        ("mse", True),
        ("mse", True),
        ("nll", True),
        ("nll", None),
        ("own", False),
        ("own", False),
    ]
    verdicts = pd.DataFrame(made, columns=["method", "able"])
    assert words.methods_that(verdicts, "able") == "MSE"
    assert words.methods_that(verdicts, "able", passes=False) == "NLL and own"
    assert words.methods_that(verdicts[:2], "able", passes=False) == "no method"


def test_lost_most_names_the_part():
    truth = np.random.default_rng(0).normal(size=(50, 2))
    shifted = truth + [0.5, 0.5]
    assert words.lost_most(r2_parts(truth, shifted)) == "by the level for valence and arousal"
    shifted[:, 1] = truth[:, 1] / 2 + truth[:, 1].mean() / 2
    expected = "by the level for valence and by the spread for arousal"
    assert words.lost_most(r2_parts(truth, shifted)) == expected


def test_a_share_with_its_interval():
    def row(share, low, high, value=0.1, ceiling=0.2, known=True):
        return SimpleNamespace(
            share=share, share_low=low, share_high=high, value=value, ceiling=ceiling,
            ceiling_low=0.1, ceiling_high=0.3 if known else np.nan,
        )  # fmt: skip

    assert words.share(row(-0.002, -0.17, 0.3)) == f"0% [-17%,{NO_BREAK}30%]"
    assert words.share(row(-20, -np.inf, -9)) == "below -100%"
    assert words.share(row(0.1, -np.inf, np.inf)) == "10% [any]"
    assert words.share(row(np.nan, 0.1, np.inf)) == f"not known [10%,{NO_BREAK}any]"
    assert words.share(row(np.nan, 0, 1, ceiling=np.nan)) == "0% to 100%"  # a bracket
    assert words.share(row(0.1, 0, 1, ceiling=np.nan, known=False)) == ""
    assert words.top(row(0.1, 0, 1)) == "0.20"
    assert words.top(row(0.1, 0, 1, ceiling=np.nan)) == "0.10 to 0.30"
    assert words.top(row(0.1, 0, 1, ceiling=np.nan, known=False)) == ""
