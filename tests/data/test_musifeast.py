"""MUSIFEAST-17: exact panels, the published figures."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f_oneway

from mer_utils.data import musifeast
from mer_utils.data.csv_tables import DataError
from mer_utils.data.load import load
from mer_utils.data.musifeast import FEW, GROUPS, load_musifeast, panel, tables


def test_the_numbers_of_the_publication():
    n = panel().n
    assert (len(n), n.min(), np.median(n), n.max(), n.sum()) == (356, 30, 34, 38, 11_884)
    ratings, clips = tables()
    assert ratings["n"].between(3, 6).all() and len(ratings) == 8 * 356
    assert clips["genre"].nunique() == 17 and clips["artist"].nunique() == 351


def test_clips_of_a_set_share_their_listeners():
    number, (ratings, clips) = musifeast.listening_sets(), tables()
    counts = ratings["n"].unstack().groupby(number)
    assert sorted(counts.size().value_counts().items()) == [(16, 1), (17, 20)]
    usual = counts.transform("median")
    odd = (ratings["n"].unstack() != usual).any(axis=1)
    assert list(odd.index[odd]) == ["Folk_MED_05"]
    assert (clips["genre"].groupby(number).nunique() == counts.size()).all()
    # and who listened shows in the SD: sets differ far more than by chance (F about 1)
    for sd in panel().sd.T:
        sets = [sd[number == k] for k in np.unique(number)]
        assert f_oneway(*sets).pvalue < 1e-4


def test_panels_are_those_that_were_published(musifeast17_root):
    whole = pd.read_csv(
        musifeast17_root / "MUSIFEAST17_all.csv", index_col="CLIP_NAME"
    ).sort_index()
    for k, scale in enumerate(("valence", "arousal", "enjoyment")):
        found = panel(GROUPS, ("valence", "arousal", "enjoyment"))
        np.testing.assert_allclose(found.mean[:, k], whole[f"{scale}_M"], rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.sd[:, k], whole[f"{scale}_SD"], rtol=0, atol=1e-12)


@given(st.lists(st.sampled_from(GROUPS), min_size=1, max_size=7, unique=True))
def test_two_disjoint_panels_make_the_whole(some):
    a, b = panel(some), panel([group for group in GROUPS if group not in some])
    whole = panel()
    np.testing.assert_array_equal(a.n + b.n, whole.n)
    n, m = a.n[:, None], b.n[:, None]
    np.testing.assert_allclose((n * a.mean + m * b.mean) / (n + m), whole.mean)
    within = (n - 1) * a.sd**2 + (m - 1) * b.sd**2
    between = n * m / (n + m) * (a.mean - b.mean) ** 2
    np.testing.assert_allclose(within + between, (n + m - 1) * whole.sd**2)
    assert (a.mean >= 1).all() and (a.mean <= 5).all() and (a.sd <= 2 * np.sqrt(2)).all()


@pytest.mark.parametrize("groups", [[], ["UK18to30"] * 2, ["UK"]])
def test_groups_that_make_no_panel_are_refused(groups):
    with pytest.raises(ValueError, match="choose some of UK18to30, .*, each once"):
        panel(groups)


def test_the_data_set_is_on_a_scale_of_1_to_5():
    songs = load("musifeast")
    assert songs.name == "MUSIFEAST-17" and not songs.simulated and len(songs) == 356
    assert (songs.scale, songs.ddof, songs.labels) == ((1, 5), 1, "as_distributed")
    np.testing.assert_allclose(songs.mean, (panel().mean - 3) / 2)
    np.testing.assert_allclose(songs.sd, panel().sd / 2)
    assert songs.features.shape == (356, 200) and songs.features.dtype == np.float32
    assert songs.feature_source == "musicnn, layer penultimate, mean over time"
    assert set(songs.checksums) == {
        f"data/musifeast17/{name}" for name in ("ratings.csv", "clips.csv", "embeddings.parquet")
    }
    assert load_musifeast(features=None).features.shape == (356, 0)


def test_few_listeners_are_a_version_of_the_labels():
    songs = load("musifeast", labels="few_listeners")
    assert songs.name == "MUSIFEAST-17, 7 to 10 listeners"
    np.testing.assert_array_equal(songs.rating_sd, panel(FEW).sd)
    with pytest.raises(DataError, match="labels='corrected': MUSIFEAST-17 has as_distributed and"):
        load("musifeast", labels="corrected")


def test_a_missing_or_shortened_file_is_named(tmp_path, monkeypatch):
    home = musifeast.home()
    monkeypatch.setattr(musifeast, "home", lambda: tmp_path)
    with pytest.raises(DataError, match="ratings.csv: not found"):
        tables.__wrapped__()
    for name in ("ratings.csv", "clips.csv"):
        lines = (home / name).read_text().splitlines(keepends=True)
        (tmp_path / name).write_text("".join(lines[:-1]))
    with pytest.raises(DataError, match="not one row for each clip and group"):
        tables.__wrapped__()


def test_a_store_of_other_songs_is_refused(tmp_path):
    import soundfile

    from mer_utils.embed.extract import extract

    for name in ("Jazz_HIGH_08", "other"):
        noise = np.random.default_rng(0).normal(0, 0.1, 24_000)
        soundfile.write(tmp_path / f"{name}.wav", noise, 24_000)
    extract(tmp_path, tmp_path / "store", encoder="logmel", progress=False)
    songs = load_musifeast(features=f"{tmp_path}/store:sd")
    assert songs.song_id.tolist() == ["Jazz_HIGH_08"] and songs.features.shape == (1, 128)
    assert songs.notes[0].startswith("355 items left out: no features (60s_HIGH_01, ")
    assert songs.notes[1] == "Features of 1 other items not used (other)."
    (tmp_path / "Jazz_HIGH_08.wav").unlink()
    extract(tmp_path, tmp_path / "none", encoder="logmel", progress=False)
    with pytest.raises(DataError, match="none of its 1 items is among"):
        load_musifeast(features=str(tmp_path / "none"))


def test_embeddings_are_those_of_the_clips(tmp_path, musicnn_weights):
    """Needs the clips (`mer fetch musifeast FOLDER`): MUSIFEAST_CLIPS=FOLDER."""
    folder = os.environ.get("MUSIFEAST_CLIPS")
    if not folder:
        pytest.skip("no clips: set MUSIFEAST_CLIPS to the folder that mer fetch musifeast made")
    from mer_utils.embed.extract import extract

    names, songs = ("Classical_HIGH_01", "Metal_LOW_08"), load("musifeast")
    for name in names:
        path = Path(folder) / f"{name}.mp3"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == tables()[1].loc[name, "sha256"]
        (tmp_path / path.name).symlink_to(path)
    store = tmp_path / "store"
    extract(tmp_path, store, encoder="musicnn", layers=["penultimate"], progress=False)
    again = load_musifeast(features=str(store)).features
    kept = songs.features[np.isin(songs.song_id, names)]
    np.testing.assert_allclose(again, kept, rtol=2**-10, atol=1e-4)  # float16
