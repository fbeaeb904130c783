"""The tables of the chapter on ceilings as a page shows them."""

import numpy as np
import pandas as pd

from mer_utils import ceiling_pages as P
from mer_utils.ceiling_results import committed
from mer_utils.validate_ceilings import judged


def needed(data, dimension, statistic, estimator, raters, high):
    row = {"data": data, "dimension": dimension, "statistic": statistic, "estimator": estimator}
    return [row | {"target": t, "raters": raters, "low": 2, "high": high} for t in (0.5, 0.9)]


def test_raters_needed_name_each_group_once_and_say_no_number():
    rows = needed("A", "valence", "sd", "transferred, measured noise", 40, np.inf)
    rows += needed("A", "valence", "mean", "variance components", 3, 4)
    rows += needed("A", "arousal", "sd", "transferred, measured noise", np.inf, np.inf)
    page = P.page_needed(pd.DataFrame(rows))
    assert list(page["dimension"]) == ["valence", "", "arousal"]  # one data set: no column for it
    assert list(page["statistic"]) == ["SD", "mean", "SD"]
    assert page.loc[0, "estimator"] == "transferred" and page.loc[0, "for 0.5"] == (
        "40 [2, no number]"
    )
    assert page.loc[2, "for 0.9"] == "no number [2, no number]"
    rows += needed("B", "valence", "sd", "moments", 7, 9)
    page = P.page_needed(pd.DataFrame(rows))
    assert list(page["data"]) == ["A", "", "", "B"]
    assert list(page["dimension"]) == ["valence", "", "arousal", "valence"]


def test_validation_marks_what_fails():
    table = pd.DataFrame(
        {
            "estimator": ["a", "a"],
            "shape": ["normal", "normal"],
            "tails": ["light", "light"],
            "raters": [3, 10],
            "bias": [0.01, -0.2],
            "coverage": [0.9, 0.1],
        }
    )
    page = P.validation_rows(judged(table))
    assert page.loc[0, "3 raters"] == "+0.01 [90%]"
    assert page.loc[0, "10 raters"] == "-0.20 [10%] fails"


def test_kept_tables_become_pages():
    assert list(P.leniency_rows(committed("leniency")).columns[1:]) == [
        "valence",
        "energy",
        "tension",
    ]
    assert (
        P.own_mean_rows(committed("own_mean"))["same ten raters"]
        .str.contains("[", regex=False)
        .all()
    )
    assert len(P.step_rows(committed("steps"))) == 3
    assert set(P.share_rows(committed("mean_share"))["data"]) == {"DEAM", "film soundtracks"}
    table = committed("ceilings")
    page = P.page_ceilings(table[table["labels"].eq("corrected")])
    assert page["valence"].str.endswith("]").all() and "null" in set(page["estimator"])
