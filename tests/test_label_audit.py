"""The label audit: finds a planted exchange, keeps quiet without one, and what it would settle."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mer_utils import label_audit
from mer_utils.claims import CLAIMS
from mer_utils.deam import AVERAGED, FILES, LABELS, PER_RATER, load_deam
from mer_utils.exchange import NOT_AT_HAND, evidence_verdict, exchange_evidence
from mer_utils.exchange_border import block_evidence, find_border, song_evidence
from mer_utils.exchange_effects import (
    exchange_songs,
    exchange_trial,
    expected_r2,
    mixed,
    paired_differences,
    ridge_predictions,
)
from mer_utils.label_audit import audit_trials, committed, plant, provenance
from mer_utils.label_pages import both_versions, claims_page, evidence_page, rows_page
from mer_utils.metrics import r2
from mer_utils.paths import repo_root
from mer_utils.results import read_results
from mer_utils.settle import settle
from mer_utils.simulate import simulated_root
from mer_utils.study import Predictions
from mer_utils.tables import DataError


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return simulated_root(cache=tmp_path_factory.mktemp("cache"), n_features=64)


@pytest.fixture(scope="module")
def songs(root):
    return load_deam(root)


# --- does it find what is there, and nothing else? -----------------------------------------


def test_trials_find_what_was_planted_and_nothing_else():
    table = audit_trials(range(4), n_boot=99).set_index("planted")
    assert len(table) == 12
    assert (table.loc[0, "exchanged"] == 0).all(), "a false alarm"
    assert (table.loc[0, "as distributed"] > 0).all()
    assert (table.loc[1000, "as distributed"] == 0).all(), "a miss"
    assert (table.loc[1000, "exchanged"] > 0).all()
    # lines about all ids up to 1000 must not be sure of an exchange of half of them
    assert (table.loc[500, "exchanged"] == 0).all()
    assert (table.loc[0, "low"] == 0).all(), "a border where there is none"
    assert table["holds"].sum() >= 10, "95% intervals that miss the border more often than rarely"


@pytest.mark.parametrize("border", [100, 500, 1000])
def test_the_planted_border_is_found(songs, border):
    planted = plant(songs, border)
    evidence = song_evidence(planted)
    found = find_border(songs.song_id, evidence)
    assert abs(found["border"] - border) <= 30 and found["gain"] > 20
    assert 0 < found["low"] <= found["border"] <= found["high"]
    blocks = block_evidence(songs.song_id, evidence, width=100, n_boot=99)
    assert blocks["n"].sum() == len(songs)
    assert (blocks.loc[blocks["last"] <= border, "value"] < 0).all()
    assert (blocks.loc[blocks["first"] > border, "value"] > 0).all()
    assert (blocks["low"] <= blocks["value"]).all() and (blocks["value"] <= blocks["high"]).all()


def test_border_by_hand():
    ids = np.array([3, 5, 8, 9])
    assert find_border(ids, np.array([-9.0, -9, 9, 9])) == pytest.approx(
        {"border": 5, "low": 5, "high": 5, "gain": 18}
    )
    assert find_border(ids, np.full(4, 9.0))["border"] == 0
    undecided = find_border(ids, np.array([-9.0, 0, 0, 9]))  # 3, 5 and 8 are equally likely
    assert (undecided["low"], undecided["high"]) == (3, 8)


def test_border_does_not_care_which_labels_are_loaded(songs):
    file_was_wrong = plant(songs)
    corrected = replace(songs, labels="corrected")  # what the loader makes of that file
    np.testing.assert_allclose(song_evidence(corrected), song_evidence(file_was_wrong))


def test_border_needs_features(songs):
    bare = replace(songs, features=np.zeros((len(songs), 0)))
    with pytest.raises(ValueError, match="0 features"):
        song_evidence(bare)


def test_plant_twice_is_nothing(songs):
    again = plant(plant(songs, 500), 500)
    np.testing.assert_array_equal(again.rating_mean, songs.rating_mean)
    np.testing.assert_array_equal(again.rating_sd, songs.rating_sd)
    moved = (plant(songs, 500).rating_mean != songs.rating_mean).any(1)
    assert moved.any() and songs.song_id[moved].max() <= 500


def test_acoustic_lines_cannot_tell_which_part_is_odd(songs, root):
    """What the page says about an exchange above 1000."""
    above = exchange_songs(songs, songs.song_id > 1000)
    table = exchange_evidence(root, above, n_boot=99).set_index("evidence")
    models = table[table.index.str.startswith("model")]
    assert len(models) == 2 and (models["supports"] == "exchanged").all()
    raters = table.loc["per-rater file, means recomputed"]
    assert raters["difference"] > 0 > raters["control"]


# --- what would settle it ------------------------------------------------------------------


def test_settle_without_an_exchange(root):
    said = []
    table = settle(root, say=said.append)
    assert list(table["verdict"]) == ["as distributed", "as distributed"]
    assert (
        list(table["songs"]) == [744, 1000] and not table[["exchanged", "neither"]].to_numpy().any()
    )
    assert said[0] == "Ids up to 1000: as distributed"
    assert said[1].startswith("  722 of 744 songs") and said[2].startswith("  0 exchanged, 22")


def test_settle_finds_an_exchange_in_the_file(root, songs, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    path = copy / (AVERAGED + FILES["1-2000"])
    table = pd.read_csv(path, skipinitialspace=True)
    low = table["song_id"] <= 1000
    sides = [["valence_mean", "valence_std"], ["arousal_mean", "arousal_std"]]
    table.loc[low, sides[0] + sides[1]] = table.loc[low, sides[1] + sides[0]].to_numpy()
    table.to_csv(path, index=False)
    from_file = settle(copy, say=lambda line: None)
    assert list(from_file["verdict"]) == ["exchanged", "as distributed"]
    assert from_file["as distributed"].iloc[0] == 0
    pd.testing.assert_frame_equal(from_file, settle(root, plant(songs), say=lambda line: None))
    half = settle(root, plant(songs, 500), say=lambda line: None)
    assert half["verdict"].iloc[0] == "mixed"
    assert (half[["as distributed", "exchanged"]].iloc[0] > 300).all()


def test_settle_sees_other_ratings(root, songs):
    other = replace(songs, rating_mean=songs.rating_mean[::-1].copy())
    table = settle(root, other, say=lambda line: None)
    assert (table["verdict"] == "mixed").all() and table["neither"].iloc[0] > 700


def test_settle_with_equal_columns_decides_nothing(root, songs, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    path = copy / (PER_RATER + FILES["1-2000"])
    few = [f"r1, {song}, 4, 4" for song in songs.song_id[:5]]
    path.write_text("\n".join(["workerID, SongId, Valence, Arousal", *few]) + "\n")
    same = replace(songs, rating_mean=np.full((len(songs), 2), 4.0))
    table = settle(copy, same, say=lambda line: None)
    assert list(table["verdict"]) == ["no telling song"] * 2 and list(table["songs"]) == [5, 0]
    assert table["either"].iloc[0] == 5


def test_settle_without_the_file(root, tmp_path):
    copy = shutil.copytree(root, tmp_path / "copy")
    (copy / (PER_RATER + FILES["1-2000"])).unlink()
    said = []
    assert settle(copy, say=said.append).empty
    assert "not at hand" in said[0] and PER_RATER in said[1]
    bare = shutil.copytree(root, tmp_path / "bare")
    (bare / (AVERAGED + FILES["1-2000"])).unlink()
    with pytest.raises(DataError, match="not found"):
        settle(bare)


# --- what an exchange does to scores -------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.integers(0, 100))
def test_expected_r2_is_the_average_over_exchanges(share, seed):
    """The formula against labels that were really exchanged, very many of them."""
    rng = np.random.default_rng(seed)
    truth = rng.normal([0.3, -0.2], [1, 0.5], (200, 2))
    predicted = truth + rng.normal(0, 0.4, truth.shape)
    many, given_ = np.tile(truth, (200, 1)), np.tile(predicted, (200, 1))
    chosen = rng.random(len(many)) < share
    labels = np.where(chosen[:, None], many[:, ::-1], many)
    expected = expected_r2(truth, predicted, share)
    np.testing.assert_allclose(expected, r2(labels, mixed(given_, share)), atol=0.02)


def test_expected_r2_at_the_ends():
    rng = np.random.default_rng(0)
    truth = rng.normal([0, 1], [1, 2], (500, 2))
    predicted = truth + rng.normal(0, [0.5, 1.8], truth.shape)
    own = r2(truth, predicted)
    np.testing.assert_allclose(expected_r2(truth, predicted, 0), own)
    np.testing.assert_allclose(expected_r2(truth, predicted, 1), own[::-1])
    half = expected_r2(truth, predicted, 0.5)
    assert half[0] == pytest.approx(half[1])


def test_an_exchange_can_raise_r2():
    """Arousal easy, valence hard: the mixed column "valence" scores higher than valence."""
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, (2000, 2))
    predicted = truth * [0.1, 0.9]
    assert expected_r2(truth, predicted, 0.4)[0] < 0.5
    predicted = truth * [0.0, 0.95]
    assert expected_r2(truth, predicted, 0.4)[0] > r2(truth, predicted)[0]


def test_trial_agrees_with_the_formula(songs):
    table = exchange_trial(songs, (0.0, 0.5), n_resamples=50)
    means = table[table["target"].eq("mean")]
    assert np.abs(means["value"] - means["expected"]).max() < 0.06
    r2_of = table[table["score"].eq("r2") & table["target"].eq("mean")].pivot(
        index="share", columns="dimension", values="value"
    )
    assert (r2_of.loc[0.5] < r2_of.loc[0.0] - 0.02).all()  # both are equally easy here
    assert table.loc[table["score"].eq("spearman"), "expected"].isna().all()
    pd.testing.assert_frame_equal(table, exchange_trial(songs, (0.0, 0.5), n_resamples=50))


def as_losses(predicted):
    """The predictions of one model under every name that a claim asks for."""
    mu, sigma = predicted.methods["ridge"]
    methods = dict.fromkeys(("single", "seed_ensemble", "mc_dropout"), (mu, np.abs(sigma)))
    both = Predictions(predicted.mean, predicted.sd, predicted.song, predicted.fold, methods)
    return {loss: both for loss in ("mse", "kld", "nll")}


def test_paired_differences(songs):
    right = as_losses(ridge_predictions(songs))
    same = paired_differences(right, right, n_resamples=20)
    assert len(same) == 2 * sum(len(claim.cells) for claim in CLAIMS)
    np.testing.assert_allclose(same[["difference", "low", "high"]], 0, atol=1e-12)
    wrong = as_losses(ridge_predictions(plant(songs)))
    table = paired_differences(wrong, right, n_resamples=200)
    np.testing.assert_allclose(table["after"] - table["before"], table["difference"], atol=1e-12)
    rises = table[table["claim"].eq("mean_r2")]
    assert (rises["low"] > 0).all(), "right labels are easier to predict here"
    swapped = paired_differences(right, wrong, n_resamples=200)
    np.testing.assert_allclose(swapped["difference"], -table["difference"], atol=1e-12)
    shuffled = as_losses(ridge_predictions(songs, seed=1))
    with pytest.raises(ValueError, match="same songs in the same folds"):
        paired_differences(right, shuffled)


# --- the committed tables ------------------------------------------------------------------


def test_committed_tables_are_consistent():
    made, evidence = provenance(), committed("evidence")
    at_hand = evidence[evidence["supports"].ne(NOT_AT_HAND)]
    missing = evidence.loc[evidence["supports"].eq(NOT_AT_HAND), "evidence"]
    assert made["not_at_hand"] == missing.tolist()
    difference = at_hand["as_distributed"] - at_hand["exchanged"]
    np.testing.assert_allclose(difference, at_hand["difference"], atol=2e-4)
    assert (at_hand["low"] <= at_hand["difference"]).all()
    assert (at_hand["difference"] <= at_hand["high"]).all()
    share = at_hand["n"].max() / made["n_songs"]
    assert made["share_up_to_1000"] == pytest.approx(share, abs=1e-4)
    for row in at_hand.itertuples():
        sign = np.sign(row.low) if row.low * row.high > 0 else 0
        if np.isfinite(row.control):
            sign *= np.sign(row.control_low) if row.control_low * row.control_high > 0 else 0
        assert row.supports == {-1: "exchanged", 0: "undecided", 1: "as distributed"}[sign]
    blocks = committed("blocks")
    assert blocks["n"].sum() == made["n_songs"]
    assert blocks["n"].min() == made["smallest_block"] >= 50, "no block may point to a song"
    assert len(committed("border")) == 1
    text = json.dumps(made)
    assert "$DEAM_ROOT" in made["command"] and str(repo_root()) not in text


def test_committed_differences_fit_the_committed_scores():
    """The same data and the same models as the study whose scores are shown elsewhere."""
    stored = read_results(repo_root() / "results" / "deam_opensmile")
    shared = {k: v for k, v in provenance()["checksums"].items() if not k.startswith("cross")}
    assert shared == stored.provenance["checksums"]
    assert provenance()["seeds"] == stored.provenance["seeds"]
    table = committed("differences")
    both = both_versions(stored.claims, table)
    assert len(both) == len(table) == len(stored.claims) / 2
    merged = both.merge(table, on=["claim", "loss", "method", "dimension", "score"])
    for name in LABELS:
        np.testing.assert_allclose(merged[f"value_{name}"], merged[name], atol=1.01e-4)
    counted = claims_page(stored.claims, both)["verdicts that changed"].str.split().str[0]
    assert counted.astype(int).sum() == both["changed"].sum()
    assert len(rows_page(both)) == len(both)
    with pytest.raises(ValueError, match="different rows"):
        both_versions(stored.claims, table.iloc[1:])


def test_committed_tables_hold_no_song():
    for path in (repo_root() / "results" / "label_audit").glob("*.csv"):
        assert len(pd.read_csv(path)) <= 90, path.name
        assert "song_id" not in path.read_text()


def test_a_missing_table_tells_the_mend(tmp_path):
    with pytest.raises(ValueError, match="python -m mer_utils.label_audit"):
        committed("evidence", tmp_path)
    with pytest.raises(ValueError, match="provenance.json is missing"):
        provenance(tmp_path)


def test_evidence_page_names_what_is_at_hand():
    page = evidence_page(committed("evidence"))
    assert NOT_AT_HAND not in set(page["supports"]) and "none" in set(page["control"])
    assert len(evidence_page(committed("evidence"), "flux")) == 1


def test_real_deam_gives_the_committed_evidence(deam_root):
    songs = load_deam(deam_root)
    made = provenance()
    assert songs.checksums == {k: made["checksums"][k] for k in songs.checksums}
    table = exchange_evidence(deam_root, songs, n_boot=label_audit.N_BOOT)
    numbers = table.select_dtypes("number").columns
    stored = committed("evidence")
    np.testing.assert_allclose(table[numbers], stored[numbers], atol=1e-3)
    assert list(table["supports"]) == list(stored["supports"])
    assert "support 'exchanged'" in evidence_verdict(table)
    evidence = song_evidence(songs)
    found = find_border(songs.song_id, evidence)
    assert found == pytest.approx(committed("border").iloc[0].to_dict(), abs=1e-2)
    blocks = label_audit.block_table(deam_root, songs, evidence)
    pd.testing.assert_frame_equal(blocks, committed("blocks"), atol=1e-3, check_dtype=False)
