"""The whole study in one view: what the methods reached of what is possible, and which claims hold.

``scores`` is a table of ``mer run``, ``ceilings`` from
:func:`mer_utils.ceiling.of_data.ceilings_of`, ``rows`` are those of
:func:`mer_utils.show.tables.method_rows`.
"""

import textwrap

import pandas as pd

from mer_utils.ceiling.of_data import ceilings_of
from mer_utils.ceiling.shares import all_highest, with_shares
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.results import Results, kept
from mer_utils.scoring.claims import CLAIMS, OURS
from mer_utils.scoring.verdicts import decide, interval_factors
from mer_utils.show.tables import SINGLE_HEADS, compare_with_paper, method_rows, pick
from mer_utils.show.terminal import QUICK, WIDTH, score_lines
from mer_utils.show.words import listed

QUANTITIES = {
    "R2": ("sd", "r2"),
    "rank correlation": ("sd", "spearman"),
    "correlation beyond the mean": ("sd_beyond_mean", "pearson"),
}
"""What a reader calls a score -> (target, score)."""
TRIVIAL_ROWS = ("training mean SD", "quadratic")
ENCODERS = {
    "frozen": "frozen", "last": "last layers trained", "all": "all layers trained",
    "random": "from random weights", "small": "small network",
}  # fmt: skip
"""The arms of ``results/encoders``, as a reader calls them."""


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
    """Name and rows of the method with the highest score, averaged over dimensions.

    The trivial predictors do not take part. The best of many is in part the luckiest.
    """
    table = picked(scores, ceilings, quantity, rows)
    table = table[~table["row"].isin(TRIVIAL_ROWS)]
    name = table.groupby("row", sort=False)["value"].mean().idxmax()
    return name, table[table["row"].eq(name)]


def tops(songs) -> pd.DataFrame:
    """Highest possible scores that belong to songs or to a table of ceilings, for ``judge``."""
    return all_highest(songs if isinstance(songs, pd.DataFrame) else ceilings_of(songs))


def card(cells: pd.DataFrame) -> pd.DataFrame:
    """The verdicts on the claims of one data set: ``claim, rule, cells, verdict``, in book order.

    ``cells`` is from :func:`mer_utils.scoring.claims.judge`. A verdict reads "undecided" or,
    where dimensions differ, "valence reproduced, arousal undecided".
    """
    decided, rows = decide(cells, interval_factors()), []
    for claim in CLAIMS + OURS:
        found = decided[decided["claim"].eq(claim.key)]
        each = [f"{row.dimension} {row.verdict}" for row in found.itertuples()]
        said = found["verdict"].unique()
        if len(found):
            text = said[0] if len(said) == 1 else ", ".join(each)
            rows.append((claim.text, claim.rule, found["cells"].iloc[0], text))
    return pd.DataFrame(rows, columns=["claim", "rule", "cells", "verdict"])


def learned(data: str, labels=None) -> list[str]:
    """Dimensions in which the nested ordinary learner knows the SD beyond the mean, however asked.

    Its interval lies above 0, and no permutation of the SDs did as well, in every row of
    ``results/learners`` about ``data`` (and one version of the labels): versions, kinds of folds.
    """
    rows = kept("learners", "scores").query("learner == 'best' and score == 'pearson_beyond_mean'")
    rows = rows[rows["data"].eq(data) & (True if labels is None else rows["labels"].eq(labels))]
    sure = rows["low"].gt(0) & rows["null_above"].eq(0)
    return [d for d in rows["dimension"].unique() if sure[rows["dimension"].eq(d)].all()]


def learned_sentence(where: str, found: list[str], dimensions=DIMENSIONS) -> str:
    """What :func:`learned` found, in words that begin with ``where``."""
    if not found:
        return f"{where}, nothing that is learned beyond the mean holds however it is asked"
    rest = [d for d in dimensions if d not in found]
    tail = f", and nothing that holds for {listed(rest)}" if rest else ""
    return f"{where}, something is learned beyond the mean for {listed(found)}{tail}"


def study_lines(found: Results, profile: str) -> list[str]:
    """What ``mer run`` says at its end: verdicts and main scores, by version of the labels."""
    lines = ["", QUICK] if profile == "quick" else []
    for labels, claims in found.claims.groupby("labels", sort=False):
        lines += ["", f"claims of the paper and ours (the last), labels {labels.replace('_', ' ')}"]
        for row in card(claims).itertuples():
            text = f"  {row.claim}: {row.verdict}"
            lines += textwrap.wrap(text, WIDTH, subsequent_indent="    ")
        scores = found.scores[found.scores["labels"].eq(labels)]
        main = ("R2 of the mean", "R2 of the SD", "rank correlation, SD")
        table = compare_with_paper(scores, {k: SINGLE_HEADS[k] for k in main}, "")
        lines += ["", "main scores of single heads, by loss (in brackets: 95% intervals)"]
        lines += score_lines(table)
    return lines


def surely_better(differences: pd.DataFrame) -> pd.DataFrame:
    """Who surely tells more of disagreement than *mean only*: ``data, design, dimension, method``.

    ``differences``: ``results/methods/differences.csv``. Better in the primary score, *and* around
    the listeners' own mean, where to know that a predicted mean is wrong is of no use.
    """
    rows = differences["against"].eq("mean_only") & differences["verdict"].eq("better")
    spread, own = (
        differences.loc[
            rows & differences["score"].isin([f"crps_{kind}", f"dss_{kind}"]),
            ["data", "design", "dimension", "method"],
        ]
        for kind in ("spread", "own")
    )
    return spread.merge(own)


def probe_fates(probes: pd.DataFrame) -> pd.DataFrame:
    """The best frozen reader of each property, and by ``studies/encoders/RULES.md`` its ``fate``.

    ``probes``: ``results/encoders/probes.csv``. "lost" by averaging over time, "kept", or "hidden"
    from all readers of the encoder; then ``by_rule`` says if a rule by hand finds it.
    """
    rows = probes.query("judges == 'truth' and score == 'r2' and reader != 'known'")
    rows = rows[~rows["layer"].isin(ENCODERS) & rows["property"].ne("nothing")]
    by_hand, found = rows["pooling"].eq("by hand"), []
    for name, part in rows[~by_hand].groupby("property", sort=False):
        top = part.loc[part["value"].idxmax()]
        average = part.loc[part["pooling"].eq("mean"), "value"].max()
        lost = average < top["value"] / 2 and top["gain_low"] > 0
        fate = "hidden" if top["low"] <= 0 else "lost" if lost else "kept"
        ruled = (rows.loc[by_hand & rows["property"].eq(name), "low"] > 0).any()
        found.append(top.to_dict() | {"fate": fate, "by_rule": bool(ruled)})
    return pd.DataFrame(found)
