"""The committed tables about ceilings: ``results/ceilings``.

``python studies/ceilings/make.py --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT --many-raters
$MANY_RATERS_ROOT --out results/ceilings`` writes, as aggregates (no row belongs to a song),

``seen.csv``        reliability of mean and SD in disjoint panels, wherever raters are known
``sizes.csv``       the same for other numbers of raters, and what the step from ten foretells
``repeats.csv``     ManyMusic: the same listener twice
``needed.csv``      raters per song for reliabilities of 0.5, 0.7 and 0.9
``possible.csv``    DEAM: what the published numbers alone allow
``ways.csv``        DEAM: every way to carry noise from elsewhere
``bracket.csv``     DEAM: from what a learner finds to the highest of them
``readings.csv``    DEAM: why the SDs of valence and arousal go together
``people.csv``      the same where listeners are known: people or songs
``validation.csv``  every estimator where the truth is known
``provenance.json`` command, checksums, versions, date

``--only seen``, ``deam`` or ``validation`` makes a part; ``deam`` needs ``results/learners``. The
validation takes about half an hour on two cores and keeps each world in the cache.
"""

import argparse
import datetime
import hashlib
import inspect
import json
from pathlib import Path

import carried
import everywhere
import many_raters
import pandas as pd
import seen
import transferred
import validation
import worlds
from bracket import bracket
from carried import Source, Target, all_ways
from possible import possible
from readings import people_or_songs, readings_table

from mer_utils.ceiling.design import noise_odds
from mer_utils.ceiling.reliability import stepped_up
from mer_utils.code_digest import logic
from mer_utils.data.dataset import DIMENSIONS, sha256
from mer_utils.data.load import load
from mer_utils.data.soundtracks import FILE, load_soundtracks, soundtracks_root
from mer_utils.paths import cache_dir, write_atomically
from mer_utils.results import kept, versions, write_tables

COMMAND = (
    "python studies/ceilings/make.py --data $DEAM_ROOT --soundtracks $SOUNDTRACKS_ROOT "
    "--many-raters $MANY_RATERS_ROOT --out results/ceilings"
)
REPEATS = 16
"""Of each world of the committed validation."""
GOALS = (0.5, 0.7, 0.9)
SIZES = {"film music": (5, 15, 24), "images (quality)": (5, 20, 40)}
LABELS = ("as_distributed", "corrected")


def sizes_table(film, many, n_draws=200) -> pd.DataFrame:
    """``data, dimension, raters, seen, from_ten``: the SD's reliability, and what ten foretell."""
    rows = []
    for dimension in everywhere.SOUNDTRACK_DIMENSIONS:
        found = {
            n: everywhere.of_matrix("film music", dimension, film, n, (1, 9), n_draws=n_draws,
                              people=False).sd.reliability()
            for n in (10, *SIZES["film music"])
        }  # fmt: skip
        rows += [("film music", dimension, n, rho, found[10]) for n, rho in found.items()]
    sizes = (10, *SIZES["images (quality)"])
    found = {n: everywhere.of_images(many, n, n_draws=5).sd.reliability() for n in sizes}
    rows += [("images (quality)", "quality", n, rho, found[10]) for n, rho in found.items()]
    table = pd.DataFrame(rows, columns=["data", "dimension", "raters", "seen", "ten"])
    table["from_ten"] = stepped_up(table["ten"], 10, table["raters"])
    order = ["data", "dimension", "raters"]
    return table.drop(columns="ten").sort_values(order, ignore_index=True)


