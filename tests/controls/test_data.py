"""Controls: the data hold what they say."""

import numpy as np
import pytest

from mer_utils.controls.data import (
    DEAM_SPREAD,
    WORLDS,
    control,
    feature_signal,
    perfect_labels,
    semi_synthetic,
    shuffled,
    simulated_control,
    varies,
)
from mer_utils.data.simulate import simulate_songs
from mer_utils.scoring.metrics import pearson, spearman


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return simulated_control(
        "deam_like", 10, n_songs=400, n_features=20, cache=tmp_path_factory.mktemp("c")
    )


def test_the_deam_like_spread_is_that_of_the_simulator():
    assert simulate_songs("deam_like").true_sd.std(0) == pytest.approx(DEAM_SPREAD, abs=5e-4)


def test_the_signal_is_a_function_of_the_features_and_not_of_the_mean(songs):
    signal = feature_signal(songs.features, songs.rating_mean, 3)
    assert signal.mean(0) == pytest.approx(0, abs=1e-9) and signal.std(0) == pytest.approx(1)
    assert np.abs(signal).max() < 3.2
    mean = songs.rating_mean
    for known in (mean, mean**2, mean[:, ::-1]):
        assert np.abs(pearson(known, signal)).max() < 0.06
    # a linear model on 20 features finds it; on other songs' features it does not
    x = np.column_stack([np.ones(len(songs)), songs.features])
    for rows, expected in ((x, True), (x[::-1], False)):
        fit = rows @ np.linalg.lstsq(rows[:200], signal[:200], rcond=None)[0]
        assert (pearson(signal[200:], fit[200:]) > 0.8).all() == expected


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_is_what_it_says(songs, share):
    made = semi_synthetic(songs, share, (0.2, 0.2), seed=5)
    mean = np.clip(songs.rating_mean, 1.8, 8.2)
    signal = feature_signal(songs.features, mean, 5)
    assert pearson(made.true_sd, signal) ** 2 == pytest.approx(share, abs=0.1)
    assert made.true_sd.std(0) == pytest.approx([0.2, 0.2], abs=0.03)
    assert made.simulated and "simulated" in made.name
    assert made.features is songs.features
    assert np.abs(made.true_mean - mean).max() < 1e-3


def test_many_raters_show_the_true_sd_and_ten_do_not(songs):
    many = semi_synthetic(songs, 0.5, (0.3, 0.3), n_raters=800)
    ten = semi_synthetic(songs, 0.5, (0.3, 0.3), n_raters=10)
    assert (spearman(many.true_sd, many.rating_sd) > 0.97).all()
    assert (spearman(ten.true_sd, ten.rating_sd) < 0.8).all()
    np.testing.assert_array_equal(many.true_sd, ten.true_sd)
    assert np.abs(many.rating_mean - many.true_mean).max() < 0.3


def test_raters_who_do_not_listen_leave_the_moments_and_add_luck(songs):
    many, none = (semi_synthetic(songs, 0.5, (0.2, 0.2), 3000, 4, p) for p in (0.06, 0.0))
    assert many.rating_mean == pytest.approx(many.true_mean, abs=0.25)
    assert many.rating_sd == pytest.approx(many.true_sd, abs=0.16)
    assert (pearson(many.true_sd, none.true_sd) > 0.98).all()
    gap = [(pearson(made.rating_sd, made.true_sd) > 0.9).all() for made in (many, none)]
    assert all(gap), "the true SD is that of all ratings, also of those who did not listen"
    ten = [semi_synthetic(songs, 0.5, (0.2, 0.2), 10, 4, p) for p in (0.06, 0.0)]
    luck = [(made.rating_sd - made.true_sd).std(0) for made in ten]
    assert (luck[0] > 1.03 * luck[1]).all()
    share = np.isin(ten[0].rating_mean, ten[1].rating_mean)
    assert not share.all()


def test_worlds_are_controls_with_a_name(songs):
    spread = [control(name, songs).true_sd.std(0).mean() for name in WORLDS]
    assert spread == sorted(spread) and spread[0] < 0.5 * spread[-1]


def test_homoscedastic_songs_differ_by_luck_alone(songs):
    made = control("homoscedastic", songs)
    assert made.true_sd.std(0).max() < 1e-9 and (made.rating_sd.std(0) > 0.2).all()
    assert varies(songs) and not varies(made), "a constant truth has no correlation"


def test_shuffled_keeps_pairs_of_sds_and_breaks_their_songs(songs):
    made = shuffled(songs, 1)
    pairs = [sorted(map(tuple, some.rating_sd)) for some in (songs, made)]
    assert pairs[0] == pairs[1] and made.true_sd is None
    assert np.abs(spearman(songs.rating_sd, made.rating_sd)).max() < 0.2
    np.testing.assert_array_equal(made.rating_mean, songs.rating_mean)


def test_what_is_wrong_is_named(songs):
    with pytest.raises(ValueError, match="unknown control 'plantd'"):
        control("plantd", songs)
    with pytest.raises(ValueError, match=r"share=1.5 must lie in \[0, 1\]"):
        semi_synthetic(songs, 1.5, (0.2, 0.2))
    with pytest.raises(ValueError, match="no perfect labels"):
        perfect_labels(shuffled(songs))
