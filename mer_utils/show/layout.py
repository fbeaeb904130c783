"""How a table stands on a page: a long table made wide, for a figure too; caption; text."""

import zlib

import pandas as pd
from pandas.io.formats.style import Styler


def pivot_text(table: pd.DataFrame, rows, column: str, text="value", group=True) -> pd.DataFrame:
    """A long table as a page shows it: a line for each combination of ``rows``.

    Parameters
    ----------
    rows : list of column names; lines stay in the order in which they first occur
    column : whose values become columns, in the order in which they first occur
    text : column name, or a list of texts (one for each row of ``table``)
    group : show a name above its lines, in place of in every line (but for the last of ``rows``)
    """
    rows = list(rows)
    long = table[[*rows, column]].assign(text=table[text] if isinstance(text, str) else text)
    wide = long.pivot(index=rows, columns=column, values="text")
    order = long[rows].drop_duplicates()
    order = pd.MultiIndex.from_frame(order) if len(rows) > 1 else pd.Index(order[rows[0]])
    wide = wide.loc[order, list(long[column].unique())].reset_index().rename_axis(columns=None)
    return once(wide, rows[:-1]) if group else wide


def once(table: pd.DataFrame, names) -> pd.DataFrame:
    """Each of the columns ``names`` above its lines, in place of in every line."""
    names = list(names)
    twice = {name: table[names[: i + 1]].duplicated() for i, name in enumerate(names)}
    return table.assign(**{name: table[name].mask(rows, "") for name, rows in twice.items()})


def for_forest(table: pd.DataFrame, dimensions=None) -> dict:
    """Keywords ``labels, value, low, high, dimensions`` (and ``methods``) of the figure ``forest``.

    ``table`` has the columns ``row, dimension, value, low, high``, and perhaps ``look``. The
    arrays have a column for each of ``dimensions``, by default for all that the table has.
    """
    dimensions = list(table["dimension"].unique() if dimensions is None else dimensions)
    names = table["row"].unique()
    wide = table.pivot(index="row", columns="dimension", values=["value", "low", "high"])
    drawn = {c: wide[c].loc[names, dimensions].to_numpy() for c in ("value", "low", "high")}
    if "look" in table:
        drawn["methods"] = table.drop_duplicates("row")["look"].tolist()
    return {"labels": names.tolist(), "dimensions": dimensions} | drawn


def captioned(table: pd.DataFrame, caption: str, spec: str = ".2f"):
    """A table for a page: a caption, no row numbers, numbers as ``spec`` says, NaN as a dash.

    Returns a ``pandas`` Styler. pandas would draw a random id for it; here the same table
    gives the same page.
    """
    name = f"{zlib.crc32((caption + table.to_csv()).encode()):08x}"
    page = Styler(table, uuid=name, cell_ids=False).hide(axis="index").set_caption(caption)
    page = page.set_table_attributes('class="dataframe"')  # the book's style for tables
    numbers = list(table.select_dtypes("number"))
    return page.format(f"{{:{spec}}}", subset=numbers, na_rep="-") if numbers else page
