"""Properties of sounds that were made to have them."""

import numpy as np
import properties
import pytest
import soundfile
import torch

from mer_utils.data.csv_tables import DataError
from mer_utils.embed.musicnn import RATE, WINDOW, MusicNN, Network

SECONDS = 12


def clicks(per_minute, seed=0):
    """Bursts of noise of 20 ms, over faint noise."""
    rng = np.random.default_rng(seed)
    wave = 1e-4 * rng.normal(size=SECONDS * RATE)
    for at in np.arange(0.1, SECONDS - 0.1, 60 / per_minute):
        wave[round(at * RATE) :][:320] += 0.3 * rng.normal(size=320)
    return wave.astype(np.float32)


def noise(gain, seed=0):
    """Noise whose gain moves as ``gain``, dB, from start to end."""
    rng, t = np.random.default_rng(seed), np.linspace(0, 1, SECONDS * RATE)
    db = np.interp(t, np.linspace(0, 1, len(gain)), gain)
    return (rng.normal(size=len(t)) * 10 ** (db / 20) / 10).astype(np.float32)


@pytest.mark.parametrize("per_minute", [120, 90])
def test_clicks_have_their_tempo_and_density(per_minute):
    found = properties.heard(clicks(per_minute))
    octaves = found["tempo"] - np.log2(per_minute)
    assert abs(octaves - round(octaves)) < 0.05
    assert found["onset density"] == pytest.approx(per_minute / 60, rel=0.1)


def test_more_clicks_have_more_flux():
    flux = [properties.heard(clicks(k))["spectral flux"] for k in (60, 120, 240)]
    assert flux[0] < flux[1] < flux[2]


def test_order_is_the_way_of_the_level_and_turns_with_the_clip():
    up = noise([-40, 0])
    assert properties.heard(up)["order"] > 0.99
    assert properties.heard(up[::-1].copy())["order"] < -0.99
    assert abs(properties.heard(noise([0, -20, 0]))["order"]) < 0.05
    assert properties.heard(np.zeros(SECONDS * RATE, np.float32))["order"] == 0


def test_the_range_is_that_of_the_level():
    flat, steps = noise([0, 0]), noise([-20] * 4 + [0] * 4)
    assert properties.heard(flat)["loudness range"] < 0.5
    assert properties.heard(steps)["loudness range"] == pytest.approx(20, abs=1)


def test_the_level_is_that_of_a_sine():
    sine = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(
        properties.levels_of(sine, 0.4), 20 * np.log10(0.5) - 3.01, atol=0.01
    )
    assert (properties.levels_of(np.zeros(RATE), 0.4) == properties.SILENCE).all()


def test_a_table_is_made_once_of_the_windows_that_count(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    made = clicks(120)
    made[2 * WINDOW :] += noise([0, 0])[2 * WINDOW :]  # not heard: after the second window
    for name, wave in (("a", made), ("b", clicks(90))):
        soundfile.write(tmp_path / f"{name}.wav", wave, RATE, subtype="FLOAT")
    options = {"windows": 2, "progress": False}
    found = properties.properties_of(tmp_path, ["a", "b"], **options)
    assert list(found.index) == ["a", "b"] and found.shape == (2, 5)
    alone = properties.heard(made[: 2 * WINDOW])
    assert found.loc["a"].to_dict() == pytest.approx(alone)
    monkeypatch.setattr(properties, "read_clip", None)
    again = properties.properties_of(
        tmp_path, ["a", "b"], genre=["x", "y"], vocal=[True, False], **options
    )
    assert again["tempo"].equals(found["tempo"]) and again["vocal"].tolist() == [1, 0]
    monkeypatch.undo()
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="a.wav: shorter than 9"):
        properties.properties_of(tmp_path, ["a", "b"], progress=False)


def test_a_rule_finds_tempo_and_order_in_a_log_mel():
    log_mel = []
    for wave in (
        clicks(120),
        clicks(90),
        noise([-40, 0]),
        noise([0, -40]),
        np.zeros(SECONDS * RATE),
    ):
        log_mel.append(
            MusicNN(Network(), "penultimate").log_mel(torch.tensor(wave).float()).numpy()
        )
    tempo, order = properties.by_hand(np.stack(log_mel)).T
    np.testing.assert_allclose(tempo[:2], np.log2([120, 90]), atol=0.05)
    assert order[2] > 0.9 and order[3] < -0.9 and order[4] == 0


def test_a_genre_is_one_number():
    found = properties.codes_of(["rock", "jazz", "rock"])
    assert found[0] == found[2] != found[1]
    assert np.array_equal(found, properties.codes_of(["rock", "jazz", "rock"]))


def test_vocals_are_read_and_doubts_are_named(tmp_path):
    path = tmp_path / properties.METADATA
    path.write_text("\ufeffCLIP_NAME,VOCALISATION\na,yes\nb,no\nc,\n", encoding="utf-8")
    assert properties.vocal_of(tmp_path, ["b", "a"]).tolist() == [False, True]
    with pytest.raises(DataError, match="VOCALISATION of c"):
        properties.vocal_of(tmp_path, ["a", "c"])
    with pytest.raises(DataError, match="not found"):
        properties.vocal_of(tmp_path / "elsewhere", ["a"])


def test_what_is_kept_is_made_again_when_it_is_another(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    made = []

    def compute():
        made.append(1)
        return {"x": np.arange(3)}

    for described in ({"a": np.zeros(2)}, {"a": np.zeros(2)}, {"a": np.ones(2)}, {"a": "text"}):
        found = properties.kept("name", described, (clicks,), compute)
        assert found["x"].tolist() == [0, 1, 2]
    assert len(made) == 3
