"""The audits: which SD, exchanged or not, raters against averages, and the report."""

import shutil

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.audit import check_report, compare_with_raters, exchange_evidence, infer_ddof
from mer_utils.dataset import Dataset
from mer_utils.deam import AVERAGED, FILES, PER_RATER, load_deam
from mer_utils.deam_files import read_averaged
from mer_utils.exchange import evidence_verdict
from mer_utils.recompute import possible_sds
from mer_utils.simulate import simulated_root
from mer_utils.tables import DataError, numbers, read_table

# --- which SD ------------------------------------------------------------------------------


def drawn(n_songs=300, n=10, ddof=0, seed=0):
    ratings = np.random.default_rng(seed).integers(1, 10, size=(n_songs, n))
    return ratings.mean(1).round(2), ratings.std(1, ddof=ddof).round(2)


@pytest.mark.parametrize("ddof", [0, 1])
def test_ddof_is_found_in_drawn_ratings(ddof):
    found = infer_ddof(*drawn(ddof=ddof))
    assert found.ddof == ddof and f"ddof={ddof}" in str(found)
    assert (found.share_ddof0, found.share_ddof1)[ddof] == 1


def test_ddof_with_raters_per_song():
    parts = [drawn(100, n, seed=n) for n in (10, 11, 12)]
    mean, sd = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    assert infer_ddof(mean, sd, np.repeat([10, 11, 12], 100)).share_ddof0 == 1
    assert infer_ddof(mean, sd, 10).share_ddof0 < 0.9


def test_ddof_undecided():
    rng = np.random.default_rng(0)
    assert infer_ddof(rng.uniform(2, 8, 200).round(2), rng.uniform(1, 2, 200).round(2)).ddof is None
    many = infer_ddof(*drawn(n=100), n=100)
    assert many.ddof is None and many.n_pairs == 0 and "30" in str(many)


def test_ddof_bad_input():
    for arguments in (([5.0], [1.0, 1.0]), ([], []), ([5.0], [1.0], 1), ([5.0], [1.0], [10, 10])):
        with pytest.raises(ValueError):
            infer_ddof(*arguments)


def test_possible_sds_closed_form():
    np.testing.assert_allclose(possible_sds(2, 0)[10], [0, 1, 2, 3, 4])  # 5+5, 4+6, .. 1+9
    np.testing.assert_allclose(possible_sds(2, 1)[10], np.sqrt(2) * np.arange(5))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=14))
def test_every_real_sd_is_possible(ratings):
    for ddof in (0, 1):
        sds = possible_sds(len(ratings), ddof)[sum(ratings)]
        assert np.abs(sds - np.std(ratings, ddof=ddof)).min() < 1e-9


def test_real_deam_is_ddof_0_and_emomusic_ddof_1(deam_root):
    _, mean, sd = read_averaged(deam_root / (AVERAGED + FILES["1-2000"]))
    deam = infer_ddof(mean, sd)
    assert deam.ddof == 0 and deam.share_ddof0 > 0.985 and deam.share_ddof1 < 0.2
    path = deam_root / "cross_check/emomusic_static_annotations.csv"
    table, problems = read_table(path), []
    columns = [[numbers(table, f"{what}_{name}", path, problems) for name in ("valence", "arousal")]
               for what in ("mean", "std")]  # fmt: skip
    assert not problems
    assert infer_ddof(*columns, decimals=4).ddof == 1


# --- raters against averages ---------------------------------------------------------------


def with_raters(mean, sd, ddof=0):
    ratings = pd.DataFrame({"song_id": [1, 1, 2, 2, 3], "rater": list("ababa"),
                            "valence": [3, 5, 6, 6, 1], "arousal": [1, 2, 9, 1, 1]})  # fmt: skip
    return Dataset("three songs", np.array([1, 2, 3]), np.array(mean, float), np.array(sd, float),
                   np.zeros((3, 0)), "none", ratings=ratings, ddof=ddof)  # fmt: skip


def test_compare_with_raters():
    mean, sd = [[4, 1.5], [6, 5], [1, 1]], [[1, 0.5], [0, 4], [0, 0]]
    table = compare_with_raters(with_raters(mean, sd)).set_index("statistic")
    assert (table["n_songs"] == 2).all() and (table["n_mismatch"] == 0).all()
    sample = compare_with_raters(with_raters(mean, sd, ddof=1)).set_index("statistic")
    assert sample.loc["arousal SD", "n_mismatch"] == 2
    mean[0][0] = 4.2
    table = compare_with_raters(with_raters(mean, sd)).set_index("statistic")
    assert table.loc["valence mean", "n_mismatch"] == 1
    assert table.loc["valence mean", "max_abs_diff"] == pytest.approx(0.2)


def test_compare_needs_raters(deam_root):
    with pytest.raises(ValueError, match="per each rater"):
        compare_with_raters(load_deam(deam_root, features=None))


