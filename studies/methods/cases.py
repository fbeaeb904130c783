"""The data sets and designs of the study, as ``RULES.md`` lists them.

A :class:`Case` is what one round of training needs, and what it is judged by: songs, the panel that
teaches, five folds apart by artist, and panels that judge. Designs with turns (every listener is
held out once) are several cases with the same name.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import simulated_panels as worlds

from mer_utils.controls.data import control
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.load import load
from mer_utils.data.musifeast import FEW, GROUPS, listening_sets
from mer_utils.data.musifeast_counts import counts
from mer_utils.data.soundtracks import load_soundtracks, soundtracks_root
from mer_utils.methods.listeners import Listeners, panel_of, panel_of_moments
from mer_utils.model.splits import artist_groups, folds

AGES = tuple(group[2:] for group in GROUPS[:4])
FILM = ("valence", "energy")
"""The two scales of the film music that other data have, too."""
TURNS = 4
CONTROLS = ("homoscedastic", "strong_signal", "deam_low", "deam_middle", "deam_high")


@dataclass(frozen=True)
class Judges:
    """Who judges: counts (n, D, K) of single ratings, or None; and moments, model space, ddof=0.

    ``sd_of_all`` estimates the SD of all listeners: with ddof=1 where numbers are known.
    """

    mean: np.ndarray
    sd: np.ndarray
    counts: np.ndarray | None = None

    @property
    def sd_of_all(self) -> np.ndarray:
        """See above."""
        if self.counts is None:
            return self.sd
        n = self.counts.sum(-1)
        return self.sd * np.sqrt(n / (n - 1))

    @classmethod
    def of(cls, counts):
        """Judges whose single ratings are known."""
        panel = panel_of(counts)
        return cls(panel.mean, panel.sd, counts)


@dataclass(frozen=True)
class Case:
    """Songs, who teaches, who judges; ``cluster`` (n,) says what is drawn together.

    ``n_taught`` listeners a song (None: as many judge) teach SDs with ddof=0, which are too small
    by ``correction`` as SDs of all listeners.
    """

    data: str
    design: str
    features: np.ndarray
    taught: Listeners
    splits: tuple
    cluster: np.ndarray
    judges: dict
    dimensions: tuple = DIMENSIONS
    half_range: float = 2.0
    turn: int = 0
    n_taught: float | None = None

    @property
    def correction(self) -> float:
        """See above; 1 or more."""
        return 1.0 if self.n_taught is None else float(np.sqrt(self.n_taught / (self.n_taught - 1)))

    @property
    def n_levels(self) -> int:
        """Whole ratings of the scale."""
        return self.taught.frequencies.shape[-1]

    @property
    def fold(self) -> np.ndarray:
        """The fold that tests each song, (n,)."""
        out = np.empty(len(self.features), int)
        for k, split in enumerate(self.splits):
            out[split.test] = k
        return out


def musifeast() -> list[Case]:
    """MUSIFEAST-17: all listeners; six groups of eight, in four turns; two groups."""
    songs = load("musifeast")
    splits = tuple(folds(len(songs), 0, groups=artist_groups(songs.artist)))
    whole = counts()

    def case(design, groups, judges, turn=0):
        taught = counts(groups)
        return Case(
            "musifeast", design, songs.features, panel_of(taught), splits, listening_sets(), judges,
            turn=turn, n_taught=taught.sum(-1).mean(),
        )  # fmt: skip

    made = [case("all", GROUPS, {"same": Judges.of(whole)})]
    for turn, age in enumerate(AGES):
        out = tuple(group for group in GROUPS if group.endswith(age))
        taught = tuple(group for group in GROUPS if group not in out)
        made.append(case("apart", taught, {"held out": Judges.of(counts(out))}, turn))
    few = counts(FEW)
    judges = {"same": Judges.of(few), "held out": Judges.of(whole - few)}
    return [*made, case("few", FEW, judges)]


def _film_counts(ratings, tracks):
    at = np.searchsorted(tracks, ratings["song_id"])
    found = np.zeros((len(tracks), len(FILM), 9))
    for d, name in enumerate(FILM):
        np.add.at(found[:, d], (at, ratings[name].to_numpy() - 1), 1)
    return found


def _film_panel(ratings, tracks):
    """The panel, with the covariance of each track's ratings (ddof=0, model space)."""
    pairs = ratings.groupby("song_id")[list(FILM)]
    covariance = np.stack([np.cov(part.T, ddof=0) / 16 for _, part in pairs])
    return panel_of(_film_counts(ratings, tracks), covariance)


