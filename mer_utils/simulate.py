"""Simulated DEAM-like data: every song's true mean and true SD are known.

The question the book asks is "can a model predict how much raters disagree?". Real data
cannot answer it alone, because ten raters show the true disagreement only through noise.
Here the truth is made first, and the ratings are drawn from it:

1. Latent factors per song (genre + artist + the song itself). The embedding is a noisy,
   bent mixture of these factors.
2. True mean and true SD per song and dimension. Part of each is a function of the
   factors, part is not. The knob ``disagreement`` sets that part for the SD.
3. A rating is a normal variable, rounded and clipped to 1..9. Its location and scale are
   solved so that the rating of a rater picked at random has *exactly* the true mean and
   SD. A rater's leniency is one share of that normal variable, so raters differ.
4. Raters are drawn from a pool, and the files are written in DEAM's own layout.

====================  =====================================================================
``disagreement``      what the true SD depends on
====================  =====================================================================
``"none"``            nothing: independent of the factors, the embedding *and* the true
                      mean. Its average and spread are those of ``"deam_like"``.
``"deam_like"``       a quadratic in the true mean (people agree more near the ends of the
                      scale), a small share of the factors, and a residual: tuned to DEAM
``"planted"``         nearly all of it a function of the factors, with a wide spread: a
                      working method must find it, even from ten raters
====================  =====================================================================

All ratings, means and SDs here are on the 1-9 scale; the last axis is (valence, arousal).
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize.elementwise import find_root
from scipy.special import ndtr

from .paths import cache_dir

SIMULATOR_VERSION = 1
NAME = "simulated DEAM-like data"
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
    """What was tuned, once, with ``python -m mer_utils.tune_simulator --tune``.

    Pairs are (valence, arousal). Means and SDs are on the 1-9 scale, before the ends of
    the scale bend them.
    """

    mean_centre: tuple = (4.90, 4.81)
    mean_spread: tuple = (1.13, 1.30)
    mean_correlation: float = 0.70
    mean_share: tuple = (0.90, 0.90)  # of the mean's variance: a function of the factors
    sd_base: tuple = (1.75, 1.72)  # true SD of a song with a true mean of 5
    sd_slope: tuple = (-0.07, -0.016)
    sd_curve: tuple = (-0.08, -0.08)
    sd_spread: tuple = (0.15, 0.12)
    sd_share: tuple = (0.25, 0.25)  # of the spread's variance: a function of the factors
    # Chosen, not tuned
    planted_spread: tuple = (0.45, 0.45)
    planted_share: float = 0.95
    mean_reach: float = 3.2  # true means lie within 5 +- this
    residual_correlation: float = 0.6  # of the SD's residual part, between the dimensions
    sd_floor: float = 0.7
    leniency_sd: float = 0.45  # of a rater's additive shift, on the latent scale
    halo: float = 0.2  # correlation of one rater's valence and arousal noise for a song
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


# --- from moments to a rating distribution and back ----------------------------------------


def rating_probabilities(loc, scale) -> np.ndarray:
    """Probabilities of the ratings 1..9 for ``clip(round(N(loc, scale)), 1, 9)``.

    ``loc`` and ``scale`` have any one shape; the result has an axis of 9 at its end.
    """
    loc, scale = np.broadcast_arrays(np.asarray(loc, float), np.asarray(scale, float))
    z = (np.arange(1.5, 9) - loc[..., None]) / scale[..., None]
    below = np.concatenate([np.zeros_like(z[..., :1]), ndtr(z)], axis=-1)
    above = np.concatenate([ndtr(-z), np.zeros_like(z[..., :1])], axis=-1)
    # Differences of the smaller tail keep their digits at both ends of the scale.
    step_up = np.diff(below, axis=-1, append=1.0)
    step_down = -np.diff(above, axis=-1, prepend=1.0)
    return np.where(below < 0.5, step_up, step_down)


def rating_moments(loc, scale) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and SD of the rounded, clipped rating; same shape as ``loc``."""
    p = rating_probabilities(loc, scale)
    ratings = np.arange(1.0, 10.0)
    mean = p @ ratings
    return mean, np.sqrt((p * (ratings - mean[..., None]) ** 2).sum(-1))


def largest_sd(mean):
    """Upper bound of a rating's SD given its mean: all raters say 1 or 9."""
    mean = np.asarray(mean, float)
    return np.sqrt((mean - 1) * (9 - mean))


