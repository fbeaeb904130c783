"""How a prediction of the SD fails: the paper's signatures, the worst songs, kinds of music.

Everything is in model space unless a name starts with ``rating_``. Truth comes first, as in
:mod:`mer_utils.metrics`, whose scores are used here. Which *part* of R2 is lost:
:mod:`mer_utils.decompose`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.claims import CLAIMS, SINGLE, summary
from mer_utils.dataset import DIMENSIONS
from mer_utils.metrics import bootstrap

LEAST = 15
"""Fewest songs that a cell of a breakdown is scored with."""


# --- the paper's five signatures of failure --------------------------------------------------


@dataclass(frozen=True)
class Signature:
    """One way to fail, and the claims of :mod:`mer_utils.claims` that decide about it.

    ``methods`` are the pairs (loss, method) that it speaks of; None is every pair of a claim.
    """

    text: str
    claims: tuple
    methods: tuple | None = None

    def rules(self) -> pd.DataFrame:
        """What is claimed and the rule that decides it; looks at no result."""
        return pd.DataFrame(
            [(c.text, c.rule) for c in CLAIMS if c.key in self.claims], columns=["claim", "rule"]
        )

    def rows(self, judged: pd.DataFrame) -> pd.DataFrame:
        """The rows of :func:`mer_utils.claims.judge` that this signature is about."""
        about = judged["claim"].isin(self.claims)
        if self.methods is not None:
            pairs = pd.MultiIndex.from_frame(judged[["loss", "method"]])
            about &= pairs.isin(list(self.methods))
        return judged[about]

    def verdict(self, judged: pd.DataFrame) -> pd.DataFrame:
        """Per claim: the verdicts counted, and the smallest and largest figure behind them."""
        rows = self.rows(judged)
        values = rows.groupby("claim", sort=False)["value"].agg(["min", "max"])
        table = summary(rows)[["claim", "verdict"]]
        return table.assign(smallest=values["min"].to_numpy(), largest=values["max"].to_numpy())


SIGNATURES = (
    Signature("means are predicted alike, SDs are not", ("mean_r2", "alike", "sd_r2")),
    Signature("seed ensembles and MC dropout underestimate", ("underestimate", "range")),
    Signature("NLL is narrow, with outliers", ("nll_narrow", "nll_outliers")),
    Signature("MSE and KLD are wider, but unrelated", ("nll_narrow", "rank"), SINGLE[:2]),
    Signature("ranks are unrelated or reversed", ("rank",)),
)


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
    rows = []
    for name, songs in _cells(cell, y_true):
        for method, y_pred in predicted.items():
            figures = np.full((3, 2), np.nan)
            if len(songs) >= least:
                figures = bootstrap(score, y_true[songs], y_pred[:, songs], n_resamples=n_resamples)
            for d, dimension in enumerate(DIMENSIONS):
                rows.append((name, len(songs), method, dimension, *(f[d] for f in figures)))
    return pd.DataFrame(rows, columns="cell n method dimension value low high".split())


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
