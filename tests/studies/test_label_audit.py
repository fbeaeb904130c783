"""The study of the exchanged labels: formula, paired differences, and the kept tables."""

import json
import shutil

import label_audit
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from label_audit import CELL, expected_r2, paired_differences
from planted import exchange_songs
from sklearn.linear_model import Ridge

from mer_utils.audit.border import find_border, song_evidence
from mer_utils.audit.evidence import NOT_AT_HAND, evidence_verdict, exchange_evidence
from mer_utils.data.deam import LABELS, load_deam
from mer_utils.data.simulated_files import simulated_root
from mer_utils.results import kept, provenance, read_results
from mer_utils.scoring.claims import CLAIMS
from mer_utils.scoring.metrics import r2
from mer_utils.scoring.score_table import Predictions


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return load_deam(simulated_root(cache=tmp_path_factory.mktemp("cache"), n_features=64))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 32), st.integers(0, 100))
def test_expected_r2_is_that_of_labels_of_which_this_share_is_exchanged(n_exchanged, seed):
    """Exact: of 32 copies of every song, this many carry exchanged labels."""
    rng, share = np.random.default_rng(seed), n_exchanged / 32
    truth = rng.normal([0.3, -0.2], [1, 0.5], (200, 2))
    predicted = truth + rng.normal(0, 0.4, truth.shape)
    mixed = (1 - share) * predicted + share * predicted[:, ::-1]
    labels = np.concatenate([truth[:, ::-1]] * n_exchanged + [truth] * (32 - n_exchanged))
    expected = expected_r2(truth, predicted, share)
    np.testing.assert_allclose(expected, r2(labels, np.tile(mixed, (32, 1))), rtol=1e-10)


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


def ridge(songs, seed=0):
    """Out-of-fold ridge predictions of means and SDs, as one member of a method "ridge"."""
    fold = np.random.default_rng(seed).permutation(len(songs)) % 5
    target = np.concatenate([songs.mean, songs.sd], axis=1)
    out = np.empty_like(target)
    for k in range(5):
        model = Ridge(alpha=songs.features.shape[1])
        model.fit(songs.features[fold != k], target[fold != k])
        out[fold == k] = model.predict(songs.features[fold == k])
    methods = {"ridge": (out[None, :, :2], out[None, :, 2:])}
    return Predictions(songs.mean, songs.sd, songs.song_id, fold, methods)


def as_losses(predicted):
    """The predictions of one model under every name that a claim asks for."""
    mu, sigma = predicted.methods["ridge"]
    methods = dict.fromkeys(("single", "seed_ensemble", "mc_dropout"), (mu, np.abs(sigma)))
    both = Predictions(predicted.mean, predicted.sd, predicted.song, predicted.fold, methods)
    return {loss: both for loss in ("mse", "kld", "nll")}


def test_paired_differences(songs):
    right = as_losses(ridge(songs))
    same = paired_differences(right, right, n_resamples=20)
    assert len(same) == 2 * sum(len(claim.cells) for claim in CLAIMS)
    np.testing.assert_allclose(same[["difference", "low", "high"]], 0, atol=1e-12)
    wrong = as_losses(ridge(exchange_songs(songs, songs.song_id <= 1000)))
    table = paired_differences(wrong, right, n_resamples=200)
    np.testing.assert_allclose(table["after"] - table["before"], table["difference"], atol=1e-12)
    rises = table[table["claim"].eq("mean_r2")]
    assert (rises["low"] > 0).all(), "right labels are easier to predict here"
    swapped = paired_differences(right, wrong, n_resamples=200)
    np.testing.assert_allclose(swapped["difference"], -table["difference"], atol=1e-12)
    shuffled = as_losses(ridge(songs, seed=1))
    with pytest.raises(ValueError, match="same songs in the same folds"):
        paired_differences(right, shuffled)


