"""The paper's claims, and one of our own, each with the rule that decides it and the verdict.

A rule is a region of scores in which the claim holds. The rules were not blind: they were written
after a first look at one split of DEAM. The border of ``sd_r2`` was 0 at first and was moved to
-0.1, before the five-fold study was read, because a constant guess already scores a little below 0.
"Near zero" was below 0.1, and is now below :data:`NEAR_ZERO` of the highest possible correlation:
changed after the study was read, because 0.1 is much where little can be reached.

:func:`judge` looks at each *cell*, a loss with a method in one dimension, alone: the 95% interval
lies in the region (``reproduced``), outside (``not reproduced``) or across the border
(``undecided``). These rows describe. They are many, and many restate one fact: the spreads of seeds
and dropout are so small that three claims follow. So a claim says which of its cells are
``judged``; a fact is judged once, and :func:`mer_utils.scoring.verdicts.decide` gives one verdict
for each claim and dimension.

Source of :data:`CLAIMS`: arXiv 2501.11570, results and figures. The claim in :data:`OURS` is not
the paper's; its verdicts are called ``holds`` and ``does not hold``.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.data.dataset import Dataset
from mer_utils.model.losses import PAPER_LOSSES

SINGLE = tuple((loss, "single") for loss in PAPER_LOSSES)
SAMPLED = tuple((loss, m) for m in ("seed_ensemble", "mc_dropout") for loss in PAPER_LOSSES)
NEAR_ZERO = 0.25
"""A correlation below this share of the highest possible one counts as near zero."""


@dataclass(frozen=True)
class Claim:
    """One claim: where its figures are in the score table, and where it holds.

    ``cells`` are pairs (loss, method), ``judged`` those that decide it (None: all). The claim
    holds where ``lower < score < upper``; ``relative``: where the highest possible score is
    known, ``upper`` is :data:`NEAR_ZERO` of it.
    """

    key: str
    text: str
    rule: str
    cells: tuple
    target: str
    score: str
    lower: float = -np.inf
    upper: float = np.inf
    judged: tuple | None = None
    relative: bool = False
    words: tuple = ("reproduced", "not reproduced")

    def border(self, tops, dimension: str) -> tuple[float, float]:
        """The upper border if the highest possible score is at its low end, and at its high end."""
        if self.relative and tops is not None:
            place = tops["target"].eq(self.target) & tops["score"].eq(self.score)
            for row in tops[place & tops["dimension"].eq(dimension)].itertuples():
                if np.isfinite([row.low, row.high]).all():
                    return NEAR_ZERO * row.low, NEAR_ZERO * row.high
        return self.upper, self.upper

    def verdict(self, low: float, high: float, upper=None, upper_most=None) -> str:
        """The word for a 95% interval, and for a border that may lie between two ends."""
        upper = self.upper if upper is None else upper
        if self.lower < low and high < upper:
            return self.words[0]
        if high <= self.lower or low >= (upper if upper_most is None else upper_most):
            return self.words[1]
        return "undecided"


# fmt: off
CLAIMS = (
    Claim("mean_r2", "The mean rating is predicted with R2 of 0.6 to 0.7",
          "R2 of the mean between 0.55 and 0.75 (the paper's figures are rounded)",
          SINGLE, "mean", "r2", lower=0.55, upper=0.75),
    Claim("alike", "All methods predict the mean alike",
          "R2 of the mean within 0.05 of that of single MSE heads, on the same songs",
          SINGLE[1:] + SAMPLED, "mean", "r2_minus_mse", lower=-0.05, upper=0.05),
    Claim("sd_r2", "No method predicts the SD of the raters: R2 far below 0",
          "R2 of the SD below -0.1 (a constant guess scores about 0)",
          SINGLE + SAMPLED, "sd", "r2", upper=-0.1, judged=SINGLE),
    Claim("underestimate", "Seed ensembles and MC dropout underestimate the SD",
          "predicted SD below the empirical one for more than 9 songs in 10",
          SAMPLED, "sd", "share_below", lower=0.9, judged=()),
    Claim("range",
          "Their SDs are several times smaller: 0.00 to 0.10, the empirical ones 0.00 to 0.60",
          "mean predicted SD below a quarter of the mean empirical SD",
          SAMPLED, "sd", "mean_ratio", upper=0.25),
    Claim("nll_narrow", "NLL predicts a narrower range of SDs than MSE and KLD",
          "interquartile range of predicted SDs (in that of the empirical) larger than with NLL",
          SINGLE[:2], "sd", "iqr_ratio_minus_nll", lower=0.0),
    Claim("nll_outliers", "NLL has occasional large outliers",
          "share of predicted SDs above Tukey's fence smaller than with NLL",
          SINGLE[:2], "sd", "outlier_share_minus_nll", upper=0.0),
    Claim("rank", "Predicted and empirical SD have a rank correlation near zero or below",
          "Spearman correlation below a quarter of the highest possible (0.1 where none is known)",
          SINGLE + SAMPLED, "sd", "spearman", upper=0.1, relative=True),
)
"""The paper's claims, in the order of the scorecard."""
OURS = (
    Claim("beyond_mean", "Beyond the raters' mean, no method knows the SD",
          "Correlation, after a quadratic in the raters' mean is taken out of both SDs, below a "
          "quarter of the highest possible (0.1 where none is known)",
          SINGLE + SAMPLED, "sd_beyond_mean", "pearson", upper=0.1, relative=True,
          words=("holds", "does not hold")),
)
"""What we ask beyond the paper."""
# fmt: on


