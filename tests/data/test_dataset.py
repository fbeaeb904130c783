"""The data object: scales, checks and a fingerprint that sees every number."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.data.dataset import DIMENSIONS, Dataset, sha256


def make(n=4, **changes):
    rng = np.random.default_rng(0)
    return Dataset(
        **{
            "name": "test",
            "song_id": np.arange(10, 10 + n),
            "rating_mean": rng.uniform(1, 9, (n, 2)),
            "rating_sd": rng.uniform(0, 3, (n, 2)),
            "features": rng.normal(size=(n, 3)).astype(np.float32),
            "feature_source": "noise",
            "artist": np.array(list("abca")[:n]),
        }
        | changes
    )


def test_dimensions_come_in_one_order():
    assert DIMENSIONS == ("valence", "arousal")


@given(st.floats(1, 9))
def test_the_model_scale_is_minus_one_to_one(rating):
    place = make().to_model(rating)
    assert -1 <= place <= 1
    assert place * 4 + 5 == pytest.approx(rating)


def test_model_space_of_a_song():
    songs = make()
    np.testing.assert_allclose(songs.to_model([1, 5, 9, 6]), [-1, 0, 1, 0.25])
    np.testing.assert_allclose(songs.mean, (songs.rating_mean - 5) / 4)
    np.testing.assert_allclose(songs.sd, songs.rating_sd / 4)
    assert len(songs) == 4


def test_the_scale_and_the_dimensions_belong_to_the_data_set():
    one = {"rating_mean": np.array([[1.0], [3], [5], [4]]), "rating_sd": np.full((4, 1), 0.5)}
    songs = make(**one, scale=(1, 5), dimensions=("quality",), song_id=np.array(list("abcd")))
    np.testing.assert_allclose(songs.mean[:, 0], [-1, 0, 1, 0.5])
    np.testing.assert_allclose(songs.sd, 0.25)
    with pytest.raises(ValueError, match=r"rating_mean has shape \(4, 1\), expected \(4, 2\)"):
        make(**one)
    assert replace(songs, scale=(0, 5)).fingerprint != songs.fingerprint


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rating_mean": np.zeros((3, 2))}, r"rating_mean has shape \(3, 2\), expected \(4, 2\)"),
        ({"rating_sd": np.zeros(4)}, "rating_sd has shape"),
        ({"features": np.zeros((5, 3))}, "features have 5 rows for 4 songs"),
        ({"song_id": np.array([1, 2, 2, 3])}, "strictly increasing"),
        ({"song_id": np.array([1, 3, 2, 4])}, "strictly increasing"),
    ],
)
def test_what_does_not_fit_together_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def nudge(array):
    array = array.copy()
    array.flat[-1] = np.nextafter(array.flat[-1], np.inf, dtype=array.dtype)
    return array


def test_fingerprint_changes_with_every_number_a_model_sees():
    songs = make()
    assert songs.fingerprint == make().fingerprint
    changed = [
        replace(songs, song_id=songs.song_id + 1),
        replace(songs, rating_mean=nudge(songs.rating_mean)),
        replace(songs, rating_sd=nudge(songs.rating_sd)),
        replace(songs, features=nudge(songs.features)),
        replace(songs, features=songs.features.astype(np.float64)),
        replace(songs, features=songs.features[:, ::-1]),
        replace(songs, artist=np.array(list("abcb"))),
        replace(songs, artist=None),
        make(3),
    ]
    prints = [songs.fingerprint, *(c.fingerprint for c in changed)]
    assert len(set(prints)) == len(prints)


def test_fingerprint_ignores_names_and_memory_layout():
    songs = make()
    same = replace(songs, name="other", notes=("a",), features=np.asfortranarray(songs.features))
    assert same.fingerprint == songs.fingerprint


def test_checksum_of_a_file(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
