"""A table of scores as lines for a terminal: at most 78 columns, value and interval in one field.

A number with an interval (``value`` with ``low`` and ``high``, or ``X`` with ``X_low`` and
``X_high``) becomes one field; valence and arousal stand beside each other; what is not known stays
empty. Columns that find no room are left out: the file of scores has them all.
"""

import textwrap

import pandas as pd
from pandas.api.types import is_float_dtype

from mer_utils.show import words
from mer_utils.show.layout import pivot_text

QUICK = "quick profile: for looking, not for quoting"
WIDTH, LEAST_ROOM, MOST_ROWS = 78, 24, 30
SHORT = {", predicted / empirical": ", pred./emp.", "share of songs whose": "songs whose"}
NOT_SHOWN = {"paper", "deam", "data", "why", "look", "verdict"}
NOT_SHOWN |= {"ceiling", "share", "seed", "n_seeds", "n_songs"}
LONGEST_HEAD = 20


def score_lines(table: pd.DataFrame, width: int = WIDTH) -> list[str]:
    """Lines of a table of scores, none longer than ``width``.

    Columns that are no floating-point numbers name the rows. At most 30 rows: the last line says
    how many more there are.
    """
    fields, names = _fields(table.reset_index(drop=True))
    if list(fields) == ["value"] and "dimension" in names and len(names.columns) > 1:
        keys = [name for name in names if name != "dimension"]
        if not names.duplicated().any():
            long = names.assign(value=fields["value"])
            fields = pivot_text(long, keys, "dimension", group=False).fillna("")
            names, fields = fields[keys], fields.drop(columns=keys)
    heads = {name: name.replace("_", " ")[:LONGEST_HEAD] for name in fields}
    sizes = {name: max([len(heads[name]), *map(len, fields[name])]) for name in fields}
    while len(sizes) > 1 and width - sum(size + 2 for size in sizes.values()) < LEAST_ROOM:
        sizes.popitem()
    titles = [", ".join(filter(None, row)) for row in names.itertuples(index=False)]
    for long, short in SHORT.items():
        titles = [title.replace(long, short) for title in titles]
    room = width - sum(size + 2 for size in sizes.values())
    room = min(room, max(map(len, titles), default=1) or 1)
    lines = [" " * room + "".join(f"  {heads[name]:>{size}}" for name, size in sizes.items())]
    for i, title in enumerate(titles[:MOST_ROWS]):
        first, *more = textwrap.wrap(title, room, subsequent_indent="  ") or [""]
        cells = "".join(f"  {fields[name][i]:>{size}}" for name, size in sizes.items())
        lines += [f"{first:<{room}}{cells}", *more]
    if len(titles) > MOST_ROWS:
        lines.append(f"... and {len(titles) - MOST_ROWS} more rows in the file")
    return [line.rstrip() for line in lines if line.strip() != "value"]


def _fields(table):
    """Numbers as text, each with its interval, and the columns that name the rows."""
    numbers, names = {}, {}
    places = list(table)  # "low" and "high" belong to the column before them
    owner = places[places.index("low") - 1] if "low" in places else None
    for name in table:
        ends = ("low", "high") if name == owner else (f"{name}_low", f"{name}_high")
        base = name.removesuffix("_low").removesuffix("_high")
        if base in NOT_SHOWN or name in ("low", "high") or (base != name and base in table):
            continue
        if not is_float_dtype(table[name]):
            text = ["" if pd.isna(v) else str(v).replace("_", " ") for v in table[name]]
            names[name] = [v.upper() for v in text] if name == "loss" else text
        elif ends[0] in table:
            numbers[name] = words.brackets(table, names=(name, *ends))
        else:
            numbers[name] = [words.bracket(v, float("nan"), 0) for v in table[name]]
    numbers = pd.DataFrame(numbers).replace(words.NO_BREAK, " ", regex=True)
    names = pd.DataFrame(names, index=table.index)
    telling = names.nunique() > 1 if len(table) > 1 else names.columns != "dimension"
    return numbers.loc[:, (numbers != "").any()], names.loc[:, telling]
