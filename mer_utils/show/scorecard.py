"""What the methods reached of what is possible: rows with shares, and the best of them.

Page 07 and the scorecard both ask for it. ``scores`` is a table of ``mer run``, ``ceilings`` from
:func:`mer_utils.ceiling.headline.ceilings_of`, ``rows`` are those of
:func:`mer_utils.show.tables.method_rows`.
"""

import pandas as pd

from mer_utils.ceiling.shares import with_shares
from mer_utils.show.tables import method_rows, pick

QUANTITIES = {
    "R2": ("sd", "r2"),
    "rank correlation": ("sd", "spearman"),
    "correlation beyond the mean": ("sd_beyond_mean", "pearson"),
}
"""What a reader calls a score -> (target, score)."""
TRIVIAL_ROWS = ("training mean SD", "quadratic")


def picked(scores, ceilings, quantity: str, rows=None) -> pd.DataFrame:
    """:func:`mer_utils.show.tables.pick` with shares, for a quantity of :data:`QUANTITIES`.

    A ``ValueError`` if the scores were made before this quantity was.
    """
    target, score = QUANTITIES[quantity]
    if not (scores["target"].eq(target) & scores["score"].eq(score)).any():
        raise ValueError(
            f"the score table has no row of {target}, {score}: make it anew with `mer run`"
        )
    table = pick(scores, rows or method_rows("mse"), target, score)
    return with_shares(table.assign(target=target, score=score), ceilings)


def best(scores, ceilings, quantity: str, rows=None) -> tuple[str, pd.DataFrame]:
    """Name and rows of the method with the highest score, averaged over both dimensions.

    The trivial predictors do not take part. The best of many is in part the luckiest.
    """
    table = picked(scores, ceilings, quantity, rows)
    table = table[~table["row"].isin(TRIVIAL_ROWS)]
    name = table.groupby("row", sort=False)["value"].mean().idxmax()
    return name, table[table["row"].eq(name)]
