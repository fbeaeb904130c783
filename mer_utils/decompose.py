r"""Why an R2 is what it is: three parts that add up to it.

With the correlation :math:`r` of truth and prediction, the ratio :math:`k` of their spreads
(SD over songs, prediction over truth) and the difference :math:`b` of their averages (in SDs
of the truth),

.. math:: R^2 = r^2 - (r - k)^2 - b^2.

Source: Murphy (1988), for the skill score against the average.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mer_utils.dataset import DIMENSIONS
from mer_utils.metrics import pearson, spread_ratio


def r2_parts(y_true, y_pred) -> pd.DataFrame:
    """The three parts of R2 for each dimension, averaged over members.

    Parameters
    ----------
    y_true : array, (n_songs, 2)
    y_pred : array, (n_songs, 2) or (n_members, n_songs, 2)

    Returns
    -------
    pandas.DataFrame
        Index valence, arousal; columns ``ranking`` = r^2 (at least 0: what the best line
        through the predictions would reach; a line that falls if r < 0), ``spread`` =
        -(r - k)^2 and ``level`` = -b^2 (both at most 0), and their sum ``r2``. A constant
        prediction has ``ranking`` 0. NaN where the truth does not vary.
    """
    y_true, y_pred = np.asarray(y_true, float), np.asarray(y_pred, float)
    k = spread_ratio(y_true, y_pred)
    r = np.where(k == 0, 0.0, pearson(y_true, y_pred))  # a constant ranks nothing
    with np.errstate(divide="ignore", invalid="ignore"):
        b = (y_pred.mean(-2) - y_true.mean(-2)) / np.where(np.isnan(k), np.nan, y_true.std(-2))
    parts = {"ranking": r**2, "spread": -((r - k) ** 2), "level": -(b**2)}
    table = {name: part.reshape(-1, 2).mean(0) for name, part in parts.items()}
    return pd.DataFrame(table, index=DIMENSIONS).assign(r2=sum(table.values()))


def lost_most(parts: pd.DataFrame) -> str:
    """Which of the two losses is larger, in words: ``by the level for valence and arousal``."""
    where = parts[["spread", "level"]].idxmin(axis=1)
    if where.nunique() == 1:
        return f"by the {where.iloc[0]} for {' and '.join(where.index)}"
    return " and ".join(f"by the {part} for {name}" for name, part in where.items())