def needed_table(table: pd.DataFrame) -> pd.DataFrame:
    """Raters per song: ``data, dimension, statistic, goal, raters, low, high``; "inf" is no limit.

    From the reliability that was seen, by :mod:`mer_utils.ceiling.design`.
    """
    rows = []
    for row in table[table["statistic"].isin(["mean", "sd"])].itertuples():
        own = row.statistic == "sd"
        odds = [
            float("inf") if rho <= 0 else float(noise_odds(min(rho, 1), row.raters, row.statistic))
            for rho in (row.value, row.high, row.low)
        ]
        for goal in GOALS:
            needed = [own + k * goal / (1 - goal) for k in odds]
            rows.append((row.data, row.dimension, row.statistic, goal, *needed))
    names = ["data", "dimension", "statistic", "goal", "raters", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def target_of(songs, d) -> Target:
    """The songs of ten raters, SDs with ddof=1."""
    scale = ((10 - songs.ddof) / 9) ** 0.5
    return Target(songs.rating_mean[:, d], songs.rating_sd[:, d] * scale, 10, songs.scale)


def deam_tables(data, collections, draws=16) -> dict[str, pd.DataFrame]:
    """What is known of DEAM: ``possible``, ``ways``, ``bracket`` and ``readings``."""
    sources = [Source.of(c) for c in collections if c.data != "ManyMusic"]
    ways, bounds, readings = [], [], []
    for labels in LABELS:
        songs = load("deam", data, labels, features=None)
        targets = [target_of(songs, d) for d in (0, 1)]
        for d, dimension in enumerate(DIMENSIONS):
            place = {"labels": labels, "dimension": dimension}
            ways.append(all_ways(sources, targets[d], draws).assign(**place))
            published = songs.rating_mean[:, d], songs.rating_sd[:, d]
            bounds.append(place | possible(*published, 10, songs.ddof, songs.scale))
        readings.append(readings_table(targets).assign(labels=labels))
    ways = pd.concat(ways, ignore_index=True)
    found = {"possible": pd.DataFrame(bounds), "ways": ways}
    found["bracket"] = bracket(ways, kept("learners", "scores"))
    return found | {"readings": pd.concat(readings, ignore_index=True)}


def validated(film, songs, repeats, say=print) -> pd.DataFrame:
    """:mod:`validation`, one world after another, each kept in the cache."""
    film = everywhere.of_matrix(
        "", "valence", film, 10, (1, 9), n_draws=200, people=False
    ).observed()
    deam = target_of(songs, 0).observed()
    parts = (carried, seen, transferred, validation, worlds)
    code = [logic(inspect.getsource(part)) for part in parts]
    key = json.dumps([code, repeats, float(film.level), float(deam.level)])
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    tables = []
    for world in validation.PAIRS:
        path = cache_dir() / "ceilings" / f"{world.replace(' ', '-')}-{digest}.csv"
        if not path.is_file():
            say(f"world: {world}")
            with write_atomically(path) as temporary:
                validation.one_world(world, film, deam, repeats).to_csv(temporary, index=False)
        tables.append(pd.read_csv(path))
    return validation.bias_and_coverage(pd.concat(tables, ignore_index=True))


def main(argv=None):
    """Command line; see the head of this module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="folder of DEAM; $DEAM_ROOT if empty")
    parser.add_argument("--soundtracks", default="", help="folder; $SOUNDTRACKS_ROOT if empty")
    parser.add_argument("--many-raters", required=True, help="folder of the other collections")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=["seen", "deam", "validation"])
    parser.add_argument("--repeats", type=int, default=REPEATS, help="repeats of each world")
    args = parser.parse_args(argv)
    film, songs = load_soundtracks(args.soundtracks), load("deam", args.data, features=None)
    files = {name: Path(args.many_raters) / file for name, file in many_raters.FILES.items()}
    sums = {FILE: sha256(soundtracks_root(args.soundtracks or None) / FILE)} | songs.checksums
    described = {
        "command": COMMAND,
        "date": datetime.date.today().isoformat(),
        "checksums": sums | {name: sha256(path) for name, path in files.items()},
        "versions": versions(),
        "validation": {"repeats": args.repeats},
    }
    tables = {}
    if args.only != "validation":
        collections = everywhere.everywhere(args.soundtracks, args.many_raters)
    if args.only in (None, "seen"):
        tables["seen"] = everywhere.seen_table(collections)
        tables["needed"] = needed_table(tables["seen"])
        tables["sizes"] = sizes_table(film, args.many_raters)
        tables["repeats"] = everywhere.repeats_table(args.many_raters)
        tables["people"] = people_or_songs(film)
    if args.only in (None, "deam"):
        tables |= deam_tables(args.data, collections)
    if args.only in (None, "validation"):
        tables["validation"] = validated(film, songs, args.repeats)
    write_tables(args.out, tables, described)


if __name__ == "__main__":
    main()
