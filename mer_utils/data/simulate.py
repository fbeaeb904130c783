"""Simulated songs with a known truth, and raters who rate them.

Can a model predict how much raters disagree? Real data cannot answer it alone, because ten
raters show the true disagreement only through noise. Here the truth is made first:

1. Latent factors per song (genre + artist + the song itself). The embedding is a noisy, bent
   mixture of these factors.
2. True mean and true SD per song and dimension. Part of each is a function of the factors, part
   is not. The knob ``disagreement`` sets that part for the SD; its table is at the head of
   :mod:`mer_utils.data.simulated_files`.
3. A rating is a normal variable, rounded and clipped to 1..9, with a location and a scale for
   which a rater picked at random has *exactly* the true mean and SD. A rater's leniency is one
   share of that variable, so raters differ.
"""

import difflib
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.data.rating_distribution import rating_moments, solve_moments
from mer_utils.data.ratings import sd_bound

DISAGREEMENT = ("none", "deam_like", "planted")

# genre: share of the songs, shift of the valence, arousal and disagreement factors (SDs)
GENRES = {
    "Rock": (0.20, -0.1, 0.9, -0.2),
    "Electronic": (0.17, 0.0, 0.6, 0.3),
    "Pop": (0.15, 0.6, 0.2, -0.3),
    "Classical": (0.13, -0.4, -1.0, 0.1),
    "Folk": (0.12, 0.1, -0.8, 0.0),
    "Hip-Hop": (0.09, 0.2, 0.4, 0.4),
    "Jazz": (0.08, 0.3, -0.5, -0.1),
    "Blues": (0.06, -0.3, -0.2, 0.0),
}


@dataclass(frozen=True)
class Constants:
    """What was tuned, once, with ``python studies/tune_simulator.py --tune``.

    Pairs are (valence, arousal). Means and SDs are on the 1-9 scale, before the ends of
    the scale bend them.
    """

    mean_centre: tuple = (4.871, 4.746)
    mean_spread: tuple = (1.180, 1.346)
    mean_correlation: float = 0.677
    mean_share: float = 0.863  # of the mean's variance: a function of the factors
    sd_base: tuple = (1.753, 1.723)  # true SD of a song with a true mean of 5
    sd_curve: tuple = (-0.104, -0.096)
    sd_spread: tuple = (0.128, 0.093)
    sd_share: float = 0.323  # of the spread's variance: a function of the factors
    # Chosen, not tuned
    sd_slope: tuple = (-0.07, -0.016)  # as in a quadratic fit to DEAM's observed SDs
    planted_spread: tuple = (0.45, 0.45)
    planted_share: float = 0.95
    mean_reach: float = 3.2  # true means lie within 5 +- this
    residual_correlation: float = 0.6  # of the SD's residual part, between the dimensions
    sd_floor: float = 0.7
    # The next two are as measured on the film soundtracks of Eerola & Vuoskoski (2011),
    # 55 ratings from each of 116 raters: shifts of SD 0.42 (valence) and 0.47 (energy),
    # correlation 0.07 to 0.09.
    leniency_sd: float = 0.45  # of a rater's additive shift, on the latent scale
    halo: float = 0.1  # correlation of one rater's valence and arousal noise for a song
    n_factors: int = 16
    artist_share: float = 0.25  # of a factor's variance within a genre
    songs_per_artist: float = 3.0
    embedding_noise: float = 0.5
    pool: int = 200


CONSTANTS = Constants()


@dataclass(frozen=True, eq=False)
class Songs:
    """Simulated songs and their truth, before anyone has rated them.

    ``factors`` is (n_songs, n_factors), ``features`` (n_songs, n_features) float32; the
    rest is (n_songs,) or (n_songs, 2). ``loc`` and ``scale`` belong to the normal variable
    that is rounded and clipped into a rating; ``true_mean`` and ``true_sd`` are the exact
    moments of that rating.
    """

    song_id: np.ndarray
    artist: np.ndarray
    genre: np.ndarray
    factors: np.ndarray
    features: np.ndarray
    true_mean: np.ndarray
    true_sd: np.ndarray
    loc: np.ndarray
    scale: np.ndarray
    constants: Constants


