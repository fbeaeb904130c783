"""From a score table to what a reader sees: rows picked, put side by side, as a table for a page.

Numbers become text in :mod:`mer_utils.show.words`, nowhere else. Score tables are those of
:mod:`mer_utils.scoring.score_table`; shares are those of :mod:`mer_utils.ceiling.shares`, shown
when a function is given the ceilings (:func:`mer_utils.ceiling.of_data.ceilings_of`).
"""

import pandas as pd

from mer_utils.ceiling.shares import CEILING_COLUMNS, SHARE_COLUMNS, with_shares
from mer_utils.model.losses import PAPER_LOSSES
from mer_utils.results import kept
from mer_utils.show import words
from mer_utils.show.layout import captioned, once
from mer_utils.show.style import NAMES

SD_SCORES = {
    "r2": "R2",
    "r2_recalibrated": "R2, recalibrated",
    "spearman": "rank correlation",
    "mean_ratio": "average predicted / empirical",
    "spread_ratio": "spread predicted / empirical",
}
"""Which scores of the SD a notebook shows, and what the reader calls them."""
BEYOND_MEAN = "correlation beyond the mean"
"""What the reader calls the score ``pearson`` of the target ``sd_beyond_mean``."""
SINGLE_HEADS = {
    "R2 of the mean": ("single", "mean", "r2", "0.6 to 0.7"),
    "R2 of the SD": ("single", "sd", "r2", "far below 0"),
    "R2 of the SD, recalibrated": ("single", "sd", "r2_recalibrated", "not reported"),
    "rank correlation, SD": ("single", "sd", "spearman", "near 0 or below"),
    BEYOND_MEAN: ("single", "sd_beyond_mean", "pearson", ""),
    "average SD, predicted / empirical": ("single", "sd", "mean_ratio", ""),
    "spread of SDs, predicted / empirical": ("single", "sd", "spread_ratio", ""),
    "smallest predicted SD": ("single", "sd", "smallest", ""),
    "largest predicted SD": ("single", "sd", "largest", "(empirical: 0.00 to 0.60)"),
}
"""Rows for :func:`compare_with_paper`: what the paper says about heads of any loss."""


def cells(scores: pd.DataFrame, method: str, target: str, score: str) -> pd.DataFrame:
    """The rows of one score, one for each dimension; a ``ValueError`` if they are not there."""
    wanted = scores["method"].eq(method) & scores["target"].eq(target) & scores["score"].eq(score)
    found = scores[wanted]
    dimensions = list(scores["dimension"].unique())
    if list(found["dimension"]) != dimensions:
        raise ValueError(
            f"the score table has {len(found)} rows for {method=}, {target=}, {score=}; one "
            f"for each of {', '.join(dimensions)} is needed: check the names, or pass one loss "
            f"(its methods are {', '.join(scores['method'].unique())})"
        )
    return found


def method_rows(loss: str) -> dict[str, tuple]:
    """What a comparison of all methods shows: name -> (loss, method, style).

    Three losses, their seed ensembles, their MC dropout, and the two trivial predictors;
    the quadratic uses the predicted means of ``loss``.
    """
    rows = {NAMES[name]: (name, "single", name) for name in PAPER_LOSSES}
    sampled = {"seeds": ("seed_ensemble", "ensemble"), "dropout": ("mc_dropout", "mc_dropout")}
    for text, (method, look) in sampled.items():
        rows |= {f"{text}, {NAMES[name]}": (name, method, look) for name in PAPER_LOSSES}
    rows["training mean SD"] = (loss, "training_mean_sd", "trivial")
    rows["quadratic"] = (loss, "quadratic_in_mu", "trivial")
    return rows


def pick(scores: pd.DataFrame, rows: dict, target: str, score: str) -> pd.DataFrame:
    """One score of all ``rows`` of :func:`method_rows`.

    Columns ``row, look, dimension, value, low, high``. A row that does not have this score
    (a constant has no rank correlation) is left out.
    """
    table = scores[scores["target"].eq(target) & scores["score"].eq(score)]
    table = table.dropna(subset="value")
    parts = [
        table[table["loss"].eq(loss) & table["method"].eq(method)].assign(row=row, look=look)
        for row, (loss, method, look) in rows.items()
    ]
    return pd.concat(parts, ignore_index=True)[["row", "look", "dimension", "value", "low", "high"]]


