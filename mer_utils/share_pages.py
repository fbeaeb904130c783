"""What every method reached of what is possible: tables and words for a page.

The tables of notebook 07 and of the section "Beyond the paper" of the scorecard. Shares are
those of :mod:`mer_utils.shares`; ``ceilings`` is always from
:func:`mer_utils.ceiling_results.ceilings_of`, ``scores`` from :func:`mer_utils.study.run_study`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from . import ceiling_results, controls, controls_study, power
from .ceiling_pages import with_interval
from .claims import OURS, judge, summary
from .dataset import DIMENSIONS
from .experiment import load_data
from .rows import method_rows, pick
from .shares import highest, in_text, in_words, with_shares
from .style import NAMES

QUANTITIES = {
    "R2": ("sd", "r2"),
    "rank correlation": ("sd", "spearman"),
    "correlation beyond the mean": ("sd_beyond_mean", "pearson"),
}
"""What a reader calls a score -> (target, score)."""
TRIVIAL_ROWS = ("training mean SD", "quadratic")


def picked(scores, ceilings, quantity: str, rows=None) -> pd.DataFrame:
    """:func:`mer_utils.rows.pick` with shares, for a quantity of :data:`QUANTITIES`.

    A ``ValueError`` if the scores were made before this quantity was.
    """
    target, score = QUANTITIES[quantity]
    if not (scores["target"].eq(target) & scores["score"].eq(score)).any():
        raise ValueError(
            f"the score table has no row of {target}, {score}: make it anew with `mer run`"
        )
    table = pick(scores, rows or method_rows("mse"), target, score)
    return with_shares(table.assign(target=target, score=score), ceilings)


def method_table(scores, ceilings, rows=None) -> pd.DataFrame:
    """All methods, as text: ``method, dimension`` and the :data:`QUANTITIES`.

    A cell reads ``0.22 = 46% [34%, 61%]``: the score, and its share of the highest possible.
    The last rows are the ceilings with their intervals.
    """
    names = list(rows or method_rows("mse"))
    tables = {}
    for quantity, place in QUANTITIES.items():
        found = picked(scores, ceilings, quantity, rows)
        cells = {(r.row, r.dimension): f"{r.value:z.2f} = {in_text(r)}" for r in found.itertuples()}
        tops = highest(ceilings, *place).itertuples()
        tables[quantity] = cells | {
            ("highest possible", r.dimension): with_interval(r) for r in tops
        }
    places = [(name, d) for name in (*names, "highest possible") for d in DIMENSIONS]
    table = pd.DataFrame(places, columns=["method", "dimension"])
    for quantity, cells in tables.items():
        table[quantity] = [cells.get(place, "-") for place in places]
    table["method"] = table["method"].mask(table["method"].duplicated(), "")
    return table


def best(scores, ceilings, quantity: str, rows=None) -> tuple[str, pd.DataFrame]:
    """Name and rows of the method with the highest score, averaged over both dimensions.

    The trivial predictors do not take part. The best of many is in part the luckiest.
    """
    table = picked(scores, ceilings, quantity, rows)
    table = table[~table["row"].isin(TRIVIAL_ROWS)]
    name = table.groupby("row", sort=False)["value"].mean().idxmax()
    return name, table[table["row"].eq(name)]


def counts(scores, ceilings, quantity: str, rows=None) -> dict:
    """Of all methods but the trivial ones, in both dimensions: how many cells are

    ``above`` (the share's whole interval is above 0), ``full`` (it reaches 100%, so that noise
    of the raters alone may explain what is missing), out of ``n``.
    """
    table = picked(scores, ceilings, quantity, rows)
    table = table[~table["row"].isin(TRIVIAL_ROWS)]
    above, full = table["share_low"] > 0, table["share_high"] >= 1
    return {"n": len(table), "above": int(above.sum()), "full": int(full.sum())}


# --- the scorecard ---------------------------------------------------------------------------


def stored_ceilings(labels: str, simulated: bool) -> pd.DataFrame:
    """Ceilings of the stored results; DEAM itself is not needed."""
    if simulated:
        return ceiling_results.ceilings_of(load_data("simulated", labels=labels))
    table = ceiling_results.committed("targets")
    return table[table["labels"].eq(labels)].reset_index(drop=True)


def beyond_paper(scores: pd.DataFrame, ceilings: pd.DataFrame) -> pd.Series:
    """One column of the table "Beyond the paper": question -> answer as text.

    Two figures with a stroke between them are those of valence and arousal.
    """
    (claim,) = OURS
    answers = {claim.text: summary(judge(scores, claims=OURS))["verdict"][0]}
    for part, where in (("r2", "R2"), ("spearman", "correlation")):
        answers[f"Highest possible {where}"] = _both(highest(ceilings, "sd", part), with_interval)
    tops = highest(ceilings, "sd_beyond_mean", "pearson")
    squares = tops.assign(**{k: tops[k] ** 2 for k in ("value", "low", "high")})
    answers["Highest possible R2 beyond the mean"] = _both(squares, with_interval)
    answers["Highest possible correlation beyond the mean"] = _both(tops, with_interval)
    for quantity in QUANTITIES:
        name, rows = best(scores, ceilings, quantity)
        answers[f"Best of nine, share of the highest {quantity}"] = (
            f"{name}: {_both(rows, in_text)}"
        )
    for quantity in list(QUANTITIES)[1:]:
        table = picked(scores, ceilings, quantity)
        for method, (loss, kind) in controls.METHODS.items():
            row = next(k for k, v in method_rows("mse").items() if v[:2] == (loss, kind))
            cells = table[table["row"].eq(row)]
            question = f"{NAMES[method]}, share of the highest {quantity}"
            answers[question] = _both(cells, in_text) if len(cells) else "not computed here"
        cells = table[table["row"].eq("quadratic")]
        answers[f"quadratic in the predicted mean, share of the highest {quantity}"] = _both(
            cells, in_text
        )
    return pd.Series(answers)


def _both(rows, text):
    return " / ".join(text(row) for row in rows.itertuples())


def controls_table() -> pd.DataFrame:
    """The verdicts of :mod:`mer_utils.controls` for each method, from the committed tables.

    ``able``, ``informative`` and ``silent`` rest on simulated songs; the smallest detectable
    share on simulated ratings with the features and means of DEAM.
    """
    verdicts = controls.judge(controls_study.committed("controls_simulated"))
    power_rows = power.smallest_share(controls_study.honest_power()).set_index("method")
    columns = {"able_10": "able, 10 raters", "able_60": "able, 60 raters",
               "informative": "informative", "silent": "silent"}  # fmt: skip
    table = []
    for method, rows in verdicts.groupby("method", sort=False):
        row = {"method": NAMES[method]}
        row |= {label: _yes(rows.set_index("dimension")[key]) for key, label in columns.items()}
        row["smallest detectable share"] = _smallest(power_rows, method)
        table.append(row)
    return pd.DataFrame(table)


def _yes(cells):
    """One word for both dimensions: yes, no, not known, or the only dimension where it is."""
    values = [cells[d] for d in DIMENSIONS]
    if None in values:
        return "not known"
    if all(values) or not any(values):
        return "yes" if values[0] else "no"
    return f"{DIMENSIONS[values.index(True)]} only"


def _smallest(rows, method):
    if method not in rows.index:
        return "not known"
    row = rows.loc[method]

    def word(x):
        return "none" if np.isinf(x) else f"{x:.0%}"

    if np.isinf(row["low"]):
        return "none of those tried"
    return f"{word(row['share'])} [{word(row['low'])}, {word(row['high'])}]"


def best_in_words(scores, ceilings, quantity: str, rows=None) -> str:
    """``MSE, with 46% (34% to 61%) for valence and ...``."""
    name, cells = best(scores, ceilings, quantity, rows)
    return f"{name}, with {in_words(cells)}"