def solve_moments(mean, sd) -> tuple[np.ndarray, np.ndarray]:
    """Location and scale of the normal variable whose rating has this mean and SD.

    Parameters
    ----------
    mean, sd : float arrays of one shape, rating scale 1-9

    Returns
    -------
    loc, scale : float arrays of that shape; moments agree to 1e-6 or better

    Raises
    ------
    ValueError
        If no ratings on 1..9 can have this mean and SD. Feasible is ``1 < mean < 9`` and
        ``sqrt(f * (1 - f)) < sd < sqrt((mean - 1) * (9 - mean))``, where f is the part of
        the mean after the decimal point.

    Notes
    -----
    For a given scale the mean grows with the location, so an inner root gives the location;
    an outer root over log(scale) then meets the SD.
    """
    mean, sd = np.broadcast_arrays(np.asarray(mean, float), np.asarray(sd, float))
    fraction = mean % 1
    with np.errstate(invalid="ignore"):
        possible = (mean > 1) & (mean < 9) & (sd < largest_sd(mean))
        possible &= sd > np.sqrt(fraction * (1 - fraction))

    def loc_of(log_scale, mean):
        scale = np.exp(log_scale)
        bracket = (1.5 - 9 * scale, 8.5 + 9 * scale)
        gap = lambda loc, scale, mean: rating_moments(loc, scale)[0] - mean  # noqa: E731
        return find_root(gap, bracket, args=(scale, mean)).x

    def sd_gap(log_scale, mean, sd):
        return rating_moments(loc_of(log_scale, mean), np.exp(log_scale))[1] - sd

    safe_mean, safe_sd = np.where(possible, mean, 5.0), np.where(possible, sd, 1.0)
    log_scale = find_root(sd_gap, (np.log(0.02), np.log(1e5)), args=(safe_mean, safe_sd)).x
    loc, scale = loc_of(log_scale, safe_mean), np.exp(log_scale)
    got_mean, got_sd = rating_moments(loc, scale)
    good = possible & (abs(got_mean - mean) < 1e-6) & (abs(got_sd - sd) < 1e-6)
    if not good.all():
        where = tuple(np.argwhere(~good)[0])
        raise ValueError(
            f"no rating on 1..9 has mean {mean[where]:.4g} and SD {sd[where]:.4g} "
            f"({(~good).sum()} such pairs, the first at {where}): "
            "keep the SD between sqrt(f (1 - f)) and sqrt((mean - 1) (9 - mean))"
        )
    return loc, scale


# --- songs ---------------------------------------------------------------------------------


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
    _check(disagreement, n_songs, seed, n_features=n_features)
    c = constants
    rng = np.random.default_rng([seed, 1])
    song_id = _song_ids(rng, n_songs)
    genre, artist, factors = _factors(rng, n_songs, c)

    mix = rng.normal(size=(c.n_factors, n_features)) / np.sqrt(c.n_factors)
    channels = np.tanh(factors @ mix) + c.embedding_noise * rng.normal(size=(n_songs, n_features))
    unit, offset = rng.lognormal(0, 0.5, n_features), rng.normal(size=n_features)
    features = ((channels + offset) * unit).astype(np.float32)

    # Two factors carry the mean; what the factors do not carry is correlated alike.
    mean_factors = _correlate(factors[:, :2], c.mean_correlation)
    unseen = _correlate(rng.normal(size=(n_songs, 2)), c.mean_correlation)
    latent = np.array(c.mean_centre) + c.mean_spread * _blend(mean_factors, unseen, c.mean_share)
    true_mean = 5 + c.mean_reach * np.tanh((latent - 5) / c.mean_reach)

    residual = _correlate(rng.normal(size=(n_songs, 2)), c.residual_correlation)
    curve = np.array(c.sd_base) + np.array(c.sd_slope) * (true_mean - 5)
    curve += np.array(c.sd_curve) * (true_mean - 5) ** 2
    like_deam = curve + c.sd_spread * _blend(factors[:, 2:4], residual, c.sd_share)
    highest = 0.9 * largest_sd(true_mean)
    if disagreement == "deam_like":
        true_sd = like_deam
    elif disagreement == "planted":
        true_sd = curve + c.planted_spread * _blend(factors[:, 2:4], residual, c.planted_share)
    else:  # limits that do not depend on the mean, or the mean would leak into the SD
        true_sd = like_deam.mean(0) + like_deam.std(0) * residual
        highest = 0.9 * largest_sd(5 + c.mean_reach)
    true_sd = np.clip(true_sd, c.sd_floor, highest)

    loc, scale = solve_moments(true_mean, true_sd)
    true_mean, true_sd = rating_moments(loc, scale)
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
    _check("none", 2, seed, n_raters=n_raters)
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


def _blend(seen, unseen, share):
    """Unit-variance sum of two unit-variance parts; ``share`` is the variance of the first."""
    return np.sqrt(share) * seen + np.sqrt(1 - np.asarray(share)) * unseen


def _correlate(pairs, correlation):
    """Give independent unit-variance pairs, (n, 2), this correlation."""
    second = correlation * pairs[:, 0] + np.sqrt(1 - correlation**2) * pairs[:, 1]
    return np.stack([pairs[:, 0], second], axis=1)


# --- files ---------------------------------------------------------------------------------


