"""How well could anyone predict the SD of a panel? The ceilings that belong to a data set.

What a ceiling means. Let s be the SD of a panel and m = E[s | song] what panels of that size
show on average on that song. A prediction p that is made before the panel is asked can know m,
but not the accident s - m, which has mean 0 given the song. So

    E[(s - p)^2] = E[(s - m)^2] + E[(m - p)^2] >= E[Var(s | song)] ,

    R2 <= 1 - E[Var(s | song)] / Var(s) = Var(m) / Var(s) = rho ,

and |corr(p, s)| = |corr(p, m)| sqrt(rho) <= sqrt(rho). Both are reached by p = m. Someone who
predicts the SD of *everyone* in place of m ranks as well, but is too high by a factor. On
a finite set of songs a score varies about its ceiling and may pass it by luck.

DEAM publishes a mean and an SD for each song and no ratings, so rho must be estimated from
these: :mod:`mer_utils.ceiling.transferred` borrows the noise from ratings of other songs. For
MUSIFEAST-17 it can be seen: :mod:`mer_utils.ceiling.listener_groups`.
``studies/ceilings`` has the rival estimators and the test that chose this one.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from mer_utils.ceiling.listener_groups import measured_ceiling, sd_alone, sd_beyond_mean
from mer_utils.ceiling.reliability import rating_matrix
from mer_utils.ceiling.transferred import RaterPanels, rater_panels, transferred_ceiling
from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.data.musifeast import FEW, GROUPS
from mer_utils.data.simulate import draw_ratings, simulate_songs
from mer_utils.data.soundtracks import SOUNDTRACK_DIMENSIONS, load_soundtracks, soundtracks_root
from mer_utils.results import kept

ALL, BEYOND = "all", "beyond the mean"
"""Parts of the SD: the whole, and what a quadratic in the raters' mean leaves of it."""
N_GROUPS = {"as_distributed": len(GROUPS), "few_listeners": len(FEW)}
"""Groups of listeners behind each version of the labels of MUSIFEAST-17."""


class RaterData(NamedTuple):
    """Ratings of single raters with enough raters per song, and how figures name them."""

    ratings: pd.DataFrame
    dimensions: tuple
    name: str
    simulated: bool

    def like(self, dimension: str) -> str:
        """The dimension here that stands for one of DEAM's: energy for arousal."""
        return dimension if dimension in self.dimensions else "energy"


def rater_data(soundtracks: str = "", seed: int = 0) -> RaterData:
    """Film soundtracks if their folder is known, else 110 simulated songs with 60 raters.

    ``soundtracks`` is a folder; empty: ``$SOUNDTRACKS_ROOT``, or simulated raters without it.
    """
    if soundtracks_root(soundtracks or None) is not None:
        table = load_soundtracks(soundtracks or None)
        return RaterData(table, SOUNDTRACK_DIMENSIONS, "film soundtracks", False)
    return simulated_raters(seed)


def simulated_raters(seed: int = 0) -> RaterData:
    """110 simulated songs with 60 raters each, of the kind of the simulated data set."""
    table = draw_ratings(simulate_songs("deam_like", 110, seed + 1000, 2), 60, seed)
    return RaterData(table, DIMENSIONS, "simulated raters", True)


def panels_of(data: RaterData, n: int = 10) -> dict[str, RaterPanels]:
    """Noise of panels of ``n`` raters, for each of DEAM's dimensions."""
    return {d: rater_panels(rating_matrix(data.ratings, data.like(d)), n) for d in DIMENSIONS}


def raters_of(songs: Dataset):
    """Raters per song: as the file says, else DEAM's ten."""
    return 10 if songs.n_raters is None else songs.n_raters


def usual_songs(songs: Dataset) -> tuple[np.ndarray, int]:
    """The songs with the most common number of raters, as a mask (n_songs,), and that number."""
    n = np.broadcast_to(raters_of(songs), len(songs))
    usual = int(np.bincount(n).argmax())
    return n == usual, usual


def targets(songs: Dataset, panels: dict[str, RaterPanels], n_resamples=500) -> pd.DataFrame:
    """Reliability of the raters' SD, and of what a quadratic in their mean leaves of it.

    Returns
    -------
    pandas.DataFrame
        ``part, dimension, value, low, high``. The highest R2 is ``value`` and the highest
        correlation its root. For "beyond the mean" the target is the SD less the quadratic.
    """
    keep, _ = usual_songs(songs)
    rows = []
    for part in (ALL, BEYOND):
        for d, dimension in enumerate(DIMENSIONS):
            found = transferred_ceiling(
                songs.rating_mean[keep, d], songs.rating_sd[keep, d], panels[dimension],
                songs.ddof, beyond=part == BEYOND, n_resamples=n_resamples,
            )  # fmt: skip
            rows.append((part, dimension, *found))
    return pd.DataFrame(rows, columns=["part", "dimension", "value", "low", "high"])


def ceilings_of(songs: Dataset | str, n_resamples=500) -> pd.DataFrame:
    """The table of :func:`targets` that belongs to a data set.

    For MUSIFEAST-17 it is seen in disjoint panels of its listeners. For simulated songs it is
    computed, with simulated raters of other songs. For DEAM, or for a version of its labels
    ("as_distributed", "corrected"), it is the kept table, made with the raters of film soundtracks.
    For other data it is not known: every number is NaN.
    """
    labels = songs if isinstance(songs, str) else songs.labels
    if isinstance(songs, Dataset) and songs.kind != "deam":
        columns = ["part", "dimension", "value", "low", "high"]
        if songs.kind == "musifeast" and labels in N_GROUPS:
            found = [
                measured_ceiling(N_GROUPS[labels], statistic, n_resamples=n_resamples)
                for statistic in (sd_alone, sd_beyond_mean)
            ]
            return pd.concat(found, keys=[ALL, BEYOND], names=["part"]).reset_index()[columns]
        if songs.true_sd is not None:
            return targets(songs, panels_of(simulated_raters(), usual_songs(songs)[1]), n_resamples)
        rows = [(part, d, *[np.nan] * 3) for part in (ALL, BEYOND) for d in songs.dimensions]
        return pd.DataFrame(rows, columns=columns)
    table = kept("ceilings", "targets")
    if labels not in set(table["labels"]):
        known = " or ".join(table["labels"].unique())
        raise ValueError(f"no ceilings of labels {labels!r} are kept: choose {known}")
    return table[table["labels"].eq(labels)].drop(columns="labels").reset_index(drop=True)
