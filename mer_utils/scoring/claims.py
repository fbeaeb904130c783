"""The paper's claims, and one of our own, each with the rule that decides it and the verdict.

A rule is a region in which the claim holds. The rules were not blind: they were written after
a first look at one split of DEAM, and before the five-fold study that is judged by them. The
border of ``sd_r2`` was 0 at first and was moved to -0.1 later, but before that study was read,
because a constant guess already scores a little below 0. That makes the claim harder to
reproduce. With a 95% interval the verdict is

``reproduced``      the whole interval lies in the region
``not reproduced``  the whole interval lies outside
``undecided``       it lies across the border
``not testable``    the claim is about something these data do not have; ``why`` says what

Source of :data:`CLAIMS`: arXiv 2501.11570, results and figures. The claim in :data:`OURS` is not
the paper's. Its rule has the border and the cells of the paper's claim ``rank``; its verdicts
are called ``holds``, ``does not hold`` and ``undecided``, since there is nothing to reproduce.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.data.dataset import Dataset
from mer_utils.model.losses import PAPER_LOSSES

SINGLE = tuple((loss, "single") for loss in PAPER_LOSSES)
SAMPLED = tuple((loss, m) for m in ("seed_ensemble", "mc_dropout") for loss in PAPER_LOSSES)


@dataclass(frozen=True)
class Claim:
    """One claim: where its figures are in the score table, and where it holds.

    ``cells`` are pairs (loss, method); the claim holds where ``lower < score < upper``.
    """

    key: str
    text: str
    rule: str
    cells: tuple
    target: str
    score: str
    lower: float = -np.inf
    upper: float = np.inf
    words: tuple = ("reproduced", "not reproduced")

    def verdict(self, low: float, high: float) -> str:
        """The verdict for a 95% interval."""
        if self.lower < low and high < self.upper:
            return self.words[0]
        if high <= self.lower or low >= self.upper:
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
          SINGLE + SAMPLED, "sd", "r2", upper=-0.1),
    Claim("underestimate", "Seed ensembles and MC dropout underestimate the SD",
          "predicted SD below the empirical one for more than 9 songs in 10",
          SAMPLED, "sd", "share_below", lower=0.9),
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
          "Spearman correlation below 0.1",
          SINGLE + SAMPLED, "sd", "spearman", upper=0.1),
)
"""The paper's claims, in the order of the scorecard."""
OURS = (
    Claim("beyond_mean", "Beyond the raters' mean, no method knows the SD",
          "Correlation below 0.1, after a quadratic in the raters' mean is taken out of both SDs",
          SINGLE + SAMPLED, "sd_beyond_mean", "pearson", upper=0.1,
          words=("holds", "does not hold")),
)
"""What we ask beyond the paper."""
# fmt: on


def judge(scores: pd.DataFrame, songs: Dataset | None = None, claims=CLAIMS) -> pd.DataFrame:
    """Hold a score table against every claim.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`mer_utils.scoring.replicate.run_study`, or of one loss with a column ``loss``.
    songs : Dataset, optional
        Says what the features are: the first claim is about MusicFM embeddings, and
        is not testable with others.
    claims : tuple of Claim
        The paper's by default.

    Returns
    -------
    pandas.DataFrame
        One row per claim, loss, method and dimension: ``claim, loss, method, dimension,
        score, value, low, high, verdict, why``.
    """
    table = scores.set_index(["loss", "method", "target", "score", "dimension"])
    rows = []
    for claim in claims:
        for loss, method in claim.cells:
            for dimension in scores["dimension"].unique():
                place = (loss, method, claim.target, claim.score, dimension)
                if place not in table.index:
                    figures, verdict, why = (np.nan,) * 3, "not testable", "not computed here"
                else:
                    figures = tuple(table.loc[place, ["value", "low", "high"]])
                    verdict, why = claim.verdict(*figures[1:]), ""
                    if claim.key == "mean_r2" and songs is not None:
                        verdict, why = _about_features(verdict, songs)
                rows.append(
                    (claim.key, loss, method, dimension, claim.score, *figures, verdict, why)
                )
    names = "claim loss method dimension score value low high verdict why".split()
    return pd.DataFrame(rows, columns=names)


def _about_features(verdict, songs):
    if songs.feature_source == "simulated embedding":
        return verdict, "simulated features were tuned to this value"
    if "musicfm" not in songs.feature_source.lower():
        return (
            "not testable",
            f"the paper used MusicFM embeddings; these are {songs.feature_source}",
        )
    return verdict, ""


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
