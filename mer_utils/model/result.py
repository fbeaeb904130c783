"""What a run gives back: predictions for every song, of one split or of all folds."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mer_utils.data.dataset import Dataset
from mer_utils.model import splits
from mer_utils.model.experiment import Experiment
from mer_utils.model.sampling import mc_dropout


@dataclass(frozen=True, eq=False)
class Result:
    """Predictions of one experiment for *all* songs, and how they came about.

    ``mu`` and ``sigma`` are (n_members, n_songs, n_dimensions) in model space; score them on
    the test songs (:meth:`test` does the indexing). ``curves`` holds ``train_loss``,
    ``validation_loss`` and ``learning_rate``, each (n_members, n_epochs).
    """

    experiment: Experiment
    songs: Dataset
    split: splits.Split
    mu: np.ndarray
    sigma: np.ndarray
    weights: dict
    curves: dict
    best_epoch: np.ndarray

    @property
    def folds(self) -> tuple:
        """The results that this one is made of: itself. See :class:`CrossValidated`."""
        return (self,)

    @property
    def tested(self) -> np.ndarray:
        """Positions of the test songs, (n_test,)."""
        return self.split.test

    @property
    def fold(self) -> np.ndarray:
        """The fold of each test song, (n_test,): 0."""
        return np.zeros(len(self.tested), int)

    def test(self, values) -> np.ndarray:
        """The rows of ``values`` (..., n_songs, n_dimensions) that belong to test songs."""
        return np.asarray(values)[..., self.tested, :]

    def trained_on(self, values) -> np.ndarray:
        """Mean of ``values`` (n_songs, n_dimensions) over training songs, for each test song."""
        average = np.asarray(values)[self.split.train].mean(0)
        return np.broadcast_to(average, (len(self.tested), len(average)))

    @cached_property
    def _x(self):
        return splits.standardise(self.songs.features, self.split.train)

    def mc_dropout(self, passes=15, seed=0, dropout=None, songs=None):
        """``(mu, sigma)``, (passes, n_members, n_songs, n_dimensions) each.

        Of the test songs, or of the positions ``songs``.
        """
        x = self._x[self.split.test if songs is None else songs]
        dropout = self.experiment.protocol.dropout if dropout is None else dropout
        which = {"seed": seed, "seeds": self.experiment.seeds}
        return mc_dropout(self.weights, x, passes=passes, dropout=dropout, **which)


@dataclass(frozen=True, eq=False)
class CrossValidated:
    """All folds of an experiment with the face of one :class:`Result`.

    Every song is a test song once, of the fold that did not train on it. ``mu`` and ``sigma``
    are these predictions, all songs in the order of ``songs``. Test songs come fold by fold.
    What there is only fold by fold (weights, curves, training songs) is in ``folds``.
    """

    experiment: Experiment
    folds: tuple

    @property
    def songs(self) -> Dataset:
        """The data set."""
        return self.folds[0].songs

    @property
    def tested(self) -> np.ndarray:
        """Positions of the test songs, fold by fold: a permutation of all songs."""
        return np.concatenate([fold.tested for fold in self.folds])

    @property
    def fold(self) -> np.ndarray:
        """The fold of each test song, (n_test,)."""
        sizes = [len(fold.tested) for fold in self.folds]
        return np.repeat(np.arange(len(sizes)), sizes)

    def test(self, values) -> np.ndarray:
        """As :meth:`Result.test`."""
        return np.asarray(values)[..., self.tested, :]

    def trained_on(self, values) -> np.ndarray:
        """As :meth:`Result.trained_on`, each song by the training songs of its fold."""
        return np.concatenate([fold.trained_on(values) for fold in self.folds])

    def mc_dropout(self, passes=15, seed=0, dropout=None):
        """As :meth:`Result.mc_dropout`."""
        found = zip(*(fold.mc_dropout(passes, seed, dropout) for fold in self.folds), strict=True)
        return tuple(np.concatenate(parts, axis=-2) for parts in found)

    @cached_property
    def mu(self) -> np.ndarray:
        """Predicted means, (n_members, n_songs, n_dimensions), of the fold that tests the song."""
        return self._of_its_fold("mu")

    @cached_property
    def sigma(self) -> np.ndarray:
        """Predicted SDs, as :attr:`mu`."""
        return self._of_its_fold("sigma")

    def _of_its_fold(self, name):
        values = np.empty_like(getattr(self.folds[0], name))
        for fold in self.folds:
            values[:, fold.tested] = fold.test(getattr(fold, name))
        return values
