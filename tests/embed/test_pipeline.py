"""Clips go through the encoder in batches of one length, and nothing else depends on batches."""

import fake_encoder
import numpy as np
import pytest
import soundfile

from mer_utils.embed.audio_files import list_songs
from mer_utils.embed.pipeline import embed_songs, settings_of


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """23 short noises of three lengths, and one file that is none."""
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    for i in range(23):
        soundfile.write(folder / f"{i:02d}.wav", rng.normal(0, 0.1, 4000 + 100 * (i % 3)), 8000)
    (folder / "text.wav").write_text("no music")
    return folder


def embed(folder, model=None, **options):
    model = model or fake_encoder.Fake(("low", "high"))
    settings = settings_of(model, 0, 45, 0, "float32")
    songs, _ = list_songs(folder)
    return {
        song.song_id: got for song, got in embed_songs(folder, songs, model, settings, **options)
    }


def test_settings_name_what_decides_the_numbers():
    settings = settings_of(fake_encoder.Fake(("low", "high")), 1, 45, 0, "float32")
    assert settings["encoder"] == "fake" and settings["dtype"] == "float32"
    assert settings["layers"] == ["low", "high"] and settings["default_layer"] == "high"
    assert settings["n_features"]["low"] == 500 and settings["start"] == 1.0


def test_an_encoder_that_does_not_run_here_is_named():
    model = fake_encoder.Fake(("low",))
    model.embed = lambda waveforms: (_ for _ in ()).throw(RuntimeError("no such product"))
    with pytest.raises(ValueError, match="fake does not run with dtype float16 here .*product"):
        settings_of(model, 0, 45, 0, "float16")


def test_workers_and_batches_do_not_change_the_numbers(music):
    wanted = embed(music)
    assert len(wanted) == 24 and "cannot be decoded" in wanted.pop("text")
    for options in (dict(workers=1), dict(workers=4), dict(batch=4), dict(batch=50)):
        found = embed(music, **options)
        assert isinstance(found.pop("text"), str) and found.keys() == wanted.keys()
        for song, row in wanted.items():
            for name, value in row.items():
                np.testing.assert_array_equal(found[song][name], value)


def test_clips_of_one_batch_have_the_same_length(music, monkeypatch):
    seen, of_fake = [], fake_encoder.Fake.embed
    monkeypatch.setattr(
        fake_encoder.Fake, "embed", lambda self, w: seen.append(tuple(w.shape)) or of_fake(self, w)
    )
    embed(music, batch=4)
    batches = seen[1:]  # the first call asks for the widths
    assert {length for _, length in batches} == {4000, 4100, 4200}
    assert max(n for n, _ in batches) == 4 and sum(n for n, _ in batches) == 23


def test_one_clip_that_fails_does_not_take_its_batch_along(music):
    class Fussy(fake_encoder.Fake):
        def embed(self, waveforms):
            if waveforms.shape[1] == 4100 and len(waveforms) > 1:
                raise RuntimeError("no such batch")
            rows = super().embed(waveforms)
            if waveforms.shape[1] == 4200:
                rows["low"] = np.full_like(rows["low"], np.nan)
            return rows

    found = embed(music, Fussy(("low", "high")), batch=4)
    kinds = {i % 3: type(found[f"{i:02d}"]) for i in range(23)}
    assert kinds == {0: dict, 1: dict, 2: str}
    assert found["02"] == "the encoder gave values that are not finite"
