"""Data with a known answer: what :mod:`mer_utils.controls.methods` gives to the methods.

The controls and their names stand at the head of that module.
"""

from dataclasses import replace

import numpy as np

from mer_utils.data.dataset import DIMENSIONS, Dataset
from mer_utils.data.deam import load_deam
from mer_utils.data.rating_distribution import rating_moments, solve_moments
from mer_utils.data.ratings import SCALE, sd_bound
from mer_utils.data.simulate import CONSTANTS, DISAGREEMENT, Songs, draw_ratings
from mer_utils.data.simulated_files import simulated_root

SEMI_SYNTHETIC = ("shuffled", "homoscedastic", "weak_signal", "strong_signal")
DEAM_SPREAD = (0.194, 0.174)
"""SD over songs of the true SD in the simulated DEAM-like data, 1-9 scale."""
WORLDS = {
    "deam_low": (1.0, (0.08, 0.08), 0.065),
    "deam_middle": (0.45, (0.13, 0.13), 0.025),
    "deam_high": (0.25, (0.18, 0.165), 0.0),
}
"""Name -> share, spread and lapses of :func:`semi_synthetic`. On DEAM's features and means all
three show DEAM's average and spread of SDs, and a perfect reader of the features would score the
same (``studies/looks.py`` prints them beside DEAM). In the first nearly all of the observed
spread is luck, and features tell the rest. In the last the true SD spreads as widely as the
observed one allows, and features tell little of it."""
COMPONENTS = 10


def simulated_control(knob: str, n_raters: int, **options) -> Dataset:
    """Simulated songs with one setting of the knob; ``options`` as in ``simulated_root``."""
    return load_deam(simulated_root(knob, n_raters=n_raters, **options))


