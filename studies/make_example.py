"""The example of your own ratings in data/example, simulated; ``mer init`` copies it.

python studies/make_example.py
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.own_folder import DESCRIPTION
from mer_utils.paths import repo_root

N_ITEMS, N_RATERS = 40, 8
TEXT = f"""\
# A data set of your own: what the files of this folder hold.
# This example is simulated: {N_ITEMS} recordings, {N_RATERS} listeners.
# Put your own files in its place, and take the word "simulated" out.
name = "simulated example"
simulated = true             # figures then say so; leave it out for real ratings
scale = [1, 5]               # the lowest and the highest possible rating
dimensions = ["quality"]     # the columns of ratings.csv that hold ratings
ddof = 0                     # SDs divide by n; 1: by n - 1
licence = "CC0"              # what others may do with the data

# ratings.csv    item, rater, quality: a line for each single rating
# features.csv   item, and a column for each number that describes the item
# items.csv      item, group: items of a group (here: a speaker) stay on one side of a split
#
# Without single ratings: in place of ratings.csv a file moments.csv with the columns
# item, n, quality_mean, quality_sd, where n is the number of raters.
"""


def write_example(folder, seed: int = 0) -> None:
    """The mean of an item follows two of its six features, its SD a third one."""
    folder, rng = Path(folder), np.random.default_rng([seed, 40])
    items = pd.Index([f"voice_{i:02}" for i in range(1, N_ITEMS + 1)], name="item")
    raters = pd.Index([f"listener_{k}" for k in range(1, N_RATERS + 1)], name="rater")
    x = rng.normal(size=(N_ITEMS, 6)).round(4)
    place = 3 + x[:, :3] @ [0.6, 0.3, 0] + 0.2 * rng.normal(size=N_ITEMS)
    noise = rng.normal(size=(N_ITEMS, N_RATERS)) * np.exp(0.3 * x[:, 2] - 0.3)[:, None]
    values = place[:, None] + 0.3 * rng.normal(size=N_RATERS) + noise  # raters have a level
    ratings = pd.DataFrame(np.rint(values).clip(1, 5).astype(int), items, raters).stack()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DESCRIPTION).write_text(TEXT, encoding="utf-8")
    ratings.rename("quality").to_csv(folder / "ratings.csv")
    pd.DataFrame(x, items).add_prefix("feature_").to_csv(folder / "features.csv")
    groups = [f"speaker_{i % 10}" for i in range(N_ITEMS)]
    pd.Series(groups, items, name="group").to_csv(folder / "items.csv")


if __name__ == "__main__":
    write_example(repo_root() / "data" / "example")
