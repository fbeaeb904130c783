"""Small folders of own ratings, for tests: simulated, like speech quality or like pictures."""

import numpy as np
import pandas as pd

VOICES = 'name = "simulated voices"\nscale = [1, 5]\ndimensions = ["quality"]\n'
PICTURES = 'name = "simulated pictures"\nscale = [1, 100]\ndimensions = ["Beauty", "interest"]\n'
PICTURES += "ddof = 1\n"


def voices(folder, n_items=60, n_raters=8, toml=VOICES, seed=0):
    """One dimension on 1-5, single ratings, features in a table. Returns the ratings."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_items, 4))
    place = 3 + 0.8 * x[:, 0]
    values = np.rint(place[:, None] + rng.normal(size=(n_items, n_raters)) * 0.8).clip(1, 5)
    items = [f"v{i:03}" for i in rng.permutation(n_items)]
    index = pd.MultiIndex.from_product([items, [f"r{k}" for k in range(n_raters)]])
    ratings = pd.DataFrame(
        {"quality": values.ravel().astype(int)}, index.set_names(["item", "rater"])
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text(toml)
    ratings.to_csv(folder / "ratings.csv")
    pd.DataFrame(x, pd.Index(items, name="item"), list("abcd")).to_csv(folder / "features.csv")
    return ratings.reset_index()


def pictures(folder, n_items=80, n=20, toml=PICTURES, seed=0):
    """Two dimensions on 1-100, means and SDs (ddof=1) only, features as NPZ, with groups."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_items, 5))
    values = np.rint(50 + 15 * x[:, :2, None] + rng.normal(size=(n_items, 2, n)) * 12).clip(1, 100)
    items = np.array([f"p{i}" for i in range(n_items)])
    table = {"item": items, "n": n}
    for d, name in enumerate(("beauty", "interest")):
        table[f"{name}_mean"] = values[:, d].mean(1).round(3)
        table[f"{name}_sd"] = values[:, d].std(1, ddof=1).round(3)
    table = pd.DataFrame(table)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset.toml").write_text(toml)
    table.to_csv(folder / "moments.csv", index=False)
    np.savez(folder / "features.npz", item=items, features=x)
    group = [f"g{i % 20}" for i in range(n_items)]
    pd.DataFrame({"item": items, "group": group}).to_csv(folder / "items.csv", index=False)
    return table
