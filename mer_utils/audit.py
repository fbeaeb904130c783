"""Is this DEAM folder sound? Checks that end in a report for people: ``mer check PATH``.

The report never stops at the first bad file. It goes through the folder part by part,
collects every problem with its mend, and says at the end how many there are.
"""

from __future__ import annotations

import textwrap
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mer_utils.dataset import DIMENSIONS
from mer_utils.deam import AVERAGED, FILES, METADATA, PER_RATER, deam_root, find_file, load_deam
from mer_utils.deam_files import MARKER, read_averaged, read_marker
from mer_utils.exchange import NOT_AT_HAND, evidence_verdict, exchange_evidence
from mer_utils.recompute import DdofEvidence, compare_with_raters, infer_ddof
from mer_utils.tables import DataError

__all__ = ["CheckReport", "DdofEvidence", "check_report", "compare_with_raters",
           "exchange_evidence", "infer_ddof"]  # fmt: skip
WIDTH = 92


@dataclass(frozen=True)
class CheckReport:
    """A readable report: ``str()`` it. ``problems`` has one sentence per error."""

    lines: tuple
    problems: tuple

    @property
    def errors(self) -> int:
        """Number of errors; 0 means that the folder can be used."""
        return len(self.problems)

    def __str__(self):
        return "\n".join(self.lines)


class _Writer:
    """Collects lines and problems; a section that fails says so and the next one goes on."""

    def __init__(self, root):
        self.root, self.lines, self.problems = root, [], []

    def say(self, text="", first="  ", rest="  "):
        wrapped = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest,
                                break_long_words=False, break_on_hyphens=False)  # fmt: skip
        self.lines += wrapped or [""]

    def row(self, label, value):
        self.say(value, f"  {label:<36}", " " * 38)

    def table(self, frame):
        self.lines += ["  " + line for line in frame.to_string(index=False).splitlines()]

    @contextmanager
    def section(self, title):
        self.lines += ["", title, "-" * len(title)]
        try:
            yield
        except ValueError as error:
            found = [text.replace(f"{self.root}/", "") for text in
                     getattr(error, "problems", [str(error)])]  # fmt: skip
            new = [text for text in found if text not in self.problems]
            self.problems += new
            self.say(f"{len(found)} error(s) here, listed at the end.")


def check_report(root=None, *, features="auto", n_boot: int = 999) -> CheckReport:
    """Check a DEAM folder, real or simulated, and report what is in it.

    Parameters
    ----------
    root : path, default ``$DEAM_ROOT``.
    features : as in :func:`mer_utils.deam.load_deam`.
    n_boot : int, bootstrap resamples for the intervals of the exchange evidence.

    Returns
    -------
    CheckReport
        ``str(report)`` is the text, ``report.errors`` the number of errors. Bad data never
        raise here: they are counted and listed.
    """
    out = _Writer(root)
    try:
        root = deam_root(root)
    except DataError as error:
        return CheckReport((f"error: {error}",), tuple(error.problems))
    out.root = root
    title = f"Check of {root}"
    out.lines += [title, "=" * min(len(title), WIDTH)]
    data, marker = None, {}
    with out.section("Files"):
        marker = read_marker(root)
        _files(out, root)
    for songs in FILES:
        with out.section(f"Ratings of songs {songs}"):
            _ratings(out, root, songs)
    with out.section("Features"):
        data = load_deam(root, features=features)
        _features(out, data)
    if data is None:
        with out.section("Ratings without features"):
            data = load_deam(root, features=None)
            out.say("Read without features, for the checks below.")
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
    return _finish(out)


def _finish(out):
    title = f"{len(out.problems)} error(s)" if out.problems else "No errors"
    out.lines += ["", title, "=" * len(title)]
    for i, text in enumerate(out.problems[:20], start=1):
        out.say(text, f"{i:3}. ", "     ")
    if len(out.problems) > 20:
        out.say(f"... and {len(out.problems) - 20} more of these kinds.", "     ")
    if not out.problems:
        out.say("This folder can be used: every song counted above is ready for a model.")
    return CheckReport(tuple(out.lines), tuple(out.problems))


def _files(out, root):
    wanted = {f"averaged ratings, songs {songs}": AVERAGED + name for songs, name in FILES.items()}
    wanted |= {f"per-rater ratings, songs {songs}": PER_RATER + name
               for songs, name in FILES.items()}  # fmt: skip
    wanted |= {f"metadata {year}": METADATA.format(year) for year in (2013, 2014, 2015)}
    for label, place in wanted.items():
        path = find_file(root, place)
        out.row(label, path.name if path else NOT_AT_HAND)
    for label, pattern in (
        ("features over time", "features/*.csv"),
        ("features, song means", "features_song_mean/*.*"),
        ("embeddings", "embeddings/*.*"),
        ("audio", "MEMD_audio/*.mp3"),
        ("emoMusic cross-check", "cross_check/*.csv"),
    ):
        found = sorted(root.glob(pattern))
        count = f"{len(found)} file{'s' * (len(found) != 1)}"
        out.row(label, f"{count}, {found[0].parent.name}/" if found else NOT_AT_HAND)
    if (root / MARKER).is_file():
        marker = read_marker(root)
        told = [f"{key} {marker[key]}" for key in ("disagreement", "seed") if key in marker]
        out.row("simulated", ", ".join([str(marker.get("name", "yes")), *told]))


def _ratings(out, root, songs):
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
    rows = []
    for k, name in enumerate(DIMENSIONS):
        for what, values in (("mean", mean[:, k]), ("SD", sd[:, k])):
            figures = (values.mean(), values.std(), values.min(), np.median(values), values.max())
            rows.append((f"{name} {what}", *(f"{v:.2f}" for v in figures)))
    out.table(pd.DataFrame(rows, columns=["", "average", "spread", "lowest", "median", "highest"]))
    out.say()
    if len(song_id) > 2:
        out.say(f"Correlation of mean valence and mean arousal: {np.corrcoef(mean.T)[0, 1]:.2f}.")
    if not (root / MARKER).is_file():
        out.say(f"{infer_ddof(mean, sd, 10 if songs == '1-2000' else 5)}.")


def _features(out, data):
    out.row("what", data.feature_source)
    out.row("songs with ratings and features", str(len(data)))
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
        "there is a control (the same for ids above 1000, where nothing is in doubt), a line "
        "speaks for an exchange if its difference has the other sign."
    )
    out.say()
    layout = "{:<46}{:>6}{:>11}  {:<22}{}"
    out.lines.append("  " + layout.format("", "as is", "exchanged", "difference", "speaks for"))
    for row in table.itertuples():
        if row.supports == NOT_AT_HAND:
            out.lines.append("  " + layout.format(row.evidence, "", "", "", NOT_AT_HAND))
            continue
        spread = f"{row.difference:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
        figures = (f"{row.as_distributed:.2f}", f"{row.exchanged:.2f}", spread, row.supports)
        out.lines.append("  " + layout.format(row.evidence, *figures))
        control = ""
        if np.isfinite(row.control):
            control = (
                f"{row.control:+.2f} [{row.control_low:+.2f}, {row.control_high:+.2f}] control"
            )
        out.lines.append(
            "  " + layout.format(f"  {row.measure}, {row.n} songs", "", "", control, "")
        )
    out.lines = [line.rstrip() for line in out.lines]
    out.say()
    out.say(evidence_verdict(table))
    out.say(
        "The cause is not known and published results used the file as it is, so both versions "
        "can be loaded: labels='as_distributed' and labels='corrected'."
    )