def simulate_songs(
    disagreement: str = "deam_like",
    n_songs: int = 1744,
    seed: int = 0,
    n_features: int = 1024,
    constants: Constants = CONSTANTS,
) -> Songs:
    """Songs with genre, artist, embedding and true moments; no ratings yet.

    The same seed gives the same ids, artists, embedding and true means for every value of
    ``disagreement``: only the true SDs (and what follows from them) differ.

    Raises
    ------
    ValueError
        For an unknown ``disagreement`` or a number out of range.
    """
    check(disagreement, n_songs, seed, 2, n_features)
    c = constants
    rng = np.random.default_rng([seed, 1])
    song_id = _song_ids(rng, n_songs)
    genre, artist, factors = _factors(rng, n_songs, c)

    # Two factors carry the mean; what the factors do not carry is correlated alike.
    mean_factors = _correlate(factors[:, :2], c.mean_correlation)
    unseen = _correlate(rng.normal(size=(n_songs, 2)), c.mean_correlation)
    latent = np.array(c.mean_centre) + c.mean_spread * _blend(mean_factors, unseen, c.mean_share)
    true_mean = 5 + c.mean_reach * np.tanh((latent - 5) / c.mean_reach)

    residual = _correlate(rng.normal(size=(n_songs, 2)), c.residual_correlation)
    curve = np.array(c.sd_base) + np.array(c.sd_slope) * (true_mean - 5)
    curve += np.array(c.sd_curve) * (true_mean - 5) ** 2
    like_deam = curve + c.sd_spread * _blend(factors[:, 2:4], residual, c.sd_share)
    highest = 0.9 * sd_bound(true_mean)
    if disagreement == "deam_like":
        true_sd = like_deam
    elif disagreement == "planted":
        true_sd = curve + c.planted_spread * _blend(factors[:, 2:4], residual, c.planted_share)
    else:  # limits that do not depend on the mean, or the mean would leak into the SD
        true_sd = like_deam.mean(0) + like_deam.std(0) * residual
        highest = 0.9 * sd_bound(5 + c.mean_reach)
    true_sd = np.clip(true_sd, c.sd_floor, highest)

    loc, scale = solve_moments(true_mean, true_sd)
    true_mean, true_sd = rating_moments(loc, scale)
    features = _embed(np.random.default_rng([seed, 3]), factors, n_features, c)
    return Songs(
        song_id, artist, genre, factors, features, true_mean, true_sd, loc, scale, constants
    )


def draw_ratings(songs: Songs, n_raters: int = 10, seed: int = 0) -> pd.DataFrame:
    """Ratings of these songs: integers 1..9 from raters who differ in leniency.

    Every song gets ``n_raters`` different raters of the pool, and one song in a hundred a
    few more, as in DEAM. Draw again with another seed or ``n_raters`` to rate the *same*
    songs with the *same* truth anew.

    Returns
    -------
    pandas.DataFrame
        ``song_id, rater, valence, arousal``, one row per rating, sorted by song. ``rater``
        is an integer; rater leniencies are centred, so the pool is neither kind nor harsh.
    """
    check_whole("n_raters", n_raters, 2, 5000)
    check_whole("seed", seed, 0, 2**63)
    c, n_songs = songs.constants, len(songs.song_id)
    rng = np.random.default_rng([seed, 2])
    pool = max(c.pool, 2 * n_raters)
    leniency = rng.normal(size=(pool, 2))
    leniency = c.leniency_sd * (leniency - leniency.mean(0)) / leniency.std(0)

    count = n_raters + np.where(rng.random(n_songs) < 0.01, rng.integers(1, 6, n_songs), 0)
    order = np.argsort(rng.random((n_songs, pool)), axis=1)  # a shuffled pool per song
    song, place = np.nonzero(np.arange(pool) < count[:, None])
    rater = order[song, place]

    noise_sd = np.sqrt(songs.scale**2 - c.leniency_sd**2)[song]
    noise = _correlate(rng.normal(size=(len(song), 2)), c.halo)
    latent = songs.loc[song] + leniency[rater] + noise_sd * noise
    rating = np.clip(np.rint(latent), 1, 9).astype(int)
    table = {"song_id": songs.song_id[song], "rater": rater}
    table |= {"valence": rating[:, 0], "arousal": rating[:, 1]}
    return pd.DataFrame(table).sort_values(["song_id", "rater"], ignore_index=True)