def test_committed_tables_are_consistent():
    made, evidence = provenance("label_audit"), kept("label_audit", "evidence")
    at_hand = evidence[evidence["supports"].ne(NOT_AT_HAND)]
    missing = evidence.loc[evidence["supports"].eq(NOT_AT_HAND), "evidence"]
    assert made["not_at_hand"] == missing.tolist()
    difference = at_hand["as_distributed"] - at_hand["exchanged"]
    np.testing.assert_allclose(difference, at_hand["difference"], atol=2e-4)
    assert (at_hand["low"] <= at_hand["difference"]).all()
    assert (at_hand["difference"] <= at_hand["high"]).all()
    names = ("/dynamic", "2000_2058")
    assert sum(any(name in key for name in names) for key in made["checksums"]) == 3
    share = at_hand["n"].max() / made["n_songs"]
    assert made["share_up_to_1000"] == pytest.approx(share, abs=1e-4)
    for row in at_hand.itertuples():
        sign = np.sign(row.low) if row.low * row.high > 0 else 0
        if np.isfinite(row.control):
            sign *= np.sign(row.control_low) if row.control_low * row.control_high > 0 else 0
        if sign and row.n_2015 and np.isfinite(row.control):
            third = (
                np.sign(row.control_2015) if row.control_2015_low * row.control_2015_high > 0 else 0
            )
            sign *= third != -np.sign(row.control)
        assert row.supports == {-1: "exchanged", 0: "undecided", 1: "as distributed"}[sign]
    blocks = kept("label_audit", "blocks")
    assert blocks["n"].sum() == made["n_songs"]
    assert blocks["n"].min() == made["smallest_block"] >= 50, "no block may point to a song"
    assert len(kept("label_audit", "border")) == 1
    text = json.dumps(made)
    assert "$DEAM_ROOT" in made["command"] and str(ROOT) not in text


def test_committed_differences_fit_the_committed_scores():
    """The same data and the same models as the study whose scores are shown elsewhere."""
    stored, made = read_results("deam_opensmile"), provenance("label_audit")
    assert stored.provenance["checksums"].items() <= made["checksums"].items()
    assert made["seeds"] == stored.provenance["seeds"]
    table = kept("label_audit", "differences").set_index(CELL)
    claims = stored.claims[stored.claims["claim"].isin(table.index.unique("claim"))]
    assert len(table) == len(claims) / 2
    for name in LABELS:
        scores = claims[claims["labels"].eq(name)].set_index(CELL)["value"]
        assert scores.index.equals(table.index)
        np.testing.assert_allclose(scores, table[name], atol=1.01e-4)


def test_committed_tables_hold_no_song():
    for path in (ROOT / "results" / "label_audit").glob("*.csv"):
        assert len(pd.read_csv(path)) <= 90, path.name
        assert "song_id" not in path.read_text()


def test_real_deam_gives_the_committed_evidence(deam_root):
    songs = load_deam(deam_root)
    made = provenance("label_audit")
    assert songs.checksums == {k: made["checksums"][k] for k in songs.checksums}
    table = exchange_evidence(deam_root, songs, n_boot=label_audit.N_BOOT)
    numbers = table.select_dtypes("number").columns
    stored = kept("label_audit", "evidence")
    np.testing.assert_allclose(table[numbers], stored[numbers], atol=1e-3)
    assert list(table["supports"]) == list(stored["supports"])
    assert "support 'exchanged'" in evidence_verdict(table)
    evidence = song_evidence(songs)
    found = find_border(songs.song_id, evidence)
    assert found == pytest.approx(kept("label_audit", "border").iloc[0].to_dict(), abs=1e-2)
    blocks = label_audit.block_table(deam_root, songs, evidence)
    pd.testing.assert_frame_equal(
        blocks, kept("label_audit", "blocks"), atol=1e-3, check_dtype=False
    )


def test_the_audit_alone_leaves_the_tables_of_models(deam_root, tmp_path):
    out = shutil.copytree(ROOT / "results" / "label_audit", tmp_path / "out")
    (out / "evidence.csv").unlink()
    command = ["--data", str(deam_root), "--out", str(out), "--audit-only"]
    label_audit.main(command)
    for path in out.glob("*.csv"):
        assert path.read_text() == (ROOT / "results/label_audit" / path.name).read_text()
    made = json.loads((out / "provenance.json").read_text())
    stored = provenance("label_audit")
    assert made | {"audit_date": 0} == stored | {"audit_date": 0}
    averaged = next(key for key in made["checksums"] if key.endswith("songs_1_2000.csv"))
    made["checksums"][averaged] = "another file"
    (out / "provenance.json").write_text(json.dumps(made))
    with pytest.raises(SystemExit):
        label_audit.main(command)
