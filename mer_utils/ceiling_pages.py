"""The tables of :mod:`mer_utils.ceiling_study` as a page or a figure wants them."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .bounded import mean_sd_share
from .ceiling_study import raters_of
from .dataset import DIMENSIONS, Dataset
from .rater_study import RaterData


def with_interval(row, spec=".2f") -> str:
    """``0.20 [0.14, 0.25]`` for anything with ``value``, ``low`` and ``high``."""
    return f"{row.value:{spec}} [{row.low:{spec}}, {row.high:{spec}}]"


def sentence(rows, spec=".2f") -> str:
    """``0.20 (0.14 to 0.25) for valence and ...`` for rows with ``dimension``."""
    return " and ".join(
        f"{r.value:{spec}} ({r.low:{spec}} to {r.high:{spec}}) for {r.dimension}"
        for r in rows.itertuples()
    )


def page_ceilings(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`ceilings_table` for a page: one column per dimension, as text."""
    keys = ["estimator", "shape", "part"]
    text = [with_interval(r) for r in table.itertuples()]
    wide = table.assign(text=text).pivot(index=keys, columns="dimension", values="text")
    order = pd.MultiIndex.from_frame(table[keys].drop_duplicates())
    return wide.loc[order, list(DIMENSIONS)].reset_index().rename_axis(columns=None)


def forest_rows(table: pd.DataFrame) -> dict:
    """The rows "all" of :func:`ceilings_table` as arguments of ``plots.forest``."""
    rows = table[table["part"].eq("all")]
    rows = rows.assign(label=rows["estimator"] + ", " + rows["shape"])
    wide = rows.pivot(index="label", columns="dimension", values=["value", "low", "high"])
    wide = wide.loc[rows["label"].drop_duplicates()]
    ends = {k: wide[k][list(DIMENSIONS)].to_numpy() for k in ("value", "low", "high")}
    return {"labels": list(wide.index)} | ends


def curves_of(curves: pd.DataFrame, dimension: str) -> tuple[dict, dict]:
    """One dimension of ``rater_study.reliability_curves`` for ``plot_curves``: curves, looks."""
    shown, looks = {}, {}
    for statistic, look in (("mean", "ensemble"), ("sd", "mse")):
        for method in ("moments", "panels"):
            part = curves[
                curves["dimension"].eq(dimension)
                & curves["statistic"].eq(statistic)
                & curves["method"].eq(method)
            ]
            bars = [part["value"] - part["low"], part["high"] - part["value"]]
            name = f"{statistic}, {method}"
            shown[name] = (part["n"], part["value"], *([bars] if method == "panels" else []))
            looks[name] = look if method == "panels" else "trivial"
    return shown, looks


def share_table(songs: Dataset, data: RaterData, n_resamples=500) -> pd.DataFrame:
    """:func:`mer_utils.bounded.mean_sd_share` of both data sets.

    Columns ``data, dimension, score, value, low, high``.
    """
    n = int(np.median(raters_of(songs)))
    cases = [
        (songs.name, d, songs.rating_mean[:, k], songs.rating_sd[:, k], n, songs.ddof)
        for k, d in enumerate(DIMENSIONS)
    ]
    for d in data.dimensions:
        by_song = data.ratings.groupby("song_id")[d]
        mean, sd, size = by_song.mean(), by_song.std(), by_song.size()
        cases.append((data.name, d, mean.to_numpy(), sd.to_numpy(), size.to_numpy(), 1))
    rows = [
        (name, dimension, score, *found)
        for name, dimension, *args in cases
        for score, found in mean_sd_share(*args, n_resamples=n_resamples).items()
    ]
    return pd.DataFrame(rows, columns=["data", "dimension", "score", "value", "low", "high"])


