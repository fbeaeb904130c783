"""From the cells of :mod:`mer_utils.scoring.claims` to few verdicts, wrong ones held down."""

import numpy as np
import pandas as pd
from scipy.stats import norm

from mer_utils.results import kept
from mer_utils.scoring.claims import CLAIMS, OURS

FACTOR_NAMES = {"seed_ensemble": "ensemble", "mc_dropout": "mc_dropout"}
FACTOR_SCORES = {"sd_r2": "r2", "rank": "spearman", "beyond_mean": "beyond_mean"}
"""Methods and claims as the table of factors calls them; single heads go by their loss."""


def interval_factors() -> pd.DataFrame | None:
    """How wide intervals should be, ``method, score, ratio``; None (1) while it is not measured."""
    try:
        return kept("controls", "intervals_networks")
    except ValueError:
        return None


def _factor(row, factors):
    """The factor of a cell, at least 1: of its method and score, else the largest of its method."""
    if factors is None:
        return 1.0
    own = factors[factors["method"].eq(FACTOR_NAMES.get(row.method, row.loss))]
    exact = own[own["score"].eq(FACTOR_SCORES.get(row.claim))]
    return max([1.0, *(exact if len(exact) else own)["ratio"]])


def decide(cells: pd.DataFrame, factors=None, level: float = 0.05) -> pd.DataFrame:
    """One verdict for each claim and dimension, with the chance of any wrong one held down.

    A claim says something of *every* cell. So it holds if each cell lies inside the region (the
    largest p of the cells: intersection-union test, Berger 1982), and falls with one cell that lies
    outside (the smallest p, times the number of cells: Bonferroni). p of a cell is one-sided, from
    the normal distribution with the standard error that its interval says, times its factor.

    A verdict can go either way, and we did not say beforehand which. On the border itself both
    words would be wrong. So p is *two-sided*, twice the smaller of the two: one claim alone is then
    decided as by its 95% interval. Holm (1979) over all claims and dimensions of the table
    keeps the chance of even one wrong verdict, in either direction, at ``level``.

    Parameters
    ----------
    cells : pandas.DataFrame
        From :func:`judge`, of one data set and one version of its labels.
    factors : pandas.DataFrame, optional
        From :func:`interval_factors`.

    Returns
    -------
    pandas.DataFrame
        ``claim, dimension, cells, smallest, largest, p, p_holm, verdict``. "undecided" where
        ``p_holm`` is above ``level``, "not testable" where no cell has an interval.
    """
    judged, words = cells[cells["judged"].astype(bool)], {c.key: c.words for c in CLAIMS + OURS}
    stretch = np.array([_factor(row, factors) for row in judged.itertuples()])
    error = np.maximum((judged["high"] - judged["low"]) / 3.92 * stretch, 1e-12)
    short = judged["lower"] - judged["value"]  # above 0: outside, by so much
    near, far = (np.maximum(short, judged["value"] - judged[k]) for k in ("upper", "upper_most"))
    across = far + judged["upper_most"] - judged["lower"]
    inside = norm.cdf(near / error)
    outside = norm.cdf(-far / error) + norm.cdf(-across / error)
    judged = judged.assign(inside=inside, outside=outside)
    rows = []
    for (key, dimension), part in judged.groupby(["claim", "dimension"], sort=False):
        n, p_in = len(part), part["inside"].fillna(1.0).max()  # a cell that is missing may be out
        p_out = min(1.0, n * part["outside"].fillna(1.0).min())
        p = min(1.0, 2 * min(p_in, p_out)) if part["inside"].notna().any() else np.nan
        word = words[key][0] if p_in < p_out else words[key][1]
        rows.append((key, dimension, n, part["value"].min(), part["value"].max(), p, word))
    names = ["claim", "dimension", "cells", "smallest", "largest", "p", "verdict"]
    table = pd.DataFrame(rows, columns=names)
    table.insert(6, "p_holm", holm(table["p"]))
    table.loc[table["p_holm"].gt(level), "verdict"] = "undecided"
    table.loc[table["p"].isna(), "verdict"] = "not testable"
    return table


def holm(p) -> np.ndarray:
    """Holm's adjustment (1979) of p values, (n,), that form one family; NaN takes no part."""
    p = np.asarray(p, float)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN sorts last
    adjusted = np.full(len(p), np.nan)
    steps = np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1))
    adjusted[order] = np.minimum(1, steps)
    return adjusted
