"""One frozen description of a run: data, split, loss, seeds, protocol.

:mod:`mer_utils.model.run` trains what it describes, or reads it from the cache.
"""

from dataclasses import dataclass, field, replace

from mer_utils.data.dataset import Dataset
from mer_utils.data.load import NAMES, load
from mer_utils.model import losses
from mer_utils.model.training import Protocol

PROFILES = {
    "paper": {"n_seeds": 15, "epochs": 100, "n_resamples": 500, "mc_curve": 200},
    "quick": {"n_seeds": 3, "epochs": 10, "n_resamples": 50, "mc_curve": 30},
}
"""What a profile sets: ``paper`` is the paper's size, ``quick`` is for teaching and tests."""
SPLITS = ("auto", "single", "folds")
FEW_SONGS = 1000
"""With fewer songs the test songs of one split are too few to tell anything."""


@dataclass(frozen=True)
class Experiment:
    """Everything that determines the predictions of one stack of heads.

    Attributes
    ----------
    dataset : {"simulated", "musifeast", "deam"} or the path of a folder of own ratings
        Of a path, the content is part of the key.
    data : str
        Folder of the data; ``$DEAM_ROOT`` if empty. Not part of the key: the content is.
    labels : {"as_distributed", "corrected", "few_listeners"}
    features : str
        For DEAM: a table or store of features, or ``STORE:LAYER``; ``"auto"`` finds what the
        data folder has. Not part of the key: the content is.
    disagreement : {"none", "deam_like", "planted"}
        Simulated data only.
    loss : str
        A name in :data:`mer_utils.model.losses.LOSSES`.
    seed, n_seeds : int
        Training seeds ``seed, seed + 1, ..., seed + n_seeds - 1``.
    split_seed : int
    split : {"auto", "single", "folds"}
        "single": one 70/15/15 split. "folds": ``n_folds`` folds, so that every song is scored once.
        "auto": folds, apart by artist where artists are known, if there are fewer than
        :data:`FEW_SONGS` songs; else the single split, as in the paper.
    fold : int or None
        This fold of ``n_folds`` alone; None: what ``split`` says.
    keep_artists_together : bool
        All songs of an artist on one side of the split.
    protocol : Protocol
    """

    dataset: str = "musifeast"
    data: str = ""
    labels: str = "as_distributed"
    features: str = "auto"
    disagreement: str = "deam_like"
    loss: str = "nll"
    seed: int = 0
    n_seeds: int = 15
    split_seed: int = 0
    split: str = "auto"
    fold: int | None = None
    n_folds: int = 5
    keep_artists_together: bool = False
    protocol: Protocol = field(default_factory=Protocol)

    def __post_init__(self):
        losses.get_loss(self.loss)
        if self.split not in SPLITS:
            raise ValueError(f"split={self.split!r}: choose one of {', '.join(SPLITS)}")
        if self.n_seeds < 1:
            raise ValueError(f"n_seeds={self.n_seeds} must be at least 1")
        if self.fold is not None and not 0 <= self.fold < self.n_folds:
            raise ValueError(f"fold={self.fold} must lie in 0..{self.n_folds - 1}")

    @property
    def own(self) -> bool:
        """Whether the data set is a folder of own ratings."""
        return self.dataset not in NAMES

    @classmethod
    def of(cls, profile: str, **changes) -> "Experiment":
        """An experiment of the size of a profile, with some attributes changed.

        >>> Experiment.of("quick", loss="kld", seed=7).seeds
        range(7, 10)
        """
        size = get_profile(profile)
        protocol = changes.pop("protocol", Protocol(epochs=size["epochs"]))
        return cls(**{"n_seeds": size["n_seeds"], "protocol": protocol} | changes)

    @property
    def seeds(self) -> range:
        """The training seeds, one per member."""
        return range(self.seed, self.seed + self.n_seeds)

    def settled(self, songs: Dataset) -> "Experiment":
        """The same experiment with "auto" replaced by what it means for these songs."""
        if self.split != "auto":
            return self
        if self.fold is not None or len(songs) >= FEW_SONGS:
            return replace(self, split="single")
        known = songs.artist is not None and any(songs.artist)
        return replace(self, split="folds", keep_artists_together=known)

    def songs(self) -> Dataset:
        """The data set that this experiment is about."""
        return load(self.dataset, self.data, self.labels, self.features, self.disagreement)


def get_profile(name: str) -> dict:
    """The sizes of a profile; a ``ValueError`` that lists the names if there is none."""
    if name not in PROFILES:
        raise ValueError(f"unknown profile {name!r}: choose one of {', '.join(PROFILES)}")
    return PROFILES[name]
