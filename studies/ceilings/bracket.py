"""DEAM's ceiling as a bracket: from what an ordinary learner finds to the highest estimate.

*Low end.* No prediction that is made without the panel has an r^2 above the reliability (head of
:mod:`mer_utils.ceiling.of_data`). So the lower end of an ordinary learner's interval, squared, is
a bound without an assumption about ratings, as long as the learner cannot know the panel. The
learner is chosen inside of each fold (``studies/ordinary_learners.py``). Folds are apart by artist,
and by blocks of ids: raters may have changed with the ids. The smaller of the two counts.

*High end.* The highest end of all ways to carry noise from elsewhere that fit what was seen there
and pass their own test (:mod:`carried`, :mod:`validation`), and of normal ratings. ``as it is``
fails the test, since the level of the SDs is another one here, and is shown but not used.

A high end below a low end would mean that the estimates are wrong: that is an error.
"""

import numpy as np
import pandas as pd

SCORES = {"all": "pearson", "beyond the mean": "pearson_of_rest"}
"""Part -> the learner's score: correlation with the SD, or with what the quadratic leaves of it."""


def used(ways: pd.DataFrame) -> pd.DataFrame:
    """The rows that bound the bracket."""
    return ways[ways["fits"] & ways["way"].ne("as it is")]


def bracket(ways: pd.DataFrame, learners: pd.DataFrame) -> pd.DataFrame:
    """``labels, part, dimension, value, low, high, learner_r, learner_low, learner_high``.

    ``value`` is NaN: there is no single headline. ``low`` and ``high`` are reliabilities.

    Raises
    ------
    ValueError
        A high end lies below the low end.
    """
    best = learners.query("data == 'deam' and learner == 'best'")
    rows = []
    for (labels, part, dimension), part_ways in used(ways).groupby(
        ["labels", "part", "dimension"], sort=False
    ):
        mask = best["labels"].eq(labels) & best["dimension"].eq(dimension)
        found = best[mask & best["score"].eq(SCORES[part])].sort_values("low")
        r, r_low, r_high = found[["value", "low", "high"]].iloc[0]
        low, high = max(r_low, 0.0) ** 2, part_ways["high"].max()
        if high < low:
            raise ValueError(
                f"{labels}, {dimension}, {part}: the ceiling ends at {high:.3f}, and a learner "
                f"shows that it is {low:.3f} at least: an estimate is wrong"
            )
        rows.append((labels, part, dimension, np.nan, low, high, r, r_low, r_high))
    names = "labels part dimension value low high learner_r learner_low learner_high"
    table = pd.DataFrame(rows, columns=names.split())
    whole_first = table["part"].map(list(SCORES).index)  # within each version of the labels
    order = table["labels"].map(list(table["labels"].unique()).index) * 2 + whole_first
    return table.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
