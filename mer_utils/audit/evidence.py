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

from mer_utils.audit.trusted import (
    SOUND,
    continuous_mean,
    emomusic_ratings,
    loud_genre,
    sound,
    transfer,
)
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.data.deam import (
    AVERAGED,
    DYNAMIC,
    EXCHANGED_UP_TO,
    FILES,
    PER_RATER,
    find_file,
    load_deam,
    rater_means,
    swap_dimensions,
)
from mer_utils.data.deam_tables import read_raters

ENDS = ["", "_low", "_high"]
CONTROL, CONTROL_2015 = ([f"control{year}{end}" for end in ENDS] for year in ("", "_2015"))
COLUMNS = ["evidence", "measure", "as_distributed", "exchanged", "difference", "low", "high", "n"]
COLUMNS += [*CONTROL, *CONTROL_2015, "n_2015", "supports"]
NOT_AT_HAND = "not at hand"


def exchange_evidence(root, dataset: Dataset, *, n_boot: int = 999, seed: int = 0):
    """One row per line of evidence on the exchange of valence and arousal.

    Parameters
    ----------
    root : path
        The DEAM folder, for what is compared with the labels.
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
        same difference with its interval for ids 1001 to 2000, where nothing is in doubt;
        ``control_2015`` for the ``n_2015`` songs of 2015, a third collection in a file of its
        own; NaN where the trusted data do not reach them. ``supports`` is "as distributed" if the
        difference has the sign of its control (positive without one), "exchanged" if it has
        the other sign, "undecided" if one of the two intervals holds 0 or the songs of 2015
        contradict the control, "not at hand" if data are missing.

        The control matters: a valence model may follow arousal more than valence even where
        nothing is in doubt, because these features say more about arousal.

    Raises
    ------
    DataError
        If a file that is compared is there but broken.
    """
    root, ids = Path(root), dataset.song_id
    labels, genre = labels_of_file(dataset), dataset.genre
    if find_file(root, AVERAGED + FILES["2001-2058"]) and ids.max() <= 2000:
        third = load_deam(root, features=None, songs="2001-2058")
        ids = np.concatenate([ids, third.song_id])
        labels = np.concatenate([labels, third.rating_mean])
        genre = np.concatenate([genre, third.genre])
    parts = ids <= EXCHANGED_UP_TO, (ids > EXCHANGED_UP_TO) & (ids <= 2000), ids > 2000
    rng = np.random.default_rng(seed)
    draws = rng, rng, np.random.default_rng([seed, 1])  # what is new leaves the others alone
    rows = []
    for name, measure, column, trusted in _lines(root, dataset, ids, genre):
        nothing = (np.nan,) * 5 + (0,)
        below, above, third = (
            nothing if trusted is None
            else _compare(trusted[p], labels[p], measure, column, n_boot, r) or nothing
            for p, r in zip(parts, draws, strict=True)
        )  # fmt: skip
        expected = _sign(above[3:5]) if above[-1] else 1
        if _sign(third[3:5]) == -expected:
            expected = 0
        said = ("exchanged", "undecided", "as distributed")[_sign(below[3:5]) * expected + 1]
        supports = said if below[-1] else NOT_AT_HAND
        rows.append((name, measure, *below, *above[2:5], *third[2:], supports))
    return pd.DataFrame(rows, columns=COLUMNS)


def _lines(root, dataset, ids, genre):
    """The lines of evidence: name, measure, column of the labels, what it should follow.

    Column 0 is valence, 1 arousal, None arousal minus valence. What it should follow is
    (n_songs,), or (n_songs, 2) for a share of equal pairs, or None where it is not at hand.
    """
    yield "emoMusic song-level ratings", "share equal", None, emomusic_ratings(root, ids)
    emomusic = "cross_check/emomusic_{}_cont_average.csv"
    for k in (1, 0):
        slider = continuous_mean(root / emomusic.format(DIMENSIONS[k]), ids)
        yield f"emoMusic continuous {DIMENSIONS[k]}, mean over time", "Pearson r", k, slider
    heard = sound(root, ids) or {}
    flux = heard.get("spectral flux")
    yield "spectral flux, which follows arousal", "Spearman rho", 1, flux
    low, labels = dataset.song_id <= EXCHANGED_UP_TO, labels_of_file(dataset)
    predicted = transfer(dataset.features, labels, low)
    if predicted is not None:
        predicted = np.concatenate([predicted, np.full((len(ids) - len(low), 2), np.nan)])
    for k in (1, 0):
        name = f"model of {DIMENSIONS[k]} trained on ids above 1000"
        yield name, "Pearson r", k, None if predicted is None else predicted[:, k]
    for k in (1, 0):
        slider = continuous_mean(find_file(root, DYNAMIC.format(DIMENSIONS[k])), ids)
        yield f"DEAM's continuous {DIMENSIONS[k]}, mean over time", "Pearson r", k, slider
    others = {name: heard.get(name) for name in SOUND}
    others["loud and quiet genres"] = loud_genre(genre)
    for name, values in others.items():
        yield f"arousal minus valence, {name}", "Spearman rho", None, values
    path = find_file(root, PER_RATER + FILES["1-2000"])
    means = rater_means(read_raters(path)[0], ids) if path else None
    yield "per-rater file, means recomputed", "share equal", None, means


def _compare(trusted, labels, measure, column, n_boot, rng):
    """Both figures, their difference with its interval, and the number of songs; or None."""
    songs = np.isfinite(trusted if trusted.ndim == 1 else trusted.sum(axis=1))
    if songs.sum() < 20:
        return None
    x, y = trusted[songs], labels[songs]
    if measure == "share equal":
        score = _share
        pairs = [(np.abs(x - z) <= 0.051).all(axis=1)[None] for z in (y, y[:, ::-1])]
    else:
        score = _spearman if measure == "Spearman rho" else _pearson
        gap = y[:, 1] - y[:, 0]
        sides = (gap, -gap) if column is None else (y[:, column], y[:, 1 - column])
        pairs = [np.stack([x, z]) for z in sides]
    a, b = (float(score(pair, np.arange(len(x))[None])[0]) for pair in pairs)
    resampled = rng.integers(len(x), size=(n_boot, len(x)))
    spread = score(pairs[0], resampled) - score(pairs[1], resampled)
    return a, b, a - b, *np.quantile(spread, [0.025, 0.975]).tolist(), len(x)


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
