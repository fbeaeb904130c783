"""The lines of evidence: exchanged or not, with data that are right and data that are not."""

import shutil

import numpy as np
import pandas as pd
import pytest
from deam_folder import collections
from planted import exchange_songs

from mer_utils.audit.evidence import NOT_AT_HAND, evidence_verdict, exchange_evidence
from mer_utils.data.deam import AVERAGED, FILES, load_deam
from mer_utils.data.sd_formula import compare_with_raters
from mer_utils.data.simulated_files import simulated_root


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return simulated_root(cache=tmp_path_factory.mktemp("cache"), n_features=64)


def test_real_evidence_supports_the_exchange(deam_root):
    """Trap 3, with the figures of the data notes."""
    data = load_deam(deam_root)
    table = exchange_evidence(deam_root, data, n_boot=199)
    at_hand = table[table["supports"] != "not at hand"]
    assert len(at_hand) >= 12 and (at_hand["supports"] == "exchanged").all()
    rows = table.set_index("evidence")
    emo = rows.loc["emoMusic song-level ratings"]
    assert emo["exchanged"] > 0.985 and emo["n"] == 744
    arousal = rows.loc["emoMusic continuous arousal, mean over time"]
    assert arousal["exchanged"] == pytest.approx(0.96, abs=0.006)
    assert arousal["as_distributed"] == pytest.approx(0.57, abs=0.006)
    flux = rows.loc["spectral flux, which follows arousal"]
    assert (round(flux["exchanged"], 2), round(flux["as_distributed"], 2)) == (0.60, 0.34)
    assert flux["control"] == pytest.approx(0.20, abs=0.01)
    for name, as_is, exchanged in (("arousal", 0.570, 0.956), ("valence", 0.575, 0.949)):
        slider = rows.loc[f"DEAM's continuous {name}, mean over time"]
        assert slider["as_distributed"] == pytest.approx(as_is, abs=6e-4)
        assert slider["exchanged"] == pytest.approx(exchanged, abs=6e-4)
        assert slider["n_2015"] == 58
    assert rows.loc["DEAM's continuous arousal, mean over time", "control"] == pytest.approx(
        0.942 - 0.591, abs=1e-3
    )
    third = table[table["n_2015"] > 0]
    assert len(third) == 6
    assert (np.sign(third["control_2015"]) == np.sign(third["control"])).all()
    wide = (third["control_2015_high"] - third["control_2015_low"]) / (
        third["control_high"] - third["control_low"]
    )
    assert (wide > 2).all(), "58 songs decide little"
    assert ((table["low"] <= table["difference"]) | table["low"].isna()).all()
    assert "support 'exchanged'" in evidence_verdict(table)
    again = exchange_evidence(deam_root, load_deam(deam_root, labels="corrected"), n_boot=199)
    pd.testing.assert_frame_equal(table, again)  # it judges the file, whichever labels are loaded


def test_simulated_data_are_not_exchanged(root):
    """A control for the audit itself: here the truth is known."""
    table = exchange_evidence(root, load_deam(root), n_boot=99)
    at_hand = table[table["supports"] != "not at hand"]
    assert len(at_hand) == 4 and (at_hand["supports"] == "as distributed").all()


def test_an_exchange_made_on_purpose_is_found(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / "simulated.json").unlink()
    path = copy / (AVERAGED + FILES["1-2000"])
    table = pd.read_csv(path, skipinitialspace=True)
    low = table["song_id"] <= 1000
    sides = [["valence_mean", "valence_std"], ["arousal_mean", "arousal_std"]]
    table.loc[low, sides[0] + sides[1]] = table.loc[low, sides[1] + sides[0]].to_numpy()
    table.to_csv(path, index=False)
    found = exchange_evidence(copy, load_deam(copy), n_boot=99)
    at_hand = found[found["supports"] != "not at hand"]
    assert len(at_hand) == 4 and (at_hand["supports"] == "exchanged").all()
    planted = exchange_songs(load_deam(root), load_deam(root).song_id <= 1000)
    pd.testing.assert_frame_equal(found, exchange_evidence(root, planted, n_boot=99))
    mended = load_deam(copy, labels="corrected")
    assert (compare_with_raters(mended)["n_mismatch"] == 0).all()