def control(name: str, songs: Dataset, n_raters: int = 10, seed: int = 0) -> Dataset:
    """A control by name.

    Parameters
    ----------
    name : str
        From the table at the head of :mod:`mer_utils.controls.methods`.
    songs : Dataset
        The features and means that the last seven controls use; the others ignore it.
    n_raters : int, at least 2
    seed : int
        Of the shuffle, of the signal and of the ratings.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name in DISAGREEMENT:
        return simulated_control(name, n_raters, seed=seed)
    if name == "shuffled":
        return shuffled(songs, seed)
    if name == "homoscedastic":
        return semi_synthetic(songs, 0.0, (0.0, 0.0), n_raters, seed)
    if name == "weak_signal":
        return semi_synthetic(songs, CONSTANTS.sd_share, DEAM_SPREAD, n_raters, seed)
    if name == "strong_signal":
        spread, share = CONSTANTS.planted_spread, CONSTANTS.planted_share
        return semi_synthetic(songs, share, spread, n_raters, seed)
    if name in WORLDS:
        share, spread, lapses = WORLDS[name]
        return semi_synthetic(songs, share, spread, n_raters, seed, lapses)
    known = ", ".join((*DISAGREEMENT, *SEMI_SYNTHETIC, *WORLDS))
    raise ValueError(f"unknown control {name!r}: {known}")


def shuffled(songs: Dataset, seed: int = 0) -> Dataset:
    """The same songs, their SDs (both dimensions together) dealt out anew."""
    order = np.random.default_rng([seed, 30]).permutation(len(songs))
    unknown = {"ratings": None, "true_mean": None, "true_sd": None}
    name = f"{songs.name}, SDs shuffled"
    return replace(songs, name=name, rating_sd=songs.rating_sd[order], **unknown)


def feature_signal(features, mean, seed: int = 0, components: int = COMPONENTS) -> np.ndarray:
    """Two known functions of four features or more, (n_songs, 2), each with mean 0 and SD 1.

    A random direction among the leading principal components, drawn so that it is
    uncorrelated with the means ``mean`` (n_songs, 2) and with their squares: whoever finds it
    has found it in the features. Features are clipped at 3 SDs and the signal at 2.5, so
    that no outlier carries it. It is linear but for the clipping: an easy signal.
    """
    x = np.asarray(features, float)
    x = np.clip((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), np.inf), -3, 3)
    u = np.linalg.svd(x - x.mean(0), full_matrices=False)[0][:, :components]
    away = np.column_stack([mean, np.asarray(mean) ** 2])
    away = away - away.mean(0)
    basis = np.linalg.svd(away.T @ u)[2][away.shape[1] :]  # directions of u not seen by `away`
    if not len(basis):
        raise ValueError(f"{x.shape[1]} features are too few for a signal: five or more are needed")
    rng = np.random.default_rng([seed, 31])
    signal = u @ basis.T @ rng.normal(size=(len(basis), 2))
    signal = np.clip(signal / signal.std(0), -2.5, 2.5)
    return (signal - signal.mean(0)) / signal.std(0)


def semi_synthetic(
    songs: Dataset, share, spread, n_raters: int = 10, seed: int = 0, lapses: float = 0.0
) -> Dataset:
    """Given features and means, simulated ratings whose true SD holds a known signal.

    The simulated raters use DEAM's scale and dimensions. Means and SDs on another scale are moved
    to it first; where there are not two dimensions, the first and the last one are taken.

    The true mean is the given mean, kept within ``CONSTANTS.mean_reach`` of the middle. The
    true SD is ``level + spread * (sqrt(share) * signal + sqrt(1 - share) * noise)``, with the
    signal of :func:`feature_signal`; ``level`` is the given SDs' root mean square (undoing
    ddof=0 for ten raters). Then ``n_raters`` whole ratings are drawn for each song. Drawing
    adds rating noise to means that had some already, so means are harder to predict than the
    given ones.

    Parameters
    ----------
    songs : Dataset
    share : float in [0, 1]
        Share of the true SD's variance that the features explain.
    spread : pair of float
        SD over songs of the true SD, 1-9 scale.
    n_raters, seed : int
    lapses : float in [0, 1)
        Share of raters who do not listen to this song: any rating, in both dimensions. The true
        moments are those of all ratings, so the other raters are as much closer together.

    Returns
    -------
    Dataset
        ``simulated``, with ``true_mean`` and ``true_sd``.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"share={share} must lie in [0, 1]")
    rng = np.random.default_rng([seed, 32])
    reach = CONSTANTS.mean_reach
    given_mean, given_sd = songs.rating_mean, songs.rating_sd
    if (songs.scale, len(songs.dimensions)) != (SCALE, 2):
        given_mean, given_sd = 5 + 4 * songs.mean[:, [0, -1]], 4 * songs.sd[:, [0, -1]]
    true_mean = np.clip(given_mean, 5 - reach, 5 + reach)
    signal = feature_signal(songs.features, true_mean, seed)
    noise = rng.normal(size=signal.shape)
    level = np.sqrt((given_sd**2).mean(0) * 10 / 9)
    blend = np.sqrt(share) * signal + np.sqrt(1 - share) * noise
    true_sd = level + np.asarray(spread) * blend
    true_sd = np.clip(true_sd, CONSTANTS.sd_floor, 0.9 * sd_bound(true_mean))
    loc, scale = solve_moments(*_who_listen(true_mean, true_sd, lapses))
    if np.any(spread) and not lapses:
        true_mean, true_sd = rating_moments(loc, scale)
    unknown = np.full(len(songs), "")
    made = Songs(
        songs.song_id, unknown, unknown, signal, songs.features,
        true_mean, true_sd, loc, scale, CONSTANTS,
    )  # fmt: skip
    ratings = draw_ratings(made, n_raters, int(rng.integers(2**31)))
    if lapses:
        lost = rng.random(len(ratings)) < lapses
        ratings.loc[lost, list(DIMENSIONS)] = rng.integers(1, 10, (lost.sum(), 2))
    by_song = ratings.groupby("song_id")[list(DIMENSIONS)]
    return replace(
        songs,
        name=f"simulated ratings on {songs.feature_source}",
        rating_mean=by_song.mean().to_numpy().round(2),
        rating_sd=by_song.std(ddof=0).to_numpy().round(2),  # two decimals, as in DEAM
        n_raters=by_song.size().to_numpy(),
        ratings=None,
        true_mean=true_mean,
        true_sd=true_sd,
        simulated=True,
        ddof=0,
        scale=SCALE,
        dimensions=DIMENSIONS,
    )


def _who_listen(mean, sd, lapses):
    """Mean and SD without a share of ratings that are anything from 1 to 9: mean 5, variance 20/3.

    From the moments of the mixture of both; the SD is kept above the simulator's floor.
    """
    rest = 1 - lapses
    core = (mean - 5 * lapses) / rest
    variance = (sd**2 - lapses * 20 / 3) / rest - lapses * (core - 5) ** 2
    return core, np.sqrt(np.maximum(variance, CONSTANTS.sd_floor**2))


def perfect_labels(songs: Dataset) -> Dataset:
    """The same songs as infinitely many raters would have labelled them."""
    if songs.true_sd is None:
        raise ValueError(f"{songs.name}: the true SD is not known, so there are no perfect labels")
    return replace(songs, rating_mean=songs.true_mean, rating_sd=songs.true_sd, ratings=None)


def varies(songs: Dataset) -> bool:
    """Whether the true SD is known and not the same for all songs."""
    return songs.true_sd is not None and bool((songs.true_sd.std(0) > 1e-6).all())
