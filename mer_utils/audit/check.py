"""Is this DEAM folder sound? Checks that end in a report for people: ``mer check PATH``.

The report never stops at the first bad file. It goes through the folder part by part,
collects every problem with its mend, and says at the end how many there are.
"""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from mer_utils.audit.check_own import own_report
from mer_utils.audit.evidence import (
    CONTROL,
    CONTROL_2015,
    NOT_AT_HAND,
    evidence_verdict,
    exchange_evidence,
)
from mer_utils.audit.report import CheckReport, Writer
from mer_utils.audit.trusted import continuous_mean
from mer_utils.data.csv_tables import DataError, read_table
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.deam import (
    AVERAGED,
    DYNAMIC,
    FILES,
    METADATA,
    PER_RATER,
    deam_root,
    find_file,
    load_deam,
)
from mer_utils.data.deam_tables import read_averaged, read_marker, read_metadata, read_raters
from mer_utils.data.features import find_features, read_features
from mer_utils.data.own_folder import is_own
from mer_utils.data.ratings import SCALE
from mer_utils.data.sd_formula import compare_with_raters, infer_ddof

YEARS = (2013, 2014, 2015)
CROSS_CHECK = "cross_check/*.csv"


def check_report(root=None, *, features="auto", n_boot: int = 999) -> CheckReport:
    """Check a DEAM folder, real or simulated, or one of own ratings; report what is in it.

    Parameters
    ----------
    root : path, default ``$DEAM_ROOT``. A folder of own ratings: see :func:`own_report`.
    features : as in :func:`mer_utils.data.deam.load_deam`.
    n_boot : int, bootstrap resamples for the intervals of the exchange evidence.

    Returns
    -------
    CheckReport
        ``str(report)`` is the text, ``report.errors`` the number of errors. Bad data never
        raise here: they are counted and listed.
    """
    if is_own(root, "ratings.csv", "moments.csv"):
        return own_report(root, features=features)
    try:
        root = deam_root(root)
    except DataError as error:
        out = Writer()
        out.say(f"error: {error}", "", "")
        return CheckReport(tuple(out.lines), tuple(error.problems))
    out = Writer(lambda text: _short(text, root))
    out.title(f"Check of {root}", "=")
    data, marker = None, {}
    with out.section("Files"):
        marker = read_marker(root)
        _files(out, root, marker)
    for songs in FILES:
        with out.section(f"Ratings of songs {songs}"):
            _ratings(out, root, songs, marker)
    with out.section("Features"):
        data = load_deam(root, features=features)
        _features(out, data)
    if data is None:
        with out.section("Ratings without features"):
            data = load_deam(root, features=None)
            out.say("Read without features, for the checks below.")
    if data is None:
        # The loader stops at the first bad file; look at the others one by one.
        for name, read in _other_files(root, features).items():
            with out.section(name):
                read()
                out.say("Nothing wrong with what is at hand.")
    if data is not None:
        with out.section("Artists and genres"):
            _metadata(out, data)
        with out.section("Single raters"):
            _raters(out, data)
        with out.section("Are valence and arousal exchanged for ids up to 1000?"):
            if marker:
                out.say("These data are simulated: there is nothing to exchange.")
            else:
                _evidence(out, exchange_evidence(root, data, n_boot=n_boot))
        with out.section("Left out or mended"):
            notes = [note for note in data.notes if not note.startswith("SD")]
            for note in notes or ["Nothing."]:
                out.say(note, "  - ", "    ")
    return out.finish("This folder can be used: every song counted above is ready for a model.")


def _files(out, root, marker):
    wanted = {f"averaged, songs {songs}": AVERAGED + name for songs, name in FILES.items()}
    wanted |= {f"per rater, songs {songs}": PER_RATER + name for songs, name in FILES.items()}
    wanted |= {f"over time, {name}": DYNAMIC.format(name) for name in DIMENSIONS}
    wanted |= {f"metadata {year}": METADATA.format(year) for year in YEARS}
    for label, place in wanted.items():
        path = find_file(root, place)
        out.row(label, path.name if path else NOT_AT_HAND)
    for label, pattern in (
        ("features over time", "features/*.csv"),
        ("features, song means", "features_song_mean/*.*"),
        ("embeddings", "embeddings/*"),
        ("audio", "MEMD_audio/*.mp3"),
        ("emoMusic cross-check", CROSS_CHECK),
    ):
        found = sorted(root.glob(pattern))
        count = f"{len(found)} file{'s' * (len(found) != 1)}"
        out.row(label, f"{count}, {found[0].parent.name}/" if found else NOT_AT_HAND)
    if marker:
        told = [f"{key} {marker[key]}" for key in ("disagreement", "seed") if key in marker]
        out.row("simulated", ", ".join([str(marker.get("name", "yes")), *told]))


