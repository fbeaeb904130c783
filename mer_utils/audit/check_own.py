"""Are these own ratings sound, and how far do the raters agree? ``mer check FOLDER``.

For a folder of :mod:`mer_utils.data.own_ratings`; :mod:`mer_utils.audit.check` is for DEAM's.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.audit.report import CheckReport, Writer
from mer_utils.ceiling.reliability import panel_curves, stepped_up
from mer_utils.data.agreement import spearman_brown, variance_components
from mer_utils.data.features import read_features
from mer_utils.data.own_folder import DESCRIPTION, read_description
from mer_utils.data.own_ratings import load_own, own_features, read_own_moments


def own_report(folder, *, features="auto") -> CheckReport:
    """Check a folder of own ratings; as :func:`mer_utils.audit.check.check_report`."""
    root = Path(folder).expanduser()
    out = Writer(lambda text: text.replace(f"{root}/", ""))
    out.title(f"Check of {root}", "=")
    data, about = None, {"features": ""}
    with out.section("Files"):
        for name in ("ratings.csv", "moments.csv", "items.csv"):
            out.row(name, "there" if (root / name).is_file() else "not at hand")
        about = read_description(root)
        out.row("licence", about["licence"] or "not said")
    with out.section("Ratings"):
        data = load_own(root, features=None)
        _ratings(out, data, root, about)
    with out.section("Features"):
        if data is None:
            read_features(own_features(root, about) if features == "auto" else features, text=True)
            out.say("Nothing wrong with what is at hand.")
        else:
            data = load_own(root, features)
            out.row("what", data.feature_source)
            out.row("rated items with features", str(len(data)))
            out.row("features per item", str(data.features.shape[1]))
    if data is not None:
        with out.section("How far do the raters agree?"):
            (_from_moments if data.ratings is None else _from_ratings)(out, data)
        with out.section("Left out or mended"):
            for note in data.notes or ["Nothing."]:
                out.say(note, "  - ", "    ")
    return out.finish("This folder can be used: every item counted above is ready for a model.")


def _ratings(out, data, root, about):
    out.say(f"{data.name}: {len(data)} items, on the {data.unit}.")
    if data.n_raters is not None:
        least, usual, most = np.quantile(data.n_raters, [0, 0.5, 1])
        out.say(f"Raters of an item: {least:.0f} to {most:.0f}, in the middle {usual:g}.")
    groups = len({*data.artist} - {""})
    out.say(f"{groups} groups; each stays on one side of a split." if groups else
            "No group is known: items are split one by one.")  # fmt: skip
    if groups + np.sum(data.artist == "") < 5:
        out.problems.append(f"{root}: the study cuts items into five folds, and keeps a group in "
                            "one; give at least five items, and five groups or none")  # fmt: skip
    out.say()
    out.moments(data)
    if data.ratings is None:
        guess = read_own_moments(root / "moments.csv", about, [])[-1]
        out.say(f"{guess}.")
        if guess.ddof not in (None, data.ddof):
            out.problems.append(
                f"{DESCRIPTION}: ddof is {data.ddof}, but {guess}; set ddof = {guess.ddof}"
            )


def _from_ratings(out, data):
    """Variances of single ratings, and the reliability of panels without a common rater."""
    table = data.ratings
    out.say(f"{len(table)} ratings by {table['rater'].nunique()} raters.")
    for name in data.dimensions:
        try:
            parts = variance_components(table[name], table["song_id"], table["rater"])
            parts = np.maximum(list(parts.values()), 0)
            item, rater, rest = parts / (parts.sum() or np.nan)
            out.say(f"{name}: {item:.0%} of the variance of single ratings is the item, {rater:.0%}"
                    f" the rater's level, {rest:.0%} taste and accident.")  # fmt: skip
        except ValueError as error:
            out.say(f"{name}: the variance cannot be split ({error}).")
    usual, k = int(np.median(data.n_raters)), int(np.quantile(data.n_raters, 0.2)) // 2
    if k < 2:
        return out.say("Too few raters for two panels: most items need four or more.")
    enough = data.song_id[data.n_raters >= 2 * k]
    table = table[table["song_id"].isin(enough)]
    seats = table.assign(rater=table.groupby("song_id").cumcount())  # who is who does not matter
    found = panel_curves(replace(data, ratings=seats), sizes=(k,))
    what = found["dimension"].str[:24] + " " + found["statistic"].replace("sd", "SD")
    rho, is_sd = found["value"].clip(lower=1e-9), found["statistic"].eq("sd")
    all_n = np.where(is_sd, stepped_up(rho, k, usual), spearman_brown(rho, usual / k))
    rows = {
        "reliability of": what,
        f"{k} raters": [f"{r.value:.2f} [{r.low:.2f}, {r.high:.2f}]" for r in found.itertuples()],
        f"{usual} raters, about": [f"{value:.2f}" for value in all_n],
    }
    out.say()
    out.table(pd.DataFrame(rows))
    out.say()
    out.say(
        f"Two panels of {k} raters who share nobody, drawn again and again on {len(enough)} items: "
        "1 if they agree on the order and distance of all items, 0 if not at all; 95% intervals "
        f"over items. The step to {usual} raters is the Spearman-Brown formula; for an SD with "
        "n - 1 in place of n, as a rule of thumb. But for luck, no prediction of the SD has a "
        "higher R2 than its reliability."
    )


def _from_moments(out, data):
    """The reliability of the mean, from the SDs; that of the SD stays unknown."""
    out.say("Single ratings are not at hand.")
    if data.n_raters is None:
        return out.say("Without the number of raters (column n) no reliability can be computed.")
    n = data.n_raters[:, None]
    noise = (data.rating_sd**2 * (n / (n - 1)) ** (1 - data.ddof) / n).mean(0)
    reliable = 1 - noise / data.rating_mean.var(0, ddof=1)
    shown = ", ".join(f"{r:.2f} ({d})" for d, r in zip(data.dimensions, reliable, strict=True))
    out.say(
        f"Reliability of the mean, from SDs and numbers of raters: {shown}. It is for raters who "
        "differ from item to item; if the same people rated all of them, it is higher."
    )
    out.say(
        "That of the SD cannot be computed from means and SDs alone. So a low score of a predicted "
        "SD cannot be told from noise in the SDs."
    )