def compare_with_paper(scores: pd.DataFrame, rows: dict, data: str, ceilings=None, loss=None):
    """Pick the scores that a notebook is about; the paper's words and DEAM's figures beside them.

    Parameters
    ----------
    scores : pandas.DataFrame
        A score table; or several of them, told apart by a column ``loss``.
    rows : dict
        Quantity as the reader should see it -> ``(method, target, score, paper)``, where
        ``paper`` says what the paper found, in a few words (``""`` if it says nothing).
    data : str
        Name of the data, e.g. ``songs.name``; it stands in every row.
    ceilings : pandas.DataFrame, optional
    loss : str, optional
        The loss of a table without a column ``loss``; names the kept scores on DEAM.

    Returns
    -------
    pandas.DataFrame
        One row per quantity, dimension (and loss, if there is such a column): ``quantity,
        [loss,] dimension, value, low, high, seed_low, seed_high, deam, paper, data``; with
        ``ceilings`` also the columns of ``with_shares`` before ``deam``. ``deam``, NaN
        where nothing is kept, is from ``results/deam_opensmile``, labels as distributed.

    Raises
    ------
    ValueError
        If the score table has no row for a quantity.
    """
    parts = []
    for quantity, (method, target, score, paper) in rows.items():
        wanted = scores["method"].eq(method) & scores["target"].eq(target)
        part = scores[wanted & scores["score"].eq(score)]
        if part.empty:
            raise ValueError(
                f"{quantity!r}: the score table has no {method=}, {target=}, {score=}; its "
                f"methods are {', '.join(scores['method'].unique())}"
            )
        parts.append(part.assign(quantity=quantity, paper=paper, data=data))
    by_loss = ["loss"] if "loss" in scores else []
    table, more = pd.concat(parts, ignore_index=True), []
    if ceilings is not None:
        table, more = with_shares(table, ceilings), [*CEILING_COLUMNS, *SHARE_COLUMNS]
    place = ["loss", "method", "target", "score", "dimension"]
    deam = kept("deam_opensmile", "scores").query("labels == 'as_distributed'")
    asked = table if by_loss else table.assign(loss=loss)
    found = asked[place].merge(deam[[*place, "value"]], how="left", on=place)
    table["deam"] = found["value"].to_numpy()
    columns = ["value", "low", "high", "seed_low", "seed_high", *more, "deam"]
    return table[["quantity", *by_loss, "dimension", *columns, "paper", "data"]]


def readable(comparison: pd.DataFrame, spec: str = ".2f"):
    """The rows of :func:`compare_with_paper` for a page: the paper, DEAM, this run.

    One line per quantity (and loss); dimensions are parted by a stroke. This run's scores come with
    their 95% interval, ``0.64 [0.56, 0.70]``, and scores of the SD with their share of the ceiling,
    if it is there. The caption names dimensions and data. Returns a ``pandas`` Styler.
    """
    names = [name for name in ("quantity", "loss") if name in comparison]
    texts = comparison.assign(
        ours=[text or "not defined" for text in words.brackets(comparison, spec)],
        DEAM=["-" if pd.isna(v) else f"{v:{spec}}" for v in comparison["deam"]],
    )
    columns = {"DEAM": "DEAM", "ours": "this run"}
    if "share" in comparison:
        texts["share"] = [words.share(row) for row in comparison.itertuples()]
        columns["share"] = "share of the ceiling"

    def stroke(cells):
        return f"{words.NO_BREAK}/ ".join(cells) if any(cells) else ""

    lines = texts.groupby(names, sort=False)
    table = lines["paper"].first().to_frame()
    table = table.assign(**{head: lines[name].agg(stroke) for name, head in columns.items()})
    table = once(table.reset_index(), names[:-1])
    caption = f"{' / '.join(comparison['dimension'].unique())}; this run: {comparison['data'][0]}"
    return captioned(table, caption)


def sd_beside_trivial(scores: pd.DataFrame, data: str, ceilings=None, method: str = "single"):
    """The scores of a predicted SD beside those of the two trivial predictors.

    One row per score and dimension; a page table from :func:`captioned`. ``scores`` is the
    table of one loss. A constant has no correlation: that shows as a dash. With ``ceilings``
    the table ends with the highest possible score and the share of it that is reached.
    """
    columns = {method: "this model", "training_mean_sd": "training mean SD"}
    columns |= {"quadratic_in_mu": "quadratic"}
    known = scores["target"].eq("sd") & scores["score"].isin(SD_SCORES)
    beyond = scores["target"].eq("sd_beyond_mean") & scores["score"].eq("pearson")
    rows = scores[(known | beyond) & scores["method"].isin(columns)]
    names = rows["score"].map(SD_SCORES).where(rows["target"].eq("sd"), BEYOND_MEAN)
    rows = rows.assign(name=names)
    wide = rows.pivot(index=["name", "dimension"], columns="method", values="value")
    order = [  # pivot sorts by name, so ask for the order of reading
        (name, d) for name in (*SD_SCORES.values(), BEYOND_MEAN) for d in rows["dimension"].unique()
    ]
    order = [place for place in order if place in wide.index]
    table = wide.loc[order, list(columns)].rename(columns=columns)
    if ceilings is not None:
        ours = with_shares(rows[rows["method"].eq(method)], ceilings)
        ours = ours.set_index(["name", "dimension"]).loc[order]
        table["ceiling"] = [words.top(row) or "-" for row in ours.itertuples()]
        table["share of it"] = [words.share(row) or "-" for row in ours.itertuples()]
    table = table.rename_axis(["score", "dimension"]).reset_index().rename_axis(columns=None)
    return captioned(once(table, ["score"]), f"Predicted SD of the raters, {data}")