def judge(scores, songs: Dataset | None = None, tops=None, claims=None) -> pd.DataFrame:
    """Hold a score table against every claim, cell by cell.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`mer_utils.scoring.replicate.run_study`, or of one loss with a column ``loss``.
    songs : Dataset, optional
        Simulated features were tuned to the first claim: ``why`` then says so.
    tops : pandas.DataFrame, optional
        Highest possible scores, ``target, score, dimension, low, high``, for relative borders
        (:func:`mer_utils.show.scorecard.tops`). An interval must lie below the border of the low
        end to be near zero, and above that of the high end not to be.
    claims : tuple of Claim
        The paper's and ours by default.

    Returns
    -------
    pandas.DataFrame
        One row per claim, loss, method and dimension: ``claim, loss, method, dimension,
        score, value, low, high, lower, upper, upper_most, judged, verdict, why``.
    """
    table, rows = scores.set_index(["loss", "method", "target", "score", "dimension"]), []
    for claim in claims or CLAIMS + OURS:
        for cell in claim.cells:
            for dimension in scores["dimension"].unique():
                place = (*cell, claim.target, claim.score, dimension)
                ends, asked = claim.border(tops, dimension), claim.judged
                figures, verdict, why = (np.nan,) * 3, "not testable", "not computed here"
                if place in table.index:
                    figures = tuple(table.loc[place, ["value", "low", "high"]])
                    verdict, why = claim.verdict(*figures[1:], *ends), ""
                    if claim.key == "mean_r2" and songs is not None and songs.simulated:
                        why = "simulated features were tuned to this value"
                judged = asked is None or cell in asked
                end = (*figures, claim.lower, *ends, judged, verdict, why)
                rows.append((claim.key, *cell, dimension, claim.score, *end))
    names = "claim loss method dimension score value low high lower upper upper_most judged"
    return pd.DataFrame(rows, columns=[*names.split(), "verdict", "why"])


def summary(claims: pd.DataFrame) -> pd.DataFrame:
    """Verdicts counted per claim, in book order: columns ``claim, rule, verdict``.

    ``claims`` is from :func:`judge`. A verdict reads ``reproduced (6 of 6)`` or ``reproduced 5
    of 6, undecided 1 of 6``, and ends with the reason where there is one.
    """
    texts = {}
    for key, rows in claims.groupby("claim", sort=False):
        counts, n = rows["verdict"].value_counts(), len(rows)
        if len(counts) == 1:
            texts[key] = f"{counts.index[0]} ({n} of {n})"
        else:
            texts[key] = ", ".join(f"{verdict} {k} of {n}" for verdict, k in counts.items())
        reasons = [why for why in rows["why"].unique() if why]
        texts[key] += "".join(f": {why}" for why in reasons)
    kept = [claim for claim in CLAIMS + OURS if claim.key in texts]
    return pd.DataFrame(
        {
            "claim": [claim.text for claim in kept],
            "rule": [claim.rule for claim in kept],
            "verdict": [texts[claim.key] for claim in kept],
        }
    )
