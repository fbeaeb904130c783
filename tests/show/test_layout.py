"""How a table stands on a page: order, names once, text."""

import pandas as pd

from mer_utils.show.layout import captioned, pivot_text


def test_a_caption_and_numbers_as_text_the_same_at_every_call():
    page = captioned(pd.DataFrame({"a": [0.5, float("nan")]}), "About a").to_html()
    assert "About a" in page and "0.50" in page and "nan" not in page
    assert page == captioned(pd.DataFrame({"a": [0.5, float("nan")]}), "About a").to_html()


def long_table():
    rows = [(a, b, c, f"{a}{b}{c}") for a in "yx" for b in (2, 10) for c in ("v", "a")]
    return pd.DataFrame(rows, columns=["first", "second", "across", "text"])


def test_a_pivot_keeps_the_order_of_reading_and_names_each_line_once():
    wide = pivot_text(long_table(), ["first", "second"], "across", "text")
    assert list(wide) == ["first", "second", "v", "a"]
    assert wide["first"].tolist() == ["y", "", "x", ""]
    assert wide["second"].tolist() == [2, 10, 2, 10]
    assert wide["a"].tolist() == ["y2a", "y10a", "x2a", "x10a"]
    every = pivot_text(long_table(), ["first", "second"], "across", "text", group=False)
    assert every["first"].tolist() == ["y", "y", "x", "x"]
    short = long_table().query("second == 2")
    assert pivot_text(short, ["first"], "across", ["1", "2", "3", "4"])["a"].tolist() == ["2", "4"]
