"""Readings of SDs that go together: each does what it says, where the truth is simulated."""

import numpy as np
import pytest
from carried import Target
from readings import go_together, pair_of_worlds, people_or_songs, readings_table


@pytest.fixture(scope="module")
def targets():
    rng = np.random.default_rng(0)
    mean = rng.normal(5, 1.1, (2, 700))
    sd = np.clip(rng.normal(1.67, 0.38, (2, 700)) - 0.06 * (mean - 5) ** 2, 0.3, None)
    return [Target(m, s, 10, (1, 9)) for m, s in zip(mean, sd, strict=True)]


def test_halo_and_raters_leave_songs_alone_and_songs_do_not(targets):
    for reading, strength in (("halo", 0.8), ("raters", 0.25), ("songs", 1.0)):
        worlds = pair_of_worlds(targets, reading, strength, tails=4.0, draws=6)
        sds = [w.panels()[1] for w in worlds]
        same = go_together(worlds)
        pairs = zip(sds[0][0], sds[1][1], strict=True)  # of different panels
        other = np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs])
        assert same > 0.05, reading
        assert (other > 0.7 * same) == (reading == "songs"), reading


def test_halo_costs_no_reliability_and_raters_do(targets):
    none, halo, raters = (
        np.mean([w.truth()["all"] for w in pair_of_worlds(targets, name, x, draws=6)])
        for name, x in (("halo", 0.0), ("halo", 0.7), ("raters", 0.25))
    )
    assert halo == pytest.approx(none, abs=0.03) and raters < none - 0.03
    with pytest.raises(ValueError, match="unknown reading"):
        pair_of_worlds(targets, "weather", 0.1)


def test_a_reading_reaches_what_was_seen_or_says_that_it_does_not(targets, monkeypatch):
    rng = np.random.default_rng(1)
    both = rng.normal(size=700)
    away = [0.38 * (0.5 * both + np.sqrt(0.75) * rng.normal(size=700)) for _ in targets]
    some = [
        t._replace(sd=np.clip(1.67 - 0.06 * (t.mean - 5) ** 2 + a, 0.3, None))
        for t, a in zip(targets, away, strict=True)
    ]
    monkeypatch.setattr("readings.STRENGTHS", {"halo": [0.0, 0.4, 0.6, 0.8], "raters": [0.0, 0.1]})
    monkeypatch.setattr("readings.TAILS", (2.0,))
    table = readings_table(some).set_index("reading")
    assert table.loc["halo", "reached"] and not table.loc["raters", "reached"]
    assert table["observed"].iloc[0] == pytest.approx(0.25, abs=0.05)


def test_people_or_songs_on_real_listeners(soundtracks_root):
    from mer_utils.data.soundtracks import load_soundtracks

    film = load_soundtracks(soundtracks_root)
    table = people_or_songs(film, n_draws=40, n_resamples=50)
    assert len(table) == 3 and (table["same"] > table["other"]).all()
    feast = table.iloc[0]
    assert feast["same"] == pytest.approx(0.22, abs=0.01) and abs(feast["other"]) < 0.05
