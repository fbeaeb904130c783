"""What the labels are held against: files that are there, broken or missing, and models."""

import shutil

import numpy as np
import pytest

from mer_utils.audit.evidence import exchange_evidence
from mer_utils.audit.trusted import (
    emomusic_continuous,
    emomusic_ratings,
    spectral_flux,
    transfer,
)
from mer_utils.data.csv_tables import DataError
from mer_utils.data.deam import load_deam
from mer_utils.data.simulated_files import simulated_root


def test_broken_cross_check_file(tmp_path):
    simulated = simulated_root(cache=tmp_path / "cache", n_features=64)
    root = shutil.copytree(simulated, tmp_path / "copy")
    (root / "cross_check").mkdir()
    (root / "cross_check/emomusic_static_annotations.csv").write_text(
        "song_id,mean_arousal,std_arousal,mean_valence,std_valence\n2,loud,1,3,1\n"
    )
    with pytest.raises(DataError, match="line 2: mean_arousal is 'loud'"):
        exchange_evidence(root, load_deam(root), n_boot=9)


def test_what_is_not_there_is_none(tmp_path):
    ids = np.array([2, 3])
    assert emomusic_ratings(tmp_path, ids) is None
    assert emomusic_continuous(tmp_path, "arousal", ids) is None
    assert spectral_flux(tmp_path, ids) is None


def test_real_values_lie_on_their_scales(deam_root):
    ids = np.array([2, 3, 2000])  # emoMusic ends at 1000
    ratings = emomusic_ratings(deam_root, ids)
    assert ratings.shape == (3, 2) and np.isnan(ratings[2]).all()
    assert ((ratings[:2] >= 1) & (ratings[:2] <= 9)).all()
    slider = emomusic_continuous(deam_root, "arousal", ids)
    assert np.abs(slider[:2]).max() <= 1 and np.isnan(slider[2])
    assert (spectral_flux(deam_root, ids) > 0).all()


def test_flux_from_features_over_time(tmp_path):
    (tmp_path / "features").mkdir()
    text = "frameTime;pcm_fftMag_spectralFlux_sma_amean\n0.5;1.0\n1.0;2.0\n"
    (tmp_path / "features" / "7.csv").write_text(text)
    flux = spectral_flux(tmp_path, np.array([7, 8]))
    assert flux[0] == pytest.approx(1.5) and np.isnan(flux[1])


def test_transfer_never_sees_the_song_it_predicts():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(90, 3))
    label, low = features @ rng.normal(size=(3, 2)), np.arange(90) < 30
    predicted = transfer(features, label, low)
    assert predicted.shape == (90, 2)
    assert np.corrcoef(predicted[:, 0], label[:, 0])[0, 1] > 0.9
    other = label.copy()
    other[low] = 9  # songs in doubt train nothing
    np.testing.assert_array_equal(transfer(features, other, low), predicted)
    other = label.copy()
    other[40] = 9  # a trusted song trains the models of others only
    again = transfer(features, other, low)
    np.testing.assert_array_equal(again[40], predicted[40])
    assert (again[:30] != predicted[:30]).all()


def test_transfer_needs_features_and_songs():
    low = np.arange(90) < 30
    assert transfer(np.zeros((90, 0)), np.zeros(90), low) is None
    assert transfer(np.zeros((90, 2)), np.zeros(90), np.arange(90) < 19) is None
    assert transfer(np.zeros((90, 2)), np.zeros(90), np.arange(90) < 41) is None
