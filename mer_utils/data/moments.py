"""A table of means and SDs, read column by column; does it fit the scale that it should be on?

Numbers on another scale make every line wrong. :func:`misfit` says that once, where each line
would say it for itself.
"""

import numpy as np
import pandas as pd

from mer_utils.data.csv_tables import MANY, DataError, numbers
from mer_utils.data.ratings import sd_bound


def read_moments(frame, path, dimensions, scale, problems, *, sd="sd", widest=1.0):
    """The columns ``DIMENSION_mean`` and ``DIMENSION_{sd}`` of a table of text, checked.

    Bad lines are appended to ``problems``. ``widest``, a number or (n_items,), says how much larger
    than with ddof=0 an SD may be: sqrt(n / (n - 1)) with ddof=1. Returns ``mean`` and ``sd``, each
    (n_items, n_dimensions). Numbers that as a whole are on another scale are a ``DataError``.
    """
    (low, high), k = scale, len(dimensions)
    names = [f"{d}_{what}" for what in ("mean", sd) for d in dimensions]
    widest = np.broadcast_to(np.asarray(widest, float), len(frame))[:, None]
    raw = frame[names].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    found = misfit(raw[:, :k], raw[:, k:], scale, widest)
    if found:
        raise DataError(f"{path}: {found}")
    mean = np.stack([numbers(frame, c, path, problems, low=low, high=high) for c in names[:k]], 1)
    top = 1.125 * (high - low) / 2 * widest.max(initial=1.0)
    spread = np.stack([numbers(frame, c, path, problems, low=0, high=top) for c in names[k:]], 1)
    limit = _limit(mean, scale, widest)
    for i, d in np.argwhere((spread > limit) & (spread <= top) & (mean >= low) & (mean <= high)):
        problems.append(
            f"{path}, line {frame.index[i]}: {names[k + d]} is {spread[i, d]:g}, but ratings from "
            f"{low:g} to {high:g} with mean {mean[i, d]:g} cannot spread beyond {limit[i, d]:.2f}; "
            "correct the value or remove the line"
        )
    return mean, spread


def _limit(mean, scale, widest):
    """Largest SD, with slack for a mean and an SD rounded to one decimal on 1-9."""
    (low, high), slack = scale, (scale[1] - scale[0]) / 160
    near = mean + slack * np.sign((low + high) / 2 - mean)
    return sd_bound(np.clip(np.nan_to_num(near, nan=low), low, high), scale) * widest + slack


def misfit(mean, sd, scale, widest=1.0) -> str:
    """Why these numbers cannot be on the scale, in a sentence that tells the mend; or "".

    ``mean`` (also single ratings) and ``sd`` (may be None) are (n, n_dimensions), NaN where
    unknown. It speaks if many means lie outside the scale, or many SDs are larger than their mean
    allows and none of their roots is. No ratings on the scale can make it speak.
    """
    (low, high), known = scale, int(np.isfinite(mean).sum())
    outside = int(((mean < low) | (mean > high)).sum())
    if outside >= max(MANY, 0.2 * known):
        least, most = np.nanmin(mean), np.nanmax(mean)
        looks = "model space, -1 to 1" if -1 <= least and most <= 1 else "another scale"
        return (
            f"{outside} of {known} numbers lie outside {low:g} to {high:g}: they go from {least:g} "
            f"to {most:g}, which looks like {looks}; give ratings from {low:g} to {high:g}, or "
            "correct the scale"
        )
    limit = _limit(mean, scale, widest)
    above = 0 if sd is None else int((sd > limit).sum())
    if above >= max(MANY / 2, 0.01 * known) and not (np.sqrt(np.abs(sd)) > limit).any():
        return (
            f"{above} of {known} SDs are larger than ratings from {low:g} to {high:g} allow, and "
            "none of their roots is: the column looks like variances; give SDs"
        )
    return ""


def part_of_scale(mean, scale) -> str:
    """A remark if all means of a dimension, (n,), lie in one half of the scale; "" for n < 20."""
    (low, high), least, most = scale, float(np.min(mean)), float(np.max(mean))
    if len(mean) < 20 or least < (low + high) / 2 < most:
        return ""
    return (
        f"All means lie from {least:.2f} to {most:.2f}, in one half of the scale {low:g} to "
        f"{high:g}. Is this the scale that the raters used?"
    )
