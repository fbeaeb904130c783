"""How a prediction of the SD fails: on which songs, and on which kind of music.

Everything is in model space unless a name starts with ``rating_``. Truth comes first, as in
:mod:`mer_utils.metrics`, whose scores are used here. Which *part* of R2 is lost:
:mod:`mer_utils.decompose`. The paper's own signatures: :mod:`mer_utils.signatures`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mer_utils.metrics import spearman
from mer_utils.rows import score_each

LEAST = 15
"""Fewest songs that a cell of a breakdown is scored with."""


# --- on which songs --------------------------------------------------------------------------


def song_error(y_true, y_pred) -> np.ndarray:
    """Root mean squared error of each song over members, (n_songs, 2), at least 0."""
    return np.sqrt(((np.asarray(y_pred, float) - y_true) ** 2).mean(0))


def worst_songs(error, share=0.1) -> np.ndarray:
    """Which songs have the largest errors: bool, (n_songs, 2), ``share`` of them per dimension.

    At least one song; ties go to the song that comes first.
    """
    error = np.asarray(error, float)
    n = max(1, round(share * len(error)))
    place = np.argsort(np.argsort(-error, axis=0, kind="stable"), axis=0)
    return place < n


def worst_table(y_true, predicted: dict, average, baseline: str, share=0.1) -> pd.DataFrame:
    """What the worst ``share`` of each method's songs have in common, both dimensions together.

    Parameters
    ----------
    y_true : array, (n_songs, 2)
    predicted : dict of method -> array, (n_members, n_songs, 2)
    average : array, (2,)
        The average SD: how far a song's SD is from it says how unusual the song is.
    baseline : str
        The method whose worst songs the others are compared with.

    Returns
    -------
    pandas.DataFrame
        ``method``; the share of its worst songs that are the baseline's too (``share`` is
        chance), the share with a truth above the median, and the rank correlation over all
        songs of error and unusualness.
    """
    errors = {name: song_error(y_true, values) for name, values in predicted.items()}
    worst = {name: worst_songs(error, share) for name, error in errors.items()}
    rows = [
        (
            name,
            (picked & worst[baseline]).sum() / picked.sum(),
            (y_true > np.median(y_true, 0))[picked].mean(),
            spearman(np.abs(y_true - average), errors[name]).mean(),
        )
        for name, picked in worst.items()
    ]
    names = ["method", f"also worst for {baseline}", "raters' SD above median"]
    return pd.DataFrame(rows, columns=[*names, "error ~ unusual SD"])


# --- on which kind of music ------------------------------------------------------------------


def place(rating_mean, radius=1.0) -> np.ndarray:
    """Where a song lies in the valence-arousal plane: str, (n_songs,).

    ``centre`` within ``radius`` points of (5, 5); else one of four quadrants, with 5 itself
    counted as pleasant and energetic. ``rating_mean`` is (n_songs, 2), on 1-9.
    """
    rating_mean = np.asarray(rating_mean, float)
    feeling = np.where(rating_mean[:, 0] >= 5, "pleasant", "unpleasant")
    energy = np.where(rating_mean[:, 1] >= 5, "energetic", "calm")
    names = np.array([f"{f}, {e}" for f, e in zip(feeling, energy, strict=True)], dtype=object)
    names[np.hypot(*(rating_mean - 5).T) < radius] = "centre"
    return names.astype(str)


def by_cell(score, y_true, predicted, cell, n_resamples=500, least=LEAST) -> pd.DataFrame:
    """A score within each cell of a breakdown, with a bootstrap interval over its songs.

    Parameters
    ----------
    score : callable(y_true, y_pred, weights=None)
        From :mod:`mer_utils.metrics`.
    y_true : array, (n_songs, 2)
    predicted : dict of method -> array, (n_members, n_songs, 2)
    cell : str array, (n_songs,)
        Which cell each song is in, e.g. its genre; ``""`` is shown as "unknown".
    least : int
        A cell with fewer songs keeps its row, with NaN in place of figures.

    Returns
    -------
    pandas.DataFrame
        ``cell, n, method, dimension, value, low, high``: largest cell first. The 95%
        intervals hold for one cell looked at alone, not for the best of many.
    """
    tables = []
    for name, songs in _cells(cell, y_true):
        part = {method: y_pred[:, songs] for method, y_pred in predicted.items()}
        table = score_each(score, y_true[songs], part, n_resamples if len(songs) >= least else 1)
        if len(songs) < least:
            table[["value", "low", "high"]] = np.nan
        tables.append(table.rename(columns={"row": "method"}).assign(cell=name, n=len(songs)))
    columns = ["cell", "n", "method", "dimension", "value", "low", "high"]
    return pd.concat(tables, ignore_index=True)[columns]


def _cells(cell, y_true):
    """(name, positions of its songs), largest first."""
    names = np.where(np.asarray(cell, str) == "", "unknown", np.asarray(cell, str))
    if len(names) != len(y_true):
        raise ValueError(f"{len(names)} cell labels for {len(y_true)} songs: give one per song")
    found = [(str(name), np.flatnonzero(names == name)) for name in np.unique(names)]
    return sorted(found, key=lambda item: -len(item[1]))


def best_by_accident(score, y_true, predicted, cell, n_shuffles=200, seed=0, least=LEAST):
    """The best of all cells when it does not matter which cell a song is in.

    The labels are shuffled between songs; every song keeps its truth and its predictions,
    so a relation that holds in all cells alike stays. Then the largest score over cells,
    methods and dimensions is taken. Compare the best cell that was found with these.

    What is tested: labels that say nothing of truth or prediction. A relation *between* cells
    enters the shuffled cells and not the real ones, which makes the test careful.

    Parameters
    ----------
    seed : int or numpy.random.Generator
        The other parameters are those of :func:`by_cell`.

    Returns
    -------
    array, (n_shuffles,)

    Raises
    ------
    ValueError
        If no cell has ``least`` songs.

    Source: Westfall & Young (1993), the permutation distribution of the maximum.
    """
    rng = np.random.default_rng(seed)
    stack = np.concatenate(list(predicted.values()))
    sizes = np.array([len(y_pred) for y_pred in predicted.values()])
    first = np.cumsum(sizes) - sizes
    cells = [songs for _, songs in _cells(cell, y_true) if len(songs) >= least]
    if not cells:
        raise ValueError(f"no cell has {least} songs: use fewer cells or more songs")
    best = np.empty(n_shuffles)
    for k in range(n_shuffles):
        order = rng.permutation(len(y_true))
        values = [score(y_true[order[songs]], stack[:, order[songs]]) for songs in cells]
        methods = np.add.reduceat(values, first, axis=1) / sizes[:, None]
        best[k] = np.nanmax(methods)
    return best


def best_cell(table: pd.DataFrame, accident) -> dict:
    """The best cell of :func:`by_cell`, beside the best cells of shuffled labels.

    ``p`` is the share of shuffles, the real labels among them, that are at least as good.
    """
    table = table.dropna()
    best = table.loc[table["value"].idxmax()]
    return {
        "intervals": len(table),
        "without 0": int(((table["low"] > 0) | (table["high"] < 0)).sum()),
        "best": f"{best['cell']}; {best['method']}; {best['dimension']}",
        "its figure": best["value"],
        "best by accident": np.median(accident),
        "95% of accidents below": np.quantile(accident, 0.95),
        "p": (1 + (accident >= best["value"]).sum()) / (1 + len(accident)),
    }
