"""A small data set of one's own, simulated, that runs: what ``mer init`` writes."""

from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.csv_tables import DataError
from mer_utils.data.own_folder import DESCRIPTION

N_ITEMS, N_RATERS, N_FEATURES, LOW, HIGH = 40, 8, 6, 1, 5
TEXT = f"""\
# A data set of your own: what the files of this folder hold.
# This example is simulated: {N_ITEMS} recordings, {N_RATERS} listeners.
# Put your own files in its place, and take the word "simulated" out.
name = "simulated example"
simulated = true             # figures then say so; leave it out for real ratings
scale = [{LOW}, {HIGH}]               # the lowest and the highest possible rating
dimensions = ["quality"]     # the columns of ratings.csv that hold ratings
ddof = 0                     # SDs divide by n; 1: by n - 1
licence = "CC0"              # whose data these are, and what others may do with them

# ratings.csv    item, rater, quality: a line for each single rating
# features.csv   item, and a column for each number that describes the item
# items.csv      item, group: items of a group (here: a speaker) stay on one side of a split
#
# Without single ratings: in place of ratings.csv a file moments.csv with the columns
# item, n, quality_mean, quality_sd, where n is the number of raters.
"""


def write_example(folder, seed: int = 0) -> None:
    """Write the example into ``folder``, which must be empty or not there yet.

    Of each item a few features are known. Its mean follows two of them, its SD a third one.

    Raises
    ------
    DataError
        There is something in ``folder``.
    """
    folder, rng = Path(folder).expanduser(), np.random.default_rng([seed, 40])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: there is something already; choose a new folder")
    items = [f"voice_{i:02}" for i in range(1, N_ITEMS + 1)]
    x = rng.normal(size=(N_ITEMS, N_FEATURES))
    place = 3 + 0.6 * x[:, 0] + 0.3 * x[:, 1] + 0.2 * rng.normal(size=N_ITEMS)
    leniency = rng.normal(scale=0.3, size=N_RATERS)
    noise = rng.normal(size=(N_ITEMS, N_RATERS)) * np.exp(0.3 * x[:, 2] - 0.3)[:, None]
    values = np.clip(np.rint(place[:, None] + leniency + noise), LOW, HIGH).astype(int)
    raters = [f"listener_{k}" for k in range(1, N_RATERS + 1)]
    long = pd.MultiIndex.from_product([items, raters], names=["item", "rater"])
    ratings = pd.DataFrame({"quality": values.ravel()}, index=long)
    features = pd.DataFrame(x.round(4), index=pd.Index(items, name="item"))
    features.columns = [f"feature_{k}" for k in range(1, N_FEATURES + 1)]
    group = [f"speaker_{i % 10}" for i in range(N_ITEMS)]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).write_text(TEXT, encoding="utf-8")
    ratings.to_csv(folder / "ratings.csv")
    features.to_csv(folder / "features.csv")
    pd.DataFrame({"item": items, "group": group}).to_csv(folder / "items.csv", index=False)