def simulated_root(
    disagreement: str = "deam_like",
    n_songs: int = 1744,
    seed: int = 0,
    n_raters: int = 10,
    n_features: int = 1024,
    cache: str | Path | None = None,
) -> Path:
    """Folder in DEAM's layout that holds this simulation; written if it is not there yet.

    Parameters
    ----------
    disagreement : {"none", "deam_like", "planted"}
        What the true SD depends on; see the head of this module.
    n_songs : int, 20..1744
    seed : int, at least 0
    n_raters : int, 2..5000
        Raters per song (a few songs get some more). The songs do not depend on it.
    n_features : int, 1..16384
    cache : folder, optional
        Default: :func:`mer_utils.paths.cache_dir`. The data land in ``simulated/KEY`` below
        it, where KEY is a hash of the parameters, the constants and the version.

    Raises
    ------
    ValueError
        For an unknown ``disagreement`` or a number out of range; nothing is written.
    """
    _check(disagreement, n_songs, seed, n_raters=n_raters, n_features=n_features)
    marker = {
        "name": NAME,
        "version": SIMULATOR_VERSION,
        "disagreement": disagreement,
        "n_songs": int(n_songs),
        "seed": int(seed),
        "n_raters": int(n_raters),
        "n_features": int(n_features),
        "constants": asdict(CONSTANTS),
    }
    text = json.dumps(marker, indent=1) + "\n"
    home = Path(cache or cache_dir()) / "simulated"
    root = home / hashlib.sha256(text.encode()).hexdigest()[:16]
    if (root / "simulated.json").is_file():
        return root
    songs = simulate_songs(disagreement, n_songs, seed, n_features)
    ratings = draw_ratings(songs, n_raters, seed)
    home.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=home))
    try:
        _write(temporary, songs, ratings)
        (temporary / "simulated.json").write_text(text)
        temporary.chmod(0o755)
        os.rename(temporary, root)
    except OSError:
        if not (root / "simulated.json").is_file():  # else another process was first
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return root


def _write(root, songs, ratings):
    """Write the songs and their ratings in DEAM's layout, headers and rounding."""
    # DEAM prints 3.1, 0.94 and 3: two decimals, no trailing zeros.
    by_song = ratings.groupby("song_id")[["valence", "arousal"]]
    mean, sd = by_song.mean(), by_song.std(ddof=0)
    columns = (mean.valence, sd.valence, mean.arousal, sd.arousal)
    rows = zip(mean.index, *columns, strict=True)
    lines = [f"{song}," + ",".join(f"{round(x, 2):g}" for x in numbers) for song, *numbers in rows]
    _write_lines(
        root / "annotations/annotations averaged per song/song_level"
        "/static_annotations_averaged_songs_1_2000.csv",
        "song_id, valence_mean, valence_std, arousal_mean, arousal_std",
        lines,
    )
    _write_lines(
        root / "annotations/annotations per each rater/song_level"
        "/static_annotations_songs_1_2000.csv",
        "workerID, SongId, Valence, Arousal",
        [f"r{r:03d}, {s}, {v}, {a}" for s, r, v, a in ratings.itertuples(index=False)],
    )
    # Column order and stray tabs as in the official metadata.
    about = list(zip(songs.song_id, songs.artist, songs.genre, strict=True))
    _write_lines(
        root / "metadata/metadata_2013.csv",
        "song_id,album,artist,title,Genre",
        [f'{s},"\t{s}.mp3","{a}\t","\tSong {s}\t","\t{g}\t"' for s, a, g in about if s <= 1000],
    )
    _write_lines(
        root / "metadata/metadata_2014.csv",
        "song_id,artist,album,title,Genre",
        [f"{s},{a},Simulated,Song {s},{g}" for s, a, g in about if s > 1000],
    )
    (root / "embeddings").mkdir()
    np.savez(root / "embeddings/simulated.npz", song_id=songs.song_id, features=songs.features)
    truth = np.stack([songs.true_mean, songs.true_sd], axis=-1).reshape(-1, 4).tolist()
    _write_lines(
        root / "truth.csv",
        "song_id,valence_mean,valence_sd,arousal_mean,arousal_sd",
        [f"{s}," + ",".join(map(repr, t)) for s, t in zip(songs.song_id, truth, strict=True)],
    )


def _write_lines(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", newline="\n")


def _check(disagreement, n_songs, seed, n_raters=10, n_features=1024):
    if disagreement not in DISAGREEMENT:
        near = difflib.get_close_matches(str(disagreement), DISAGREEMENT, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(
            f"disagreement={disagreement!r} is not one of {', '.join(DISAGREEMENT)}{hint}"
        )
    limits = {"n_songs": (n_songs, 2, 1744), "seed": (seed, 0, 2**63)}
    limits |= {"n_raters": (n_raters, 2, 5000), "n_features": (n_features, 1, 16384)}
    for name, (value, low, high) in limits.items():
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or not low <= value <= high:
            raise ValueError(f"{name}={value!r}: give a whole number from {low} to {high}")