def _song_ids(rng, n_songs):
    """Ids as in DEAM: 744 of 1,744 in 2..1000, the others in 1001..2000."""
    low = round(n_songs * 744 / 1744)
    low_ids = rng.choice(np.arange(2, 1001), low, replace=False)
    high_ids = rng.choice(np.arange(1001, 2001), n_songs - low, replace=False)
    return np.sort(np.concatenate([low_ids, high_ids]))


def _factors(rng, n_songs, c):
    """Genre and artist names, (n_songs,), and standardised factors, (n_songs, n_factors)."""
    names, table = np.array(list(GENRES)), np.array(list(GENRES.values()))
    shift = rng.normal(0, 0.5, (len(names), c.n_factors))
    shift[:, :4] = table[:, [1, 2, 3, 3]]  # the first four factors: two means, two SDs
    # Artists keep to one genre and are unequally busy.
    n_artists = max(1, round(n_songs / c.songs_per_artist))
    artist_genre = rng.choice(len(names), n_artists, p=table[:, 0] / table[:, 0].sum())
    busy = rng.lognormal(0, 0.8, n_artists)
    artist = rng.choice(n_artists, n_songs, p=busy / busy.sum())
    genre = artist_genre[artist]
    of_artist = rng.normal(size=(n_artists, c.n_factors))[artist]
    of_song = rng.normal(size=(n_songs, c.n_factors))
    factors = shift[genre] + _blend(of_artist, of_song, c.artist_share)
    factors = (factors - factors.mean(0)) / factors.std(0)
    return names[genre], np.array([f"Artist {a + 1:03d}" for a in artist]), factors


def _embed(rng, factors, n_features, c):
    """A bent, noisy mixture of the factors, each channel with its own unit and offset."""
    mix = rng.normal(size=(c.n_factors, n_features)) / np.sqrt(c.n_factors)
    noise = c.embedding_noise * rng.normal(size=(len(factors), n_features))
    unit, offset = rng.lognormal(0, 0.5, n_features), rng.normal(size=n_features)
    return ((np.tanh(factors @ mix) + noise + offset) * unit).astype(np.float32)


def _blend(seen, unseen, share):
    """Unit-variance sum of two unit-variance parts; ``share`` is the variance of the first."""
    return np.sqrt(share) * seen + np.sqrt(1 - np.asarray(share)) * unseen


def _correlate(pairs, correlation):
    """Give independent unit-variance pairs, (n, 2), this correlation."""
    second = correlation * pairs[:, 0] + np.sqrt(1 - correlation**2) * pairs[:, 1]
    return np.stack([pairs[:, 0], second], axis=1)


def check(disagreement, n_songs, seed, n_raters, n_features):
    """A ``ValueError`` that names the first of these that is out of range, and the range."""
    if disagreement not in DISAGREEMENT:
        near = difflib.get_close_matches(str(disagreement), DISAGREEMENT, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"disagreement={disagreement!r} is not one of {', '.join(DISAGREEMENT)}{hint}"
        )
    check_whole("n_songs", n_songs, 20, 1744)
    check_whole("seed", seed, 0, 2**63)
    check_whole("n_raters", n_raters, 2, 5000)
    check_whole("n_features", n_features, 1, 16384)


def check_whole(name, value, low, high):
    """A ``ValueError`` unless ``value`` is a whole number from ``low`` to ``high``."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or not low <= value <= high:
        raise ValueError(f"{name}={value!r}: give a whole number from {low} to {high}")
