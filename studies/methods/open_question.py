"""The rule of the open question, as a verdict: see ``RULES.md``."""

import pandas as pd

RANK = 0.3
PLACE = ["data", "design", "judges", "method", "family", "dimension"]


def verdict(r2, r2_low, r2_high, rank, rank_low, rank_high) -> str:
    """The word for one method, data set and dimension; "no rank" for a constant."""
    if pd.isna(rank):
        return "no rank"
    if r2_low > 0 and rank_low > RANK:
        return "met"
    if r2 > 0 and rank > RANK:
        return "met, not surely"
    if r2_high < 0 or rank_high < RANK:
        return "surely not"
    return "not met"


def verdicts(scores: pd.DataFrame, out=()) -> pd.DataFrame:
    """``data, design, judges, method, dimension, r2 ..., spearman ..., verdict``.

    On the SD of the panel that taught (DEAM, "same") and of the others; methods that are ``out``
    are not eligible.
    """
    ends = ["value", "low", "high"]
    parts = [
        scores[scores["score"].eq(name)].set_index(PLACE)[ends].add_prefix(f"{name}_")
        for name in ("r2", "spearman")
    ]
    table = parts[0].join(parts[1]).reset_index()
    numbers = [f"{name}_{end}" for name in ("r2", "spearman") for end in ends]
    table["verdict"] = [verdict(*row) for row in table[numbers].itertuples(index=False)]
    table.loc[table["method"].isin(out), "verdict"] = "not eligible"
    return table
