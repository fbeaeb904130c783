"""What simulated ratings look like beside DEAM's: ``results/controls/looks_beside_deam.csv``.

``python studies/looks.py --data $DEAM_ROOT --out results/controls`` measures what can be seen of
the SDs of DEAM, of the simulator (``deam_like``) and of the three worlds on DEAM's features and
means (:data:`mer_utils.controls.data.WORLDS`). Nothing is trained, and nothing is tuned.
"""

import argparse
import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.controls.data import WORLDS, control
from mer_utils.data.load import load
from mer_utils.data.ratings import quadratic_r2
from mer_utils.results import versions, write_tables

N_DRAWS = 10
COMMAND = "python studies/looks.py --data $DEAM_ROOT --out results/controls"


def looks(songs) -> pd.DataFrame:
    """What can be seen of the SDs of one data set, a row for each dimension; 1-9 scale, ddof=0.

    ``sd_average`` and ``sd_spread`` over songs; ``sd_correlation`` of the SDs of both dimensions;
    ``quadratic_r2`` of the SD in the mean; ``sd_middle`` and ``sd_ends``, the average SD of songs
    whose mean lies from 4 to 6, and below 3 or above 7; ``at_ends``, the share of the latter;
    ``ceiling``, the squared correlation of true and raters' SD, where the truth is known.
    """
    rows = []
    for d, dimension in enumerate(songs.dimensions):
        mean, sd = songs.rating_mean[:, d], songs.rating_sd[:, d]
        ends, middle = np.abs(mean - 5) > 2, np.abs(mean - 5) <= 1
        row = {"dimension": dimension, "sd_average": sd.mean(), "sd_spread": sd.std()}
        row["sd_correlation"] = np.corrcoef(songs.rating_sd.T)[0, 1]
        row["quadratic_r2"] = quadratic_r2(mean, sd)
        row |= {"sd_middle": sd[middle].mean(), "sd_ends": sd[ends].mean(), "at_ends": ends.mean()}
        known = songs.true_sd is not None
        row["ceiling"] = np.corrcoef(songs.true_sd[:, d], sd)[0, 1] ** 2 if known else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def looks_table(songs, n_draws=N_DRAWS) -> pd.DataFrame:
    """:func:`looks` of the given songs and, averaged over draws, of what is simulated on them."""
    tables = [looks(songs).assign(data=songs.name)]
    for name in ("deam_like", *WORLDS):
        draws = [looks(control(name, songs, 10, seed)) for seed in range(n_draws)]
        average = pd.concat(draws).groupby("dimension", sort=False).mean().reset_index()
        tables.append(average.assign(data=name))
    table = pd.concat(tables, ignore_index=True)
    return table[["data", *table.columns.drop("data")]]


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args(argv)
    songs = load("deam", args.data)
    table = looks_table(songs)
    print(table.round(3).to_string(index=False))
    made = {"command": COMMAND, "date": datetime.date.today().isoformat(), "draws": N_DRAWS}
    made |= {"checksums": songs.checksums, "versions": versions()}
    write_tables(args.out, {"looks": table}, made, "_beside_deam")


if __name__ == "__main__":
    main()
