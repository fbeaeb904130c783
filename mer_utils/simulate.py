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

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from .paths import cache_dir
from .rating_distribution import largest_sd, rating_moments, solve_moments
from .simulate_songs import CONSTANTS, DISAGREEMENT, Songs, check, draw_ratings, simulate_songs

__all__ = [
    "CONSTANTS",
    "DISAGREEMENT",
    "Songs",
    "draw_ratings",
    "largest_sd",
    "rating_moments",
    "simulate_songs",
    "simulated_root",
    "solve_moments",
]

SIMULATOR_VERSION = 1
NAME = "simulated DEAM-like data"


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
        For an unknown ``disagreement``, a number out of range, or a cache that cannot be
        written. Nothing half-written stays behind.
    """
    check(disagreement, n_songs, seed, n_raters, n_features)
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
    temporary = None
    try:
        home.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=home))
        _write(temporary, songs, ratings)
        (temporary / "simulated.json").write_text(text)
        temporary.chmod(0o755)
        os.rename(temporary, root)
    except OSError as error:
        if not (root / "simulated.json").is_file():  # else another process was first
            raise ValueError(
                f"cannot write simulated data to {root}: {error}; "
                "give another cache folder, or set MER_CACHE"
            ) from error
    finally:
        if temporary:
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
