"""Simulated data on disk: the songs and raters of :mod:`mer_utils.data.simulate` in DEAM's layout.

The folder is read with the same loader as DEAM. Beside DEAM's files it holds ``simulated.json``
(what was simulated) and ``truth.csv`` (every song's true mean and SD).

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

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mer_utils.data.deam import AVERAGED, FILES, METADATA, PER_RATER
from mer_utils.data.deam_tables import MARKER
from mer_utils.data.simulate import CONSTANTS, check, draw_ratings, simulate_songs
from mer_utils.paths import cache_dir

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
    sizes = {"n_songs": n_songs, "seed": seed, "n_raters": n_raters, "n_features": n_features}
    marker = {"name": NAME, "version": SIMULATOR_VERSION, "disagreement": disagreement}
    marker |= {name: int(size) for name, size in sizes.items()} | {"constants": asdict(CONSTANTS)}
    text = json.dumps(marker, indent=1) + "\n"
    home = Path(cache or cache_dir()) / "simulated"
    root = home / hashlib.sha256(text.encode()).hexdigest()[:16]
    if (root / MARKER).is_file():
        return root
    songs = simulate_songs(disagreement, n_songs, seed, n_features)
    ratings = draw_ratings(songs, n_raters, seed)
    temporary = None
    try:
        home.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=home))
        _write(temporary, songs, ratings)
        (temporary / MARKER).write_text(text)
        temporary.chmod(0o755)
        os.rename(temporary, root)
    except OSError as error:
        if not (root / MARKER).is_file():  # else another process was first
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
    header = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
    _write_lines(root / (AVERAGED + FILES["1-2000"]), header, lines)
    header = "workerID, SongId, Valence, Arousal"
    lines = [f"r{r:03d}, {s}, {v}, {a}" for s, r, v, a in ratings.itertuples(index=False)]
    _write_lines(root / (PER_RATER + FILES["1-2000"]), header, lines)
    # Column order and stray tabs as in the official metadata.
    about = list(zip(songs.song_id, songs.artist, songs.genre, strict=True))
    header = "song_id,album,artist,title,Genre"
    lines = [f'{s},"\t{s}.mp3","{a}\t","\tSong {s}\t","\t{g}\t"' for s, a, g in about if s <= 1000]
    _write_lines(root / METADATA.format(2013), header, lines)
    header = "song_id,artist,album,title,Genre"
    lines = [f"{s},{a},Simulated,Song {s},{g}" for s, a, g in about if s > 1000]
    _write_lines(root / METADATA.format(2014), header, lines)
    (root / "embeddings").mkdir()
    np.savez(root / "embeddings/simulated.npz", song_id=songs.song_id, features=songs.features)
    truth = np.stack([songs.true_mean, songs.true_sd], axis=-1).reshape(-1, 4).tolist()
    header = "song_id,valence_mean,valence_sd,arousal_mean,arousal_sd"
    lines = [f"{s}," + ",".join(map(repr, t)) for s, t in zip(songs.song_id, truth, strict=True)]
    _write_lines(root / "truth.csv", header, lines)


def _write_lines(path, header, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", newline="\n")