def quarters(ratings) -> np.ndarray:
    """Which quarter each rating's rater is in, 0 to 3; drawn within both groups of raters."""
    late = ratings.groupby("rater")["song_id"].min() > 50  # tracks 51 to 110
    part, rng = {}, np.random.default_rng(0)
    for group in (late.index[late], late.index[~late]):
        part |= dict(zip(rng.permutation(group), np.arange(len(group)) % TURNS, strict=True))
    return np.array([part[r] for r in ratings["rater"]])


def soundtracks(root="") -> list[Case]:
    """Film music: all raters; and three quarters of each group of raters, in four turns."""
    ratings = load_soundtracks(root or None)
    tracks = np.unique(ratings["song_id"])
    table = pd.read_csv(soundtracks_root(root or None) / "audio_features.csv")
    order = table["File"].str.extract(r"(\d+)")[0].astype(int)
    features = table.set_index(order).loc[tracks].drop(columns="File").to_numpy(np.float32)
    splits = tuple(folds(len(tracks), 0))
    quarter = quarters(ratings)

    def case(design, taught, judges, turn=0):
        panel = _film_panel(ratings[taught], tracks)
        return Case(
            "soundtracks", design, features, panel, splits, np.arange(len(tracks)), judges,
            FILM, 4.0, turn, taught.sum() / len(tracks),
        )  # fmt: skip

    everyone = np.ones(len(ratings), bool)
    made = [case("all", everyone, {"same": Judges.of(_film_counts(ratings, tracks))})]
    for turn in range(TURNS):
        out = quarter == turn
        judges = {"held out": Judges.of(_film_counts(ratings[out], tracks))}
        made.append(case("apart", ~out, judges, turn))
    return made


def _of_moments(name, songs, design="all") -> Case:
    """Ten raters, of whom means and SDs (ddof=0) alone are known."""
    panel = panel_of_moments(songs.mean, songs.sd, 9)
    groups = artist_groups(songs.artist)
    judges = {"same": Judges(songs.mean, songs.sd)}
    if songs.true_sd is not None:
        judges["truth"] = Judges(songs.to_model(songs.true_mean), songs.true_sd / songs.half_range)
    splits, n = tuple(folds(len(songs), 0, groups=groups)), None
    if songs.true_sd is not None:
        n = songs.n_raters.mean()
    return Case(
        name, design, songs.features, panel, splits, groups, judges, half_range=4.0, n_taught=n
    )


def deam(root="") -> list[Case]:
    """DEAM with openSMILE, labels as distributed and corrected."""
    return [
        replace(_of_moments("deam", load("deam", root, labels)), design=labels)
        for labels in ("as_distributed", "corrected")
    ]


def deam_controls(root="") -> list[Case]:
    """DEAM's features and means, simulated ratings whose truth is known; ten raters."""
    songs = load("deam", root)
    return [_of_moments(f"simulated {name}", control(name, songs, 10)) for name in CONTROLS]


def world(name, draw=0) -> Case:
    """A simulated world on MUSIFEAST-17's embeddings; see :mod:`simulated_panels`."""
    songs = load("musifeast")
    made = worlds.make(name, songs, draw)
    splits = tuple(folds(len(songs), draw, groups=artist_groups(songs.artist)))
    judges = {
        "held out": Judges.of(made.held_out),
        "truth": Judges(made.true_mean, made.true_sd),
    }
    panel = panel_of(made.taught, made.covariance)
    return Case(
        f"simulated {name}", "apart", songs.features, panel, splits, listening_sets(), judges,
        n_taught=worlds.TAUGHT,
    )  # fmt: skip
