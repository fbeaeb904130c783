"""A score of a predicted SD as a share of the highest score that anyone could reach.

With a reliability rho of the raters' SD (:mod:`mer_utils.ceiling.of_data`) the highest R2 is
rho and the highest Pearson correlation sqrt(rho). A share is the score over its ceiling: 1 is
perfect, 0 is no better than a constant (R2) or no relation (correlation).

- The interval is *conservative*. Score and ceiling each have a 95% interval (or the ceiling a
  bracket); the share takes both at their worst together. It leaves out what both leave out, such as
  other training songs. Where the ceiling may be 0 the share has no limit: ``inf``, shown as "any".
- A ceiling that is only bracketed, as DEAM's, has no value; its share is a range. A share that lies
  above 1 as a whole would say that the ceiling is wrong.
- For a Spearman correlation sqrt(rho) is an approximation, and a little too high: on simulated
  songs with ten raters a perfect prediction reaches 0.94 to 0.99 of it.
- On finite songs a share may pass 1 by luck, and does so half of the time for a perfect prediction.
- A negative R2 says that a constant would have been better. Its share tells nothing more.
"""

import numpy as np
import pandas as pd

from mer_utils.ceiling.of_data import ALL, BEYOND

CEILINGS = {
    ("sd", "r2"): (ALL, 1.0),
    ("sd", "pearson"): (ALL, 0.5),
    ("sd", "spearman"): (ALL, 0.5),
    ("sd_beyond_mean", "pearson"): (BEYOND, 0.5),
}
"""(target, score) of a score table -> the part, and the power of rho that limits it."""
SHARE_COLUMNS = ["share", "share_low", "share_high"]
CEILING_COLUMNS = ["ceiling", "ceiling_low", "ceiling_high"]


def of_ceiling(value, low, high, ceiling, ceiling_low, ceiling_high):
    """A score with its interval as a share of its ceiling with an interval; arrays or numbers.

    Parameters
    ----------
    value, low, high
        The score: an R2 or a correlation.
    ceiling, ceiling_low, ceiling_high
        Highest possible score; below 0 it counts as 0.

    Returns
    -------
    share, low, high : arrays
        See the top. ``share`` is NaN where the ceiling is 0 or has no value; an end is infinite
        where the ceiling's interval reaches 0, and 0 where the score's end is.
    """
    value, low, high = (np.asarray(a, float) for a in (value, low, high))
    top, top_low, top_high = (
        np.maximum(np.asarray(a, float), 0) for a in (ceiling, ceiling_low, ceiling_high)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(top > 0, value / top, np.nan)
        # a positive score is least against a high ceiling, a negative one against a low one
        ends = (
            np.where(low > 0, low / top_high, low / top_low),
            np.where(high > 0, high / top_low, high / top_high),
        )
    known = np.isfinite(low) & np.isfinite(high)
    below, above = (
        np.where(known & (end == 0), 0.0, x) for end, x in zip((low, high), ends, strict=True)
    )
    return share, below, above


def highest(ceilings: pd.DataFrame, target="sd", score="r2") -> pd.DataFrame:
    """Highest possible score with its interval: ``dimension, value, low, high``, at least 0.

    NaN where it is not known; of a bracket, ``value`` alone is.
    ``ceilings`` is from :func:`mer_utils.ceiling.of_data.ceilings_of`.
    """
    part, power = CEILINGS[target, score]
    rows = ceilings[ceilings["part"].eq(part)].set_index("dimension")
    return (rows[["value", "low", "high"]].clip(lower=0) ** power).reset_index()


def all_highest(ceilings: pd.DataFrame) -> pd.DataFrame:
    """:func:`highest` of every pair in :data:`CEILINGS`, with ``target`` and ``score``."""
    each = (highest(ceilings, *place).assign(target=place[0], score=place[1]) for place in CEILINGS)
    return pd.concat(each, ignore_index=True)


def with_shares(scores: pd.DataFrame, ceilings: pd.DataFrame) -> pd.DataFrame:
    """A score table with :data:`CEILING_COLUMNS` and the shares; NaN where no ceiling is known.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`mer_utils.scoring.score_table.score_table`, or rows of it: ``target``,
        ``score``, ``dimension``, ``value``, ``low`` and ``high`` are read.
    ceilings : pandas.DataFrame
        From :func:`mer_utils.ceiling.of_data.ceilings_of`.
    """
    tops = all_highest(ceilings).rename(
        columns={"value": "ceiling", "low": "ceiling_low", "high": "ceiling_high"}
    )
    joined = scores.merge(tops, how="left", on=["target", "score", "dimension"])
    ends = ("value", "low", "high", *CEILING_COLUMNS)
    found = np.stack(of_ceiling(*(joined[c] for c in ends)))
    found[:, joined["ceiling_high"].isna()] = np.nan
    tops = {name: joined[name].to_numpy() for name in CEILING_COLUMNS}
    return scores.assign(**dict(zip(SHARE_COLUMNS, found, strict=True)), **tops)
