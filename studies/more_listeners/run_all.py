"""The committed tables about listeners and songs: ``results/more_listeners``.

``python studies/more_listeners/run_all.py --data $DEAM_ROOT --out results/more_listeners`` takes
about 35 minutes of one core. It keeps each draw that is done in the cache, so that it can be
stopped and goes on where it was. It writes, as aggregates (no row belongs to a song),

``scores.csv``       MUSIFEAST-17: learners taught by panels of different size (``clip_scores.py``)
``changes.csv``      four times the listeners, or four times the clips: paired differences
``factors.csv``      what few listeners hide, and what they keep from being learnt
``reliability.csv``  MUSIFEAST-17: what disjoint panels have in common
``people.csv``       MUSIFEAST-17: each group of listeners left out in turn
``genres.csv``       MUSIFEAST-17: ridge when whole genres are left out, and when they are not
``deam_songs.csv``   DEAM: learning curves (``deam_songs.py``)
``budget.csv``       simulated: 17,440 ratings spent in different ways (``budget.py``)
``doubts.csv``       simulated: data and model uncertainty as data grow (``doubts.py``)
``provenance.json``  command, checksums, versions, date

``--only`` does some of the parts, and leaves the tables of the others as they are.
"""

import argparse
import datetime
import json
from pathlib import Path

import budget
import clip_scores
import clips
import deam_songs
import doubts
import pandas as pd
import people
import scores
from tqdm import tqdm

from mer_utils.data.load import load
from mer_utils.data.musifeast import GROUPS
from mer_utils.results import versions, write_tables
from mer_utils.scoring.intervals import resample_counts

COMMAND = "python studies/more_listeners/run_all.py --data $DEAM_ROOT --out results/more_listeners"
PARTS = ("clips", "people", "genres", "deam", "budget", "doubts")
HEAD_DRAWS, RIDGE_DRAWS = tuple(range(len(GROUPS))), 4 * len(GROUPS)
"""Draws that have heads too, and the number of all. With whole genres apart, ridge alone."""


def clip_draws(cells, apart, with_heads=()) -> dict:
    """Draw -> arrays: those of ``with_heads`` with heads, the others ridge alone."""
    seeds = {k: range(4) if k in with_heads else () for k in range(RIDGE_DRAWS)}
    return {k: clips.kept(k, cells, apart, s) for k, s in tqdm(seeds.items(), f"clips, {apart}")}


def clip_tables() -> dict:
    """Tables of the clips, folds apart by artist."""
    draws = clip_draws(clips.CELLS, "artist", HEAD_DRAWS)
    weights = resample_counts(len(draws[0]["fold"]), scores.N_RESAMPLES)
    found = clip_scores.all_draws(draws, clips.CELLS, weights)
    return {
        "scores": scores.table(found, clip_scores.KEY),
        "changes": clip_scores.changes(found),
        "factors": clip_scores.factors(found, weights),
        "reliability": clip_scores.reliability(weights),
    }


def genre_table() -> pd.DataFrame:
    """Ridge in the same cells and draws, with folds apart by artist and apart by genre."""
    tables = []
    for apart in ("artist", "genre"):
        draws = clip_draws(clips.GENRE_CELLS, apart)
        weights = resample_counts(len(draws[0]["fold"]), scores.N_RESAMPLES)
        found = clip_scores.all_draws(draws, clips.GENRE_CELLS, weights)
        tables.append(scores.table(found, clip_scores.KEY).assign(apart=apart))
    table = pd.concat(tables, ignore_index=True)
    return table[table["score"].ne("spearman") & table["against"].ne("rest")]


def deam_table(data: str) -> tuple[pd.DataFrame, dict]:
    """Learning curves on DEAM, and the checksums of its files."""
    songs = load("deam", data)
    plan = [(k, n) for n, draws in deam_songs.DRAWS.items() for k in range(draws)]
    made = [(n, deam_songs.kept(songs, n, k)) for k, n in tqdm(sorted(plan), "DEAM")]
    return scores.curve(made, songs.mean, songs.sd), songs.checksums


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    args = parser.parse_args(argv)
    sums, tables = load("musifeast").checksums, {}
    if "clips" in args.only:
        tables |= clip_tables()
    if "people" in args.only:
        tables["people"] = people.table(lambda groups: tqdm(groups, "people"))
    if "genres" in args.only:
        tables["genres"] = genre_table()
    if "deam" in args.only:
        tables["deam_songs"], checksums = deam_table(args.data)
        sums |= checksums
    if "budget" in args.only:
        tables["budget"] = budget.run(lambda plan: tqdm(plan, "budget"))
    if "doubts" in args.only:
        tables["doubts"] = doubts.run(lambda plan: tqdm(plan, "doubts"))
    before = args.out / "provenance.json"  # tables of other parts stay, with their checksums
    old = json.loads(before.read_text("utf-8")) if before.is_file() else {}
    made = {*old.get("parts", ()), *args.only}
    sums = old.get("checksums", {}) | sums
    provenance = {
        "command": COMMAND,
        "date": datetime.date.today().isoformat(),
        "parts": [part for part in PARTS if part in made],
        "draws": {"heads": HEAD_DRAWS, "ridge": RIDGE_DRAWS},
        "checksums": sums,
        "versions": versions(),
    }
    write_tables(args.out, tables, provenance)


if __name__ == "__main__":
    main()
