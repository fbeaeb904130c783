"""Notebook 08: all panels of ten that have one mean and one SD."""

import math
from collections import Counter
from itertools import product

import numpy as np
import pytest
from page_cells import run_cells

PAGE = "notebooks/08_noise_ceiling.ipynb"


@pytest.fixture(scope="module")
def page():
    return run_cells(PAGE, "imports", "panels")


def test_panels_of_ten_counted_by_hand(page):
    """Mean 5 and SD 1: ten steps away from 5 whose sum is 0 and whose squares sum to 10."""
    orders = {
        "4 4 4 4 4 6 6 6 6 6": 252,  # 10! / (5! 5!)
        "4 4 4 4 5 5 5 6 6 7": 12_600,  # 10! / (4! 3! 2!)
        "3 4 4 5 5 5 6 6 6 6": 12_600,
        "3 4 5 5 5 5 5 5 6 7": 5040,  # 10! / 6!
    }
    table = page["possible_panels"](5.0, 1.0).set_index("ratings")["chance"]
    assert set(table.index) == set(orders)
    for ratings, count in orders.items():
        assert table[ratings] == pytest.approx(count / sum(orders.values()))


@pytest.mark.parametrize("mean, sd", [(5.0, 1.5**0.5), (1.25, 0.1875**0.5), (5.0, 4.0)])
def test_chances_are_shares_of_all_orders_of_four_ratings(mean, sd):
    four = np.array(list(product(range(1, 10), repeat=4)))  # every order by itself
    fits = four[np.isclose(four.mean(1), mean) & np.isclose(four.std(1), sd)]
    counts = Counter(" ".join(map(str, sorted(row))) for row in fits.tolist())
    page = run_cells(PAGE, "imports", "panels")
    page["tens"] = np.unique(np.sort(four, axis=1), axis=0)
    table = page["possible_panels"](mean, sd).set_index("ratings")["chance"]
    assert len(fits) > 0 and set(table.index) == set(counts)
    for ratings, count in counts.items():
        assert table[ratings] == pytest.approx(count / len(fits))


def test_every_panel_of_ten_is_there_once_and_the_impossible_one_is_not(page):
    assert page["tens"].shape == (math.comb(18, 10), 10)
    assert len(np.unique(page["tens"], axis=0)) == len(page["tens"])
    assert page["possible_panels"](5.0, 0.3).empty
    alone = page["possible_panels"](9.0, 0.0)
    assert alone.to_dict("list") == {"ratings": ["9 9 9 9 9 9 9 9 9 9"], "chance": [1.0]}
