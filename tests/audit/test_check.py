"""The report of ``mer check``: it says what is there, finds every error, and fits 80 columns."""

import shutil

import pytest
from deam_folder import collections, over_time

from mer_utils.audit.check import check_report
from mer_utils.data.deam import AVERAGED, FILES, PER_RATER
from mer_utils.data.simulated_files import simulated_root


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulated_root(cache=tmp_path_factory.mktemp("cache"), n_features=64)


def test_report_on_the_real_folder(deam_root):
    report = check_report(deam_root, n_boot=99)
    text = str(report)
    assert report.errors == 0 and "No errors" in text
    for expected in ("1744 songs", "58 songs", "ddof=0", "spectral flux", "not at hand",
                     "control, songs of 2015", "arousal.csv", "12 support 'exchanged'",
                     "openSMILE song means", "Hip-Hop 100", "shifted columns"):  # fmt: skip
        assert expected in " ".join(text.split())
    assert max(map(len, text.splitlines())) < 80


def test_report_on_simulated_data(simulated):
    report = check_report(simulated)
    assert report.errors == 0
    text = " ".join(str(report).split())  # lines may break anywhere
    assert "disagreement deam_like" in text and "nothing to exchange" in text
    assert "n_mismatch" in text
    assert max(map(len, str(report).splitlines())) < 80


def test_report_collects_every_error(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "copy")
    averaged = root / (AVERAGED + FILES["1-2000"])
    lines = averaged.read_text().splitlines()
    lines[3] = lines[3].split(",")[0] + ",11,1,5,1"
    lines[4] = lines[4].split(",")[0] + ",5,1,high,1"
    averaged.write_text("\n".join(lines))
    (root / (AVERAGED + FILES["2001-2058"])).write_text("song_id,arousal\n2001,5\n")
    metadata = root / "metadata/metadata_2013.csv"
    metadata.write_text(metadata.read_text().replace("artist", "who"))
    report = check_report(root)
    text = str(report)
    assert "line 4: valence_mean is 11, outside 1 to 9" in " ".join(text.split())
    assert any("line 5: arousal_mean is 'high'" in problem for problem in report.problems)
    assert any("2000_2058.csv, line 1" in problem for problem in report.problems)
    assert report.errors == len(report.problems) == len(set(report.problems)) == 2 + 4 + 1
    assert any("metadata_2013.csv, line 1" in problem for problem in report.problems)
    assert "7 error(s)" in text
    assert max(map(len, text.splitlines())) < 80


def test_report_without_usable_features(simulated, tmp_path):
    """Ratings are still checked when the features are bad."""
    root = shutil.copytree(simulated, tmp_path / "copy")
    (root / "embeddings/simulated.npz").write_bytes(b"no")
    report = check_report(root)
    assert report.errors == 1 and "n_mismatch" in str(report)


def test_report_on_nothing(tmp_path):
    report = check_report(tmp_path / "nowhere" / ("long" * 25))
    assert report.errors == 1 and max(map(len, report.lines)) < 80
    report = check_report(tmp_path)
    assert report.errors >= 1 and "DEAM_Annotations.zip" in str(report)


def test_report_with_a_per_rater_error(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "copy")
    path = root / (PER_RATER + FILES["1-2000"])
    path.write_text(path.read_text() + "r1, 2, 12, 5\n")
    report = check_report(root)
    assert report.errors == 1 and "valence is 12" in " ".join(str(report).split())


def test_the_table_of_evidence_fits(simulated, tmp_path):
    """With its longest lines: single raters, and controls."""
    root = shutil.copytree(simulated, tmp_path / "copy")
    (root / "simulated.json").unlink()
    lines = str(check_report(root, n_boot=99)).splitlines()
    assert max(map(len, lines)) < 80
    at = lines.index("  per-rater file, means recomputed: as distributed")
    assert lines[at + 1].split()[:4] == ["share", "equal,", "744", "songs"]
    assert "control" in lines[at + 2]
    assert any("4 support 'as distributed'" in line for line in lines)


def test_a_broken_file_over_time_is_counted_once(tmp_path):
    root = collections(tmp_path, "low")
    report = check_report(root, n_boot=9)
    assert report.errors == 0 and "9 support 'exchanged'" in " ".join(str(report).split())
    over_time(root, "arousal", [(1, 0.1, 3)])
    report = check_report(root, n_boot=9)
    assert report.errors == 1 and "arousal.csv, line 2: sample_15500ms is 3" in report.problems[0]
    (root / "metadata/metadata_2013.csv").write_text("who\n")
    again = check_report(root, n_boot=9)  # now the file is read alone
    assert [p for p in again.problems if "arousal.csv" in p] == list(report.problems)
    assert max(map(len, str(again).splitlines())) < 80
