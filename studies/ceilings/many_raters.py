"""Other collections of subjective ratings with many known raters: a small loader each.

======================  ======================================================================
``load_koniq``          KonIQ-10k (Hosu et al. 2020): quality of 10,073 images, 93 to 157 votes,
                        1-5; only how many gave which vote is known, not who
``load_words``          Warriner, Kuperman & Brysbaert (2013): valence, arousal and dominance of
                        13,915 words, 1-9, about 20 raters a word; means and SDs of pairs of
                        groups that share nobody (men and women, younger and older, ...)
``load_manymusic``      Kim et al. (2025): 376 tracks of music, 190 listeners, -1 to 1, single
                        raters; 204 times a listener rated a track twice
======================  ======================================================================

The files are other people's and not part of this project; ``results/ceilings`` keeps aggregates.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from mer_utils.data.csv_tables import DataError

FILES = {
    "koniq": "koniq10k/koniq10k_distributions_sets.csv",
    "words": "warriner/Ratings_Warriner_et_al.csv",
    "manymusic": "manymusic/ratings.csv",
}
WORD_GROUPS = (("M", "F"), ("Y", "O"), ("L", "H"))
WORD_DIMENSIONS = {"valence": "V", "arousal": "A", "dominance": "D"}


def _table(root, name, columns, texts=()) -> tuple[pd.DataFrame, Path]:
    """The file of one collection with these columns as numbers; a named error otherwise."""
    path = Path(root).expanduser() / FILES[name]
    if not path.is_file():
        raise DataError(f"{path}: not found; get the published file and put it there")
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: no table ({error}); get the published file again") from error
    missing = [c for c in (*columns, *texts) if c not in table.columns]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; use the published file")
    for column in columns:
        wrong = pd.to_numeric(table[column], errors="coerce").isna() & table[column].notna()
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise DataError(f"{path}, line {row + 2}: {column} is {table[column][row]!r}; mend it")
    return table, path


def load_koniq(root) -> np.ndarray:
    """Votes of each image: how many gave 1, 2, 3, 4, 5; int, (n_images, 5)."""
    names = [f"c{k}" for k in range(1, 6)]
    table, path = _table(root, "koniq", [*names, "c_total"])
    counts = table[names].to_numpy() * table["c_total"].to_numpy()[:, None]
    votes = np.rint(counts).astype(int)
    broken = (np.abs(votes - counts) > 0.01).any(axis=1) | (votes.sum(1) != table["c_total"])
    if broken.any():
        row = int(np.flatnonzero(broken)[0])
        raise DataError(f"{path}, line {row + 2}: shares and total give no whole votes; mend it")
    return votes


def load_words(root, dimension: str, groups=WORD_GROUPS[0], raters=(8, 12)) -> pd.DataFrame:
    """Words with ``raters`` (least, most) raters in each of two groups that share nobody.

    Returns columns ``mean_1, sd_1, n_1, mean_2, sd_2, n_2``; SDs with ddof=1, scale 1-9.
    """
    key = WORD_DIMENSIONS[dimension]
    names = [f"{key}.{what}.{group}" for group in groups for what in ("Mean", "SD", "Rat")]
    table, _ = _table(root, "words", names)
    found = table[names].set_axis(["mean_1", "sd_1", "n_1", "mean_2", "sd_2", "n_2"], axis=1)
    enough = found[["n_1", "n_2"]].apply(lambda n: n.between(*raters)).all(axis=1)
    return found[enough & found.notna().all(axis=1)].reset_index(drop=True)


def load_manymusic(root) -> tuple[pd.DataFrame, pd.DataFrame]:
    """First ratings of each listener and track, and pairs of ratings of the same excerpt.

    Returns
    -------
    ratings : ``song_id, rater, valence, arousal``, -1 to 1
    twice : ``song_id, rater, valence_1, arousal_1, valence_2, arousal_2``
    """
    columns = ["subjectId", "trackStartSec", "valence_val", "arousal_val"]
    table, _ = _table(root, "manymusic", columns, ("trackId", "source"))
    table = table[table["source"] != "Self"][["trackId", *columns]].dropna()
    table = table.set_axis(["song_id", "rater", "start", "valence", "arousal"], axis=1)
    again = table.duplicated(["song_id", "rater"])
    keys = ["song_id", "rater", "start"]
    one, two = (part.drop_duplicates(keys) for part in (table[~again], table[again]))
    twice = one.merge(two, on=keys, suffixes=("_1", "_2")).drop(columns="start")
    return table[~again].drop(columns="start").reset_index(drop=True), twice
