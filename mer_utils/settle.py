"""What would settle the question of exchanged labels: the ratings of single raters.

DEAM's per-rater file has one line per rater and song. Its averages either equal the columns
of the averaged file as distributed, or exchanged. No model and no statistics are needed.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mer_utils.dataset import Dataset
from mer_utils.deam import (
    AVERAGED,
    EXCHANGED_UP_TO,
    FILES,
    PER_RATER,
    deam_root,
    find_file,
    rater_means,
)
from mer_utils.deam_files import read_averaged, read_raters
from mer_utils.exchange import labels_of_file
from mer_utils.tables import DataError

CLASSES = ["as distributed", "exchanged", "either", "neither"]
ALL_BUT = 0.95
"""Share of the songs that must agree for a verdict; songs with equal columns do not count."""


def settle(root=None, songs: Dataset | None = None, say=print) -> pd.DataFrame:
    """Do the averages of single raters equal the columns as distributed, or exchanged?

    Parameters
    ----------
    root : path, default ``$DEAM_ROOT``. It should hold the per-rater file.
    songs : Dataset, optional
        Ask about its averages instead of those of the averaged file in ``root``.
    say : callable that takes the verdict, one line at a time.

    Returns
    -------
    pandas.DataFrame
        For ids up to 1000 and above: ``ids, songs`` (with ratings) and how many of them agree,
        to within rounding to two decimals, ``as distributed`` only, ``exchanged`` only, in
        ``either`` way (both columns are equal) or in ``neither``; and the ``verdict``. Empty if
        the per-rater file is not there; then the message says where it belongs.

    Raises
    ------
    DataError
        If a file is broken, or the averaged file is not there.
    """
    root = deam_root(root)
    path = find_file(root, PER_RATER + FILES["1-2000"])
    names = ["ids", "songs", *CLASSES, "verdict"]
    if path is None:
        say("Not settled: the per-rater file is not at hand. It belongs in the DEAM folder, at")
        say(f"{PER_RATER}{FILES['1-2000']}")
        return pd.DataFrame(columns=names)
    if songs is None:
        averaged = find_file(root, AVERAGED + FILES["1-2000"])
        if averaged is None:
            raise DataError(
                f"{root / (AVERAGED + FILES['1-2000'])}: not found; unpack DEAM_Annotations.zip "
                f"in {root}"
            )
        song_id, given, _ = read_averaged(averaged)
    else:
        song_id, given = songs.song_id, labels_of_file(songs)
    own = rater_means(read_raters(path)[0], song_id)
    equal = [(np.abs(own - side) <= 0.005 + 1e-9).all(1) for side in (given, given[:, ::-1])]
    known, rows = np.isfinite(own).all(1), []
    low = song_id <= EXCHANGED_UP_TO
    for part, ids in ((low, f"up to {EXCHANGED_UP_TO}"), (~low, f"above {EXCHANGED_UP_TO}")):
        here = part & known
        a, b = equal[0][here], equal[1][here]
        counts = [int(k.sum()) for k in (a & ~b, b & ~a, a & b, ~a & ~b)]
        telling = int(here.sum()) - counts[2]  # songs whose two columns differ
        verdict = "mixed" if telling else "no telling song"
        for name, count in zip(CLASSES[:2], counts[:2], strict=True):
            verdict = name if telling and count >= ALL_BUT * telling else verdict
        rows.append((ids, int(here.sum()), *counts, verdict))
        say(f"Ids {ids}: {verdict}")
        say(f"  {counts[0]} of {here.sum()} songs: averages of the raters as distributed")
        say(f"  {counts[1]} exchanged, {counts[2]} either way, {counts[3]} neither")
    return pd.DataFrame(rows, columns=names)
