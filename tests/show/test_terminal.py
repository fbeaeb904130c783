"""Scores on a terminal: narrow, and nothing that is not known."""

import numpy as np
import pandas as pd
import pytest

from mer_utils.show.terminal import score_lines


def long_table(**more):
    rows = [
        ("R2 of the SD", "valence", -12.8123, -15.4, -10.9),
        ("R2 of the SD", "arousal", 0.5, 0.4, 0.6),
        ("largest SD", "valence", 0.31, np.nan, np.nan),
        ("largest SD", "arousal", np.nan, np.nan, np.nan),
    ]
    table = pd.DataFrame(rows, columns=["quantity", "dimension", "value", "low", "high"])
    return table.assign(**more)


def test_a_value_and_its_interval_are_one_field_and_dimensions_stand_beside_each_other():
    lines = score_lines(long_table(paper="far below 0", data="DEAM", seed_low=0.1, share=np.nan))
    assert [line.split() for line in lines] == [
        ["valence", "arousal"],
        ["R2", "of", "the", "SD", "-12.81", "[-15.40,", "-10.90]", "0.50", "[0.40,", "0.60]"],
        ["largest", "SD", "0.31"],
    ]


def test_intervals_with_names_of_their_own_and_text_columns():
    table = pd.DataFrame({"score": ["a", "b"], "valence": [0.1, 0.2], "valence_low": [0.0, 0.1]})
    lines = score_lines(table.assign(valence_high=[0.2, 0.3], data="x", n=["1", "2"]))
    assert lines[1].split() == ["a,", "1", "0.10", "[0.00,", "0.20]"]
    assert not any("low" in line for line in lines)


def test_a_single_score_keeps_its_name():
    lines = score_lines(
        pd.DataFrame({"score": ["quadratic R2"], "valence": [0.1], "arousal": [0.2]})
    )
    assert lines[1].split() == ["quadratic", "R2", "0.10", "0.20"]


@pytest.mark.parametrize("width", [40, 78])
def test_no_line_is_longer_than_the_width(width):
    table = long_table(loss=["mse"] * 4)
    table["quantity"] = table["quantity"] + " of the raters, as a multiple of something else" * 2
    for extra in ({}, {f"column {k}": [float(k)] * 4 for k in range(12)}):
        lines = score_lines(table.assign(**extra), width)
        assert max(map(len, lines)) <= width
        assert "nan" not in "".join(lines).lower()


def test_a_long_table_says_how_much_more_there_is():
    table = pd.DataFrame({"row": [f"r{k}" for k in range(50)], "value": np.zeros(50)})
    assert score_lines(table)[-1] == "... and 20 more rows in the file"


def test_low_and_high_belong_to_the_column_before_them():
    rows = {"as_distributed": [0.5, 0.6], "difference": [0.1, -0.2], "low": [0.0, -0.3]}
    rows |= {"high": [0.2, -0.1], "control": [0.3, 0.4], "control_low": [0.2, 0.3]}
    table = pd.DataFrame({"line": ["a", "b"], **rows, "control_high": [0.4, 0.5]})
    head, first, _ = score_lines(table, 90)
    assert head.split() == ["as", "distributed", "difference", "control"]
    assert first.split()[1:] == ["0.50", "0.10", "[0.00,", "0.20]", "0.30", "[0.20,", "0.40]"]


def test_a_long_heading_is_cut():
    lines = score_lines(pd.DataFrame({"row": ["x", "y"], "a heading " * 9: [1.0, 2.0]}))
    assert max(map(len, lines)) <= 78 and lines[1].split() == ["x", "1.00"]
