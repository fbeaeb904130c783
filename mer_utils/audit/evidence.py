"""Are valence and arousal exchanged for the first songs of DEAM? Evidence, line by line.

The averaged file of DEAM seems to have the two dimensions the wrong way round for song ids
up to 1000. No single check proves it, so each line of evidence asks the same question with
other data: does something we trust agree better with the labels *as distributed*, or with
the labels *exchanged*? Every line has two figures, their difference with a 95% bootstrap
interval over songs, a control where there is one, and the reading that it supports.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mer_utils.audit.trusted import emomusic_continuous, emomusic_ratings, spectral_flux, transfer
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.data.deam import (
    EXCHANGED_UP_TO,
    FILES,
    PER_RATER,
    find_file,
    rater_means,
    swap_dimensions,
)
from mer_utils.data.deam_tables import read_raters

COLUMNS = ["evidence", "measure", "as_distributed", "exchanged", "difference", "low", "high", "n"]
COLUMNS += ["control", "control_low", "control_high", "supports"]
NOT_AT_HAND = "not at hand"


def exchange_evidence(root, dataset: Dataset, *, n_boot: int = 999, seed: int = 0):
    """One row per line of evidence on the exchange of valence and arousal.

    Parameters
    ----------
    root : path
        The DEAM folder. Cross-check files are looked for in its ``cross_check/``.
    dataset : Dataset
        What ``load_deam(root)`` returned, with either ``labels``; its features serve the
        model-transfer lines.
    n_boot : int, bootstrap resamples of songs for each interval.
    seed : int

    Returns
    -------
    pandas.DataFrame
        ``evidence``, ``measure``; the measure under each reading (``as_distributed``,
        ``exchanged``; higher is better agreement); ``difference``, the first minus the
        second, with its 95% interval ``low`` to ``high``; ``n`` songs. ``control`` is the
        same difference with its interval for ids above 1000, where nothing is in doubt; NaN
        where the trusted data end at 1000. ``supports`` is "as distributed" if the
        difference has the sign of its control (positive without one), "exchanged" if it has
        the other sign, "undecided" if an interval holds 0, "not at hand" if data are missing.

        The control matters: a valence model may follow arousal more than valence even where
        nothing is in doubt, because these features say more about arousal.

    Raises
    ------
    DataError
        If a cross-check file is there but broken.
    """
    root, ids = Path(root), dataset.song_id
    labels = labels_of_file(dataset)
    low = ids <= EXCHANGED_UP_TO
    rng = np.random.default_rng(seed)
    rows = []

    def compare(trusted, k, measure, songs):
        """Both figures, their difference with interval, and the number of songs."""
        songs = songs & np.isfinite(trusted.reshape(len(ids), -1)).all(axis=1)
        if songs.sum() < 20:
            return None
        x, y = trusted[songs], labels[songs]
        if measure == "share equal":
            score = _share
            pairs = [(np.abs(x - z) <= 0.051).all(axis=1)[None] for z in (y, y[:, ::-1])]
        else:
            score = _spearman if measure == "Spearman rho" else _pearson
            pairs = [np.stack([x, z]) for z in (y[:, k], y[:, 1 - k])]
        a, b = (float(score(pair, np.arange(len(x))[None])[0]) for pair in pairs)
        resampled = rng.integers(len(x), size=(n_boot, len(x)))
        spread = score(pairs[0], resampled) - score(pairs[1], resampled)
        return a, b, a - b, *np.quantile(spread, [0.025, 0.975]).tolist(), len(x)

    def line(evidence, measure, trusted, k=0):
        """One row: ``trusted`` against dimension ``k`` of the labels, and against the other."""
        below = above = None
        if trusted is not None:
            below, above = (compare(trusted, k, measure, songs) for songs in (low, ~low))
        control = above[2:5] if above else (np.nan,) * 3
        supports = NOT_AT_HAND
        if below:
            signs = [_sign(below[3:5]), _sign(control[1:]) if above else 1]
            supports = ("exchanged", "undecided", "as distributed")[signs[0] * signs[1] + 1]
        figures = below or (np.nan,) * 5 + (0,)
        rows.append((evidence, measure, *figures, *control, supports))

    line("emoMusic song-level ratings", "share equal", emomusic_ratings(root, ids))
    for k in (1, 0):
        name = f"emoMusic continuous {DIMENSIONS[k]}, mean over time"
        line(name, "Pearson r", emomusic_continuous(root, DIMENSIONS[k], ids), k)
    line("spectral flux, which follows arousal", "Spearman rho", spectral_flux(root, ids), 1)
    predicted = transfer(dataset.features, labels, low)
    for k in (1, 0):
        name = f"model of {DIMENSIONS[k]} trained on ids above 1000"
        line(name, "Pearson r", None if predicted is None else predicted[:, k], k)
    path = find_file(root, PER_RATER + FILES["1-2000"])
    means = rater_means(read_raters(path)[0], ids) if path else None
    line("per-rater file, means recomputed", "share equal", means)
    return pd.DataFrame(rows, columns=COLUMNS)


def evidence_verdict(table: pd.DataFrame) -> str:
    """One sentence on how many lines support which reading."""
    at_hand = table[table["supports"] != NOT_AT_HAND]
    if at_hand.empty:
        return "No evidence on the exchange is at hand."
    counts = at_hand["supports"].value_counts()
    said = ", ".join(f"{count} support{'s' * (count == 1)} '{name}'" if name != "undecided"
                     else f"{count} undecided" for name, count in counts.items())  # fmt: skip
    return f"Of {len(at_hand)} lines of evidence at hand, {said}."


def labels_of_file(dataset: Dataset) -> np.ndarray:
    """Mean ratings as they stand in the averaged file, (n_songs, 2), whichever are loaded."""
    corrected = dataset.labels == "corrected"
    means = dataset.rating_mean
    return swap_dimensions(dataset.song_id, means) if corrected else means


def _sign(interval):
    """1 or -1 for an interval on one side of 0, else 0."""
    return int(interval[0] > 0) - int(interval[1] < 0)


def _share(pair, index):
    return pair[0][index].mean(axis=1)


def _pearson(pair, index):
    x, y = (side[index] - side[index].mean(axis=1, keepdims=True) for side in pair)
    with np.errstate(invalid="ignore"):  # a constant has no correlation: NaN, undecided
        return (x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))


def _spearman(pair, index):
    ranked = np.stack([rankdata(side[index], axis=1) for side in pair])
    columns = np.arange(index.shape[1])
    return np.array([_pearson(rows, columns[None])[0] for rows in ranked.swapaxes(0, 1)])