# --- the exchange --------------------------------------------------------------------------


def test_real_evidence_supports_the_exchange(deam_root):
    """Trap 3, with the figures of the data notes."""
    data = load_deam(deam_root)
    table = exchange_evidence(deam_root, data, n_boot=199)
    at_hand = table[table["supports"] != "not at hand"]
    assert len(at_hand) >= 6 and (at_hand["supports"] == "exchanged").all()
    rows = table.set_index("evidence")
    emo = rows.loc["emoMusic song-level ratings"]
    assert emo["exchanged"] > 0.985 and emo["n"] == 744
    arousal = rows.loc["emoMusic continuous arousal, mean over time"]
    assert arousal["exchanged"] == pytest.approx(0.96, abs=0.006)
    assert arousal["as_distributed"] == pytest.approx(0.57, abs=0.006)
    flux = rows.loc["spectral flux, which follows arousal"]
    assert (round(flux["exchanged"], 2), round(flux["as_distributed"], 2)) == (0.60, 0.34)
    assert flux["control"] == pytest.approx(0.20, abs=0.01)
    assert ((table["low"] <= table["difference"]) | table["low"].isna()).all()
    assert "support 'exchanged'" in evidence_verdict(table)
    again = exchange_evidence(deam_root, load_deam(deam_root, labels="corrected"), n_boot=199)
    pd.testing.assert_frame_equal(table, again)  # it judges the file, whichever labels are loaded


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    return simulated_root(cache=tmp_path_factory.mktemp("cache"), n_features=64)


def test_simulated_data_are_not_exchanged(simulated):
    """A control for the audit itself: here the truth is known."""
    table = exchange_evidence(simulated, load_deam(simulated), n_boot=99)
    at_hand = table[table["supports"] != "not at hand"]
    assert len(at_hand) == 3 and (at_hand["supports"] == "as distributed").all()


def test_an_exchange_made_on_purpose_is_found(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "copy")
    (root / "simulated.json").unlink()
    path = root / (AVERAGED + FILES["1-2000"])
    table = pd.read_csv(path, skipinitialspace=True)
    low = table["song_id"] <= 1000
    sides = [["valence_mean", "valence_std"], ["arousal_mean", "arousal_std"]]
    table.loc[low, sides[0] + sides[1]] = table.loc[low, sides[1] + sides[0]].to_numpy()
    table.to_csv(path, index=False)
    found = exchange_evidence(root, load_deam(root), n_boot=99)
    at_hand = found[found["supports"] != "not at hand"]
    assert len(at_hand) == 3 and (at_hand["supports"] == "exchanged").all()
    mended = load_deam(root, labels="corrected")
    assert (compare_with_raters(mended)["n_mismatch"] == 0).all()


def test_broken_cross_check_file(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "copy")
    (root / "cross_check").mkdir()
    (root / "cross_check/emomusic_static_annotations.csv").write_text(
        "song_id,mean_arousal,std_arousal,mean_valence,std_valence\n2,loud,1,3,1\n"
    )
    with pytest.raises(DataError, match="line 2: mean_arousal is 'loud'"):
        exchange_evidence(root, load_deam(root), n_boot=9)


# --- the report ----------------------------------------------------------------------------


def test_report_on_the_real_folder(deam_root):
    report = check_report(deam_root, n_boot=99)
    text = str(report)
    assert report.errors == 0 and "No errors" in text
    for expected in ("1744 songs", "58 songs", "ddof=0", "spectral flux", "not at hand",
                     "openSMILE song means", "Hip-Hop 100", "shifted columns"):  # fmt: skip
        assert expected in text
    assert max(map(len, text.splitlines())) <= 105


def test_report_on_simulated_data(simulated):
    report = check_report(simulated)
    assert report.errors == 0
    assert "disagreement deam_like" in str(report) and "nothing to exchange" in str(report)
    assert "n_mismatch" in str(report)


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


def test_report_without_usable_features(simulated, tmp_path):
    """Ratings are still checked when the features are bad."""
    root = shutil.copytree(simulated, tmp_path / "copy")
    (root / "embeddings/simulated.npz").write_bytes(b"no")
    report = check_report(root)
    assert report.errors == 1 and "n_mismatch" in str(report)


def test_report_on_nothing(tmp_path):
    assert check_report(tmp_path / "nowhere").errors == 1
    report = check_report(tmp_path)
    assert report.errors >= 1 and "DEAM_Annotations.zip" in str(report)


def test_report_with_a_per_rater_error(simulated, tmp_path):
    root = shutil.copytree(simulated, tmp_path / "copy")
    path = root / (PER_RATER + FILES["1-2000"])
    path.write_text(path.read_text() + "r1, 2, 12, 5\n")
    report = check_report(root)
    assert report.errors == 1 and "valence is 12" in " ".join(str(report).split())
