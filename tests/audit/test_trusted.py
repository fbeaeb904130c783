"""What the labels are held against: files that are there, broken or missing, and models."""

import shutil

import numpy as np
import pytest
from deam_folder import over_time

from mer_utils.audit.evidence import exchange_evidence
from mer_utils.audit.trusted import (
    SOUND,
    continuous_mean,
    emomusic_ratings,
    loud_genre,
    sound,
    transfer,
)
from mer_utils.data.csv_tables import DataError
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.deam import DYNAMIC, load_deam
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
    assert continuous_mean(tmp_path / "arousal.csv", ids) is None
    assert continuous_mean(None, ids) is None
    assert sound(tmp_path, ids) is None
    assert loud_genre(np.array(["", "Jazz"])) is None


def test_real_values_lie_on_their_scales(deam_root):
    ids = np.array([2, 3, 2000])  # emoMusic ends at 1000
    ratings = emomusic_ratings(deam_root, ids)
    assert ratings.shape == (3, 2) and np.isnan(ratings[2]).all()
    assert ((ratings[:2] >= 1) & (ratings[:2] <= 9)).all()
    emomusic = deam_root / "cross_check/emomusic_arousal_cont_average.csv"
    slider = continuous_mean(emomusic, ids)
    assert np.abs(slider[:2]).max() <= 1 and np.isnan(slider[2])
    own = continuous_mean(deam_root / DYNAMIC.format("arousal"), ids)
    assert np.abs(own).max() <= 1
    heard = sound(deam_root, np.array([2, 3, 2000, 2058]))
    assert list(heard) == list(SOUND)
    assert (heard["spectral flux"] > 0).all() and np.isfinite(np.stack(list(heard.values()))).all()


def test_up_to_1000_the_sliders_of_both_data_sets_are_the_same(deam_root):
    """What page 10 says: no second witness of what people did."""
    ids = load_deam(deam_root).song_id
    for name in DIMENSIONS:
        own = continuous_mean(deam_root / DYNAMIC.format(name), ids)
        theirs = continuous_mean(deam_root / f"cross_check/emomusic_{name}_cont_average.csv", ids)
        known = np.isfinite(theirs)
        assert np.array_equal(known, ids <= 1000) and np.isfinite(own).all()
        assert np.abs(own - theirs)[known].max() < 0.005


def test_sounds_from_features_over_time(tmp_path):
    (tmp_path / "features").mkdir()
    text = "frameTime;pcm_fftMag_spectralFlux_sma_amean; pcm_zcr_sma_amean\n0.5;1.0;3\n1.0;2.0;3\n"
    (tmp_path / "features" / "7.csv").write_text(text)
    heard = sound(tmp_path, np.array([7, 8]))
    assert list(heard) == ["spectral flux", "zero crossings"]
    assert heard["spectral flux"][0] == pytest.approx(1.5) and np.isnan(heard["spectral flux"][1])
    assert heard["zero crossings"][0] == 3


def test_rows_over_time_have_different_lengths(tmp_path):
    path = over_time(tmp_path, "arousal", [(7, 0.1, 0.3), (2, -0.5, 0.5, 0.5, 0.5), (9, -1)])
    found = continuous_mean(path, np.array([2, 7, 8, 9]))
    np.testing.assert_allclose(found, [0.25, 0.2, np.nan, -1])


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([(7, 0.1, 0.3), (2, 1.5)], "line 3: sample_15000ms is 1.5, outside -1 to 1"),
        ([(7, 0.1, 0.3), (2, "x")], "line 3: sample_15000ms is 'x', not a finite number"),
        ([(7, 0.1, 0.3), (7, 0.1)], "line 3: song 7 is there twice .* keep one"),
        ([(7, 0.1, 0.3), (2,)], "line 3: no value over time; download the file again"),
        ([(7,)], "line 1: no column sample_...ms; download the file again"),
    ],
)
def test_a_broken_file_over_time_names_line_and_mend(tmp_path, rows, said):
    path = over_time(tmp_path, "valence", rows)
    with pytest.raises(DataError, match=f"valence.csv, {said}"):
        continuous_mean(path, np.array([7]))


def test_loud_and_quiet_genres():
    found = loud_genre(np.array(["Rock", "Jazz", "Folk", "", "Electronic", "Classical"]))
    np.testing.assert_array_equal(found, [1, np.nan, 0, np.nan, 1, 0])


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
