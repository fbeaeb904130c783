"""The paper's five signatures of failure, each with the claims that decide about it.

A claim has a rule and a verdict (:mod:`mer_utils.claims`); a signature is a way to fail that
one or more claims describe. Source: arXiv 2501.11570.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mer_utils.claims import CLAIMS, SINGLE, summary


@dataclass(frozen=True)
class Signature:
    """One way to fail, and the claims that it consists of.

    ``methods`` are the pairs (loss, method) that it speaks of; None is every pair of a claim.
    """

    text: str
    claims: tuple
    methods: tuple | None = None

    def rules(self) -> pd.DataFrame:
        """What is claimed and the rule that decides it; looks at no result."""
        return pd.DataFrame(
            [(c.text, c.rule) for c in CLAIMS if c.key in self.claims], columns=["claim", "rule"]
        )

    def rows(self, judged: pd.DataFrame) -> pd.DataFrame:
        """The rows of :func:`mer_utils.claims.judge` that this signature is about."""
        about = judged["claim"].isin(self.claims)
        if self.methods is not None:
            pairs = pd.MultiIndex.from_frame(judged[["loss", "method"]])
            about &= pairs.isin(list(self.methods))
        return judged[about]

    def verdict(self, judged: pd.DataFrame) -> pd.DataFrame:
        """Per claim: the smallest and largest figure, and the verdicts counted."""
        rows = self.rows(judged)
        values = rows.groupby("claim", sort=False)["value"].agg(["min", "max"])
        table = summary(rows)[["claim", "verdict"]]
        table.insert(1, "smallest", values["min"].to_numpy())
        table.insert(2, "largest", values["max"].to_numpy())
        return table


SIGNATURES = (
    Signature("means are predicted alike, SDs are not", ("mean_r2", "alike", "sd_r2")),
    Signature("seed ensembles and MC dropout underestimate", ("underestimate", "range")),
    Signature("NLL is narrow, with outliers", ("nll_narrow", "nll_outliers")),
    Signature("MSE and KLD are wider, but unrelated", ("nll_narrow", "rank"), SINGLE[:2]),
    Signature("ranks are unrelated or reversed", ("rank",)),
)


def all_rules() -> pd.DataFrame:
    """Columns ``signature, claim, rule``: what is claimed, before any result is seen."""
    return _together([s.rules() for s in SIGNATURES])


def all_verdicts(judged: pd.DataFrame) -> pd.DataFrame:
    """Columns ``signature, claim, smallest, largest, verdict`` of what ``judge`` returned."""
    return _together([s.verdict(judged) for s in SIGNATURES])


def _together(tables):
    for i, (signature, table) in enumerate(zip(SIGNATURES, tables, strict=True)):
        names = [f"{i + 1}. {signature.text}"] + [""] * (len(table) - 1)
        table.insert(0, "signature", names)
    return pd.concat(tables, ignore_index=True)