def test_half_an_exchange_leaves_the_raters_undecided(root):
    songs = load_deam(root)
    half = exchange_songs(songs, songs.song_id <= 500)
    line = exchange_evidence(root, half, n_boot=99).iloc[-1]
    assert line["evidence"].startswith("per-rater file") and line["supports"] == "undecided"
    assert 0.4 < line["as_distributed"] < 0.6 and 0.4 < line["exchanged"] < 0.6
    assert line["control_low"] > 0.9


def test_without_the_file_of_raters_its_line_is_not_at_hand(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    next(copy.glob("annotations/annotations per each rater/*/*.csv")).unlink()
    line = exchange_evidence(copy, load_deam(copy), n_boot=9).iloc[-1]
    assert line["evidence"].startswith("per-rater file") and line["supports"] == NOT_AT_HAND
    assert line["n"] == 0 and pd.isna(line["difference"])


def test_verdict_counts_what_is_at_hand():
    table = pd.DataFrame({"supports": ["exchanged", "undecided", "exchanged", NOT_AT_HAND]})
    said = evidence_verdict(table)
    assert said == "Of 3 lines of evidence at hand, 2 support 'exchanged', 1 undecided."
    assert evidence_verdict(table[3:]) == "No evidence on the exchange is at hand."


def test_acoustic_lines_cannot_tell_which_part_is_odd(root):
    """What the page says about an exchange above 1000."""
    songs = load_deam(root)
    above = exchange_songs(songs, songs.song_id > 1000)
    table = exchange_evidence(root, above, n_boot=99).set_index("evidence")
    models = table[table.index.str.startswith("model")]
    assert len(models) == 2 and (models["supports"] == "exchanged").all()
    raters = table.loc["per-rater file, means recomputed"]
    assert raters["difference"] > 0 > raters["control"]


LINES = ["DEAM's continuous arousal, mean over time", "DEAM's continuous valence, mean over time"]
LINES += ["arousal minus valence, spectral flux", "arousal minus valence, zero crossings"]
LINES += [
    "arousal minus valence, harmonics to noise",
    "arousal minus valence, loud and quiet genres",
]


@pytest.mark.parametrize(
    ("planted", "said"), [(None, "as distributed"), ("low", "exchanged"), ("high", "undecided")]
)
def test_each_line_inside_deam_finds_what_was_planted(tmp_path, planted, said):
    """With an exchange above 1000 the songs of 2015 contradict the control."""
    root = collections(tmp_path, planted)
    table = exchange_evidence(root, load_deam(root), n_boot=99).set_index("evidence").loc[LINES]
    assert (table["supports"] == said).all()
    assert (table["n"] == 60).all() and (table["n_2015"] == 60).all()
    below, above, third = (np.sign(table[c]) for c in ("difference", "control", "control_2015"))
    assert (below == (-third if planted == "low" else third)).all()
    assert (above == (-third if planted == "high" else third)).all()
    sliders = table.iloc[:2]
    right = sliders["exchanged" if planted == "low" else "as_distributed"]
    assert (right > 0.99).all()
    gap = table.iloc[2:]
    np.testing.assert_allclose(gap["as_distributed"], -gap["exchanged"])


@pytest.mark.parametrize("planted", [None, "low"])
def test_lines_inside_deam_need_no_third_collection(tmp_path, planted):
    root = collections(tmp_path, planted)
    (root / (AVERAGED + FILES["2001-2058"])).unlink()
    table = exchange_evidence(root, load_deam(root), n_boot=99).set_index("evidence").loc[LINES]
    assert (table["supports"] == ("exchanged" if planted else "as distributed")).all()
    assert (table["n_2015"] == 0).all() and table["control_2015"].isna().all()


def test_lines_inside_deam_are_not_at_hand_without_their_data(tmp_path):
    root = collections(tmp_path)
    for path in (*root.glob("annotations/*/dynamic*/*"), *root.glob("metadata/*")):
        path.unlink()
    table = exchange_evidence(root, load_deam(root), n_boot=9).set_index("evidence").loc[LINES]
    there = table["supports"] != NOT_AT_HAND
    assert there.tolist() == [False, False, True, True, True, False]


def test_too_few_songs_of_2015_say_nothing(tmp_path):
    root = collections(tmp_path, n=60)
    path = root / (AVERAGED + FILES["2001-2058"])
    path.write_text("\n".join(path.read_text().splitlines()[:20]) + "\n")  # 19 songs
    table = exchange_evidence(root, load_deam(root), n_boot=9).set_index("evidence").loc[LINES]
    assert (table["n_2015"] == 0).all() and (table["supports"] == "as distributed").all()
