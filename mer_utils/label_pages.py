"""The tables of the label audit as a page wants them."""

from __future__ import annotations

import pandas as pd

from mer_utils.claims import CLAIMS, summary
from mer_utils.comparison import NO_BREAK
from mer_utils.deam import LABELS
from mer_utils.exchange import NOT_AT_HAND
from mer_utils.exchange_effects import CELL

SHOWN = {
    "mean_r2": "R2 of the mean",
    "alike": "R2 of the mean, minus MSE's",
    "sd_r2": "R2 of the SD",
    "underestimate": "share of SDs too small",
    "range": "average SD, predicted / empirical",
    "nll_narrow": "quartile range of SDs, minus NLL's",
    "nll_outliers": "share of outlying SDs, minus NLL's",
    "rank": "rank correlation, SD",
}
"""What the reader calls the score behind a claim."""


def spread(value, low, high, spec="+.2f") -> str:
    """``+0.20 [+0.15, +0.25]``; an empty text for a value that is not known."""
    return "" if pd.isna(value) else f"{value:{spec}} [{low:{spec}},{NO_BREAK}{high:{spec}}]"


def evidence_page(table: pd.DataFrame, containing: str = "") -> pd.DataFrame:
    """Lines of evidence at hand whose name contains a text, differences and intervals as text."""
    rows = table[table["supports"].ne(NOT_AT_HAND) & table["evidence"].str.contains(containing)]
    page = rows[["evidence", "measure", "n", "as_distributed", "exchanged"]].astype({"n": str})
    page["difference"] = [spread(r.difference, r.low, r.high) for r in rows.itertuples()]
    columns = zip(rows["control"], rows["control_low"], rows["control_high"], strict=True)
    page["control"] = [spread(*figures) or "none" for figures in columns]
    page["supports"] = rows["supports"]
    return page.rename(columns={"n": "songs", "as_distributed": "as distributed"})


def both_versions(claims: pd.DataFrame, differences: pd.DataFrame) -> pd.DataFrame:
    """Every score behind a claim in both versions of the labels, side by side.

    Parameters
    ----------
    claims : pandas.DataFrame
        From :func:`mer_utils.claims.judge`, with a column ``labels``.
    differences : pandas.DataFrame
        From :func:`mer_utils.exchange_effects.paired_differences`.

    Returns
    -------
    pandas.DataFrame
        ``claim, loss, method, dimension, score``; ``value, low, high, verdict`` of each version
        with its name behind ``_``; ``difference, low, high``; ``moved``: the interval of the
        difference does not hold 0; ``changed``: the verdicts differ.

    Raises
    ------
    ValueError
        If the tables do not have the same rows.
    """
    wanted = ["value", "low", "high", "verdict"]
    sides = [
        claims[claims["labels"].eq(name)].set_index(CELL)[wanted].add_suffix(f"_{name}")
        for name in LABELS
    ]
    paired = differences.set_index(CELL)[["difference", "low", "high"]]
    if not all(len(side) == len(paired) and side.index.isin(paired.index).all() for side in sides):
        raise ValueError("claims and differences have different rows: make both tables again")
    table = pd.concat([*sides, paired], axis=1)
    table["moved"] = (table["low"] > 0) | (table["high"] < 0)
    table["changed"] = table[f"verdict_{LABELS[0]}"] != table[f"verdict_{LABELS[1]}"]
    return table.reset_index()


def claims_page(claims: pd.DataFrame, both: pd.DataFrame) -> pd.DataFrame:
    """One row per claim: verdicts in both versions, scores that moved, verdicts that changed."""
    page = summary(claims[claims["labels"].eq(LABELS[0])])[["claim"]]
    for name in LABELS:
        page[name.replace("_", " ")] = summary(claims[claims["labels"].eq(name)])["verdict"]
    groups = both.groupby("claim")
    keys = [claim.key for claim in CLAIMS if claim.key in groups.groups]
    for column, title in (("moved", "scores that moved"), ("changed", "verdicts that changed")):
        counts = [groups.get_group(key)[column] for key in keys]
        page[title] = [f"{count.sum()} of {len(count)}" for count in counts]
    return page


def rows_page(both: pd.DataFrame, spec: str = ".2f") -> pd.DataFrame:
    """Rows of :func:`both_versions` for a page, scores and differences as text."""
    page = pd.DataFrame(
        {
            "score": both["claim"].map(SHOWN),
            "loss": both["loss"].str.upper(),
            "method": both["method"].str.replace("_", " ").str.replace("mc", "MC"),
            "dimension": both["dimension"],
        }
    )
    for name in LABELS:
        columns = (both[f"{column}_{name}"] for column in ("value", "low", "high"))
        page[name.replace("_", " ")] = [spread(*f, spec) for f in zip(*columns, strict=True)]
    columns = zip(both["difference"], both["low"], both["high"], strict=True)
    page["difference"] = [spread(*figures, f"+{spec}") for figures in columns]
    first, second = (both[f"verdict_{name}"] for name in LABELS)
    page["verdict"] = first.where(~both["changed"], first + " → " + second)
    return page


def version_rows(both: pd.DataFrame, claim: str, names: dict) -> pd.DataFrame:
    """Single heads of one claim in both versions, for :func:`mer_utils.rows.for_forest`.

    ``names`` maps a loss to what the reader calls it, in the order of the rows.
    """
    rows = both[both["claim"].eq(claim) & both["method"].eq("single")]
    parts = []
    for loss, shown in names.items():
        for name in LABELS:
            part = rows[rows["loss"].eq(loss)]
            figures = {c: part[f"{c}_{name}"] for c in ("value", "low", "high")}
            row = f"{shown}, {name.replace('_', ' ')}"
            parts.append(part[["dimension"]].assign(row=row, look=loss, **figures))
    return pd.concat(parts, ignore_index=True)


def trial_page(trial: pd.DataFrame) -> pd.DataFrame:
    """:func:`mer_utils.exchange_effects.exchange_trial` for a page: a column for each share.

    A cell reads ``0.54 [0.50, 0.57] (0.56)``; the formula stands in round brackets.
    """
    cells = [spread(r.value, r.low, r.high, ".2f") for r in trial.itertuples()]
    formula = ["" if pd.isna(x) else f" ({x:.2f})" for x in trial["expected"]]
    names = {"r2": "R2", "spearman": "rank correlation"}
    score = trial["score"].map(names) + " of the " + trial["target"].replace("sd", "SD")
    shares = [f"{share:.0%}" for share in trial["share"]]
    table = pd.DataFrame(
        {
            "score": score,
            "dimension": trial["dimension"],
            "share": shares,
            "cell": [a + b for a, b in zip(cells, formula, strict=True)],
        }
    )
    wide = table.pivot(index=["score", "dimension"], columns="share", values="cell")
    order = pd.MultiIndex.from_frame(table[["score", "dimension"]].drop_duplicates())
    return wide.loc[order, list(dict.fromkeys(shares))].reset_index().rename_axis(columns=None)