def _short(text, root):
    """Leave out the long folder names: file names are unique, and the first section has them."""
    for folder in (AVERAGED, PER_RATER, DYNAMIC):
        text = text.replace(f"{root}/{folder.rpartition('/')[0]}/", "")
    return text.replace(f"{root}/", "")


def _other_files(root, features):
    checks = sorted(root.glob(CROSS_CHECK))
    metadata = [path for year in YEARS if (path := find_file(root, METADATA.format(year)))]
    raters = [path for name in FILES.values() if (path := find_file(root, PER_RATER + name))]
    dynamic = [find_file(root, DYNAMIC.format(name)) for name in DIMENSIONS]
    return {
        "Ratings over time, read alone": lambda: [continuous_mean(path, []) for path in dynamic],
        "Metadata, read alone": lambda: read_metadata(metadata),
        "Single raters, read alone": lambda: [read_raters(path) for path in raters],
        "Features, read alone": lambda: (
            features is not None
            and read_features(find_features(root) if features == "auto" else features)
        ),
        "Cross-check files, read alone": lambda: [read_table(path) for path in checks],
    }


def _ratings(out, root, songs, marker):
    path = find_file(root, AVERAGED + FILES[songs])
    if path is None:
        if songs != "1-2000":
            return out.say("Not at hand (optional).")
        raise DataError(
            f"{AVERAGED}{FILES[songs]}: not found; unpack DEAM_Annotations.zip in {root}"
        )
    song_id, mean, sd = read_averaged(path)
    out.say(f"{len(song_id)} songs, ids {song_id[0]} to {song_id[-1]}, on the 1-9 scale.")
    out.say()
    out.moments(SimpleNamespace(rating_mean=mean, rating_sd=sd, scale=SCALE, dimensions=DIMENSIONS))
    guess = infer_ddof(mean, sd, 10 if songs == "1-2000" else 5)
    if guess.variance:
        raise DataError(f"{path}: {guess}; give SDs")
    if not marker:
        out.say(f"{guess}.")


def _features(out, data):
    out.row("what", data.feature_source)
    out.row("rated songs with features", str(len(data)))
    out.row("features per song", str(data.features.shape[1]))


def _metadata(out, data):
    known = data.artist != ""
    songs = pd.Series(data.artist[known]).value_counts()
    if songs.empty:
        return out.say("No artist is known: a split by artist is not possible.")
    out.row("songs with an artist", f"{known.sum()} of {len(data)}")
    out.row("artists", f"{len(songs)}, of whom {(songs > 1).sum()} have more than one song "
            f"({songs[songs > 1].sum()} songs)")  # fmt: skip
    genres = pd.Series(data.genre[data.genre != ""]).value_counts()
    out.row("genres (first one named)", ", ".join(f"{g} {n}" for g, n in genres.items()))


def _raters(out, data):
    if data.ratings is None:
        return out.say("Not at hand: means and SDs cannot be recomputed from single raters.")
    per_song = data.n_raters
    out.say(
        f"{len(data.ratings)} ratings by {data.ratings['rater'].nunique()} raters, "
        f"{per_song.min()} to {per_song.max()} per song."
    )
    out.say(next(note for note in data.notes if note.startswith("SD")))
    out.say("Means and SDs recomputed and compared with the averaged file:")
    out.say()
    table = compare_with_raters(data)
    table["max_abs_diff"] = table["max_abs_diff"].map("{:.3f}".format)
    out.table(table)


def _evidence(out, table):
    out.say(
        "Each line compares the labels, as they are and exchanged, with something measured "
        "apart from them. The difference of the two figures comes with its 95% interval. Where "
        "there is a control (the same for ids 1001 to 2000, where nothing is in doubt), a line "
        "speaks for an exchange if its difference has the other sign. The 58 songs of 2015 are a "
        "third collection. They are few, so their intervals are wide: they need not confirm the "
        "control, but where they contradict it the line is undecided."
    )
    out.say()
    layout = "    {:<27}{:>6}{:>11}  {}"
    out.lines.append(layout.format("", "as is", "exchanged", "difference"))
    for row in table.itertuples():
        out.lines.append(f"  {row.evidence}: {row.supports}")
        if row.supports == NOT_AT_HAND:
            continue
        figures = (f"{row.as_distributed:.2f}", f"{row.exchanged:.2f}")
        spread = f"{row.difference:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
        out.lines.append(layout.format(f"{row.measure}, {row.n} songs", *figures, spread))
        for name, ends in (("ids 1001 to 2000", CONTROL), ("songs of 2015", CONTROL_2015)):
            value, low, high = (getattr(row, end) for end in ends)
            if np.isfinite(value):
                spread = f"{value:+.2f} [{low:+.2f}, {high:+.2f}]"
                out.lines.append(layout.format(f"control, {name}", "", "", spread))
    out.say()
    out.say(evidence_verdict(table))
    out.say(
        "The cause is not known and published results used the file as it is, so both versions "
        "can be loaded: labels='as_distributed' and labels='corrected'."
    )