def share_rows(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`share_table` for a page."""
    names = {"quadratic_r2": "R2 of a quadratic", "sos": "SOS a", "bound_share": "of the bound"}
    text = table.assign(text=[with_interval(r) for r in table.itertuples()])
    order = text[["data", "dimension"]].drop_duplicates()
    wide = text.pivot(index=["data", "dimension"], columns="score", values="text")
    wide = wide.loc[pd.MultiIndex.from_frame(order), list(names)].rename(columns=names)
    return wide.reset_index().rename_axis(columns=None)


def leniency_rows(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`mer_utils.rater_study.leniency_table` for a page: a column for each dimension."""
    names = {
        "song": "variance: song",
        "rater": "variance: rater",
        "residual": "variance: rest",
        "icc_1": "ICC of one rating",
        "icc_10": "ICC of ten",
        "sd_before": "SD as it is",
        "sd_after": "SD without shifts",
        "sd_change": "change of the SD",
    }
    text = table.assign(text=[with_interval(r) for r in table.itertuples()])
    wide = text.pivot(index="part", columns="dimension", values="text")
    wide = wide.loc[list(names), list(table["dimension"].unique())].rename(index=names)
    return wide.rename_axis(index="part", columns=None).reset_index()


def own_mean_rows(table: pd.DataFrame) -> pd.DataFrame:
    """:func:`mer_utils.rater_study.own_mean_test` for a page."""
    out = table[["dimension", "songs", "n_songs"]].astype({"n_songs": str})
    names = {"own": "same ten raters", "other": "ten others", "difference": "difference"}
    for key, label in names.items():
        ends = zip(*(table[key + end] for end in ("", "_low", "_high")), strict=True)
        out[label] = [f"{v:.2f} [{a:.2f}, {b:.2f}]" for v, a, b in ends]
    return out


def page_needed(needed: pd.DataFrame) -> pd.DataFrame:
    """:func:`needed_table` for a page: a column for each target, as text."""

    def count(x):
        return f"{x:.0f}" if np.isfinite(x) else "no number"

    rows = needed.itertuples()
    text = [f"{count(r.raters)} [{count(r.low)}, {count(r.high)}]" for r in rows]
    short = needed.assign(
        text=text,
        target="for " + needed["target"].astype(str),
        statistic=needed["statistic"].replace("sd", "SD"),
        estimator=needed["estimator"].str.split(",").str[0],
    )
    keys = ["dimension", "statistic", "estimator"]
    keys = (["data"] if short["data"].nunique() > 1 else []) + keys
    order = pd.MultiIndex.from_frame(short[keys].drop_duplicates())
    wide = short.pivot(index=keys, columns="target", values="text").loc[order].reset_index()
    names = keys[:-2]  # a name above its rows is easier to read than the name in every row
    above = {key: wide[names[: names.index(key) + 1]].duplicated() for key in names}
    wide = wide.assign(**{key: wide[key].mask(above[key], "") for key in names})
    return wide.rename_axis(columns=None)


def validation_rows(verdict: pd.DataFrame) -> pd.DataFrame:
    """:func:`mer_utils.validate_ceilings.judged` rows by number of raters, for a page."""
    mark = verdict["passes"].map({True: "", False: " fails"})
    text = [f"{r.bias:+.2f} [{r.coverage:.0%}]" for r in verdict.itertuples()]
    keys = ["estimator", "shape", "tails"]
    order = pd.MultiIndex.from_frame(verdict[keys].drop_duplicates()).sortlevel("estimator")[0]
    wide = verdict.assign(text=text + mark).pivot(index=keys, columns="raters", values="text")
    wide = wide.loc[order].rename(columns="{} raters".format).fillna("-")
    return wide.reset_index().rename_axis(columns=None)


def step_rows(step: pd.DataFrame) -> pd.DataFrame:
    """:func:`extrapolation_test` for a page."""
    out = step[["dimension", "small", "observed"]].copy()
    names = {"predicted": "one kurtosis", "own_shape": "own kurtosis"}
    names["spearman_brown"] = "Spearman-Brown"
    for name, label in names.items():
        rows = zip(*(step[name + end] for end in ("", "_error", "_low", "_high")), strict=True)
        out[label] = [f"{v:.2f} (error {e:+.3f} [{a:+.3f}, {b:+.3f}])" for v, e, a, b in rows]
    return out.rename(columns={"small": "10 raters", "observed": "24, observed"})
