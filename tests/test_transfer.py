"""The noise of a panel's SD, seen where raters are known and carried over."""

import numpy as np
import pandas as pd
import pytest

from mer_utils import transfer as T
from mer_utils import validate_ceilings as V
from mer_utils.ceiling_results import ceilings_of, committed
from mer_utils.ceiling_study import HEADLINE, ceilings_table, headline, tails_of
from mer_utils.deam import load_deam
from mer_utils.experiment import load_data
from mer_utils.rater_study import (
    RaterData,
    own_mean_test,
    rater_data,
    simulated_raters,
    transfer_test,
)
from mer_utils.ratings import quadratic_fit
from mer_utils.reliability import rating_matrix
from mer_utils.soundtracks import load_soundtracks
from mer_utils.validate_ceilings import judged

R = np.arange(1.0, 10.0)


def matrix_of(p, n_raters, rng):
    return np.array([np.repeat(R, row) for row in rng.multinomial(n_raters, p)])


def test_noise_of_panels_is_unbiased_for_every_shape():
    rng = np.random.default_rng(0)
    for tails in V.TAILS:
        p = V.song_probabilities(400, tails, 0.2, rng, V.WIDE_MEANS)
        panels = T.rater_panels(matrix_of(p, 60, rng), 10, n_shuffles=50)
        truth = V.draw_statistics(p, 10, rng, 400)[1].var(0, ddof=1).mean() * 10 / 9
        assert panels.noise().mean() == pytest.approx(truth, rel=0.06)


def test_noise_of_what_the_mean_does_not_tell():
    rng = np.random.default_rng(1)
    p = V.song_probabilities(400, "heavy", 0.1, rng)
    means, sds = V.draw_statistics(p, 10, rng, 400)
    sds = sds * np.sqrt(10 / 9)
    told = quadratic_fit(means[0], sds[0])
    panels = T.rater_panels(matrix_of(p, 60, rng), 10, n_shuffles=50)
    truth = (sds - told(means)).var(0, ddof=1).mean()
    assert panels.noise(told).mean() == pytest.approx(truth, rel=0.06)
    assert abs(panels.noise(told).mean() - panels.noise().mean()) > 0.002  # it is not the same


@pytest.mark.parametrize("tails", V.TAILS)
@pytest.mark.parametrize(("beyond", "n"), [(False, 10), (True, 10), (False, 3)])
def test_ceiling_is_right_for_every_shape(tails, beyond, n):
    """Where the formulas with a normal shape are off by 0.1 to 0.5."""
    errors, held = [], []
    for k in range(6):
        rng = np.random.default_rng([2, k])
        others = matrix_of(V.song_probabilities(110, tails, 0.15, rng, V.WIDE_MEANS), 60, rng)
        p = V.song_probabilities(1500, tails, 0.15, rng)
        mean, sd = (x.round(2) for x in V.draw_statistics(p, n, rng))
        told = quadratic_fit(mean, sd)
        truth, _, part = V.true_reliability(p, n, rng, told=told)
        if beyond:  # as a share of its own variance
            truth = part * sd.var() / (sd - told(mean)).var()
        found = T.transferred_ceiling(
            mean, sd, T.rater_panels(others, n, n_shuffles=150), beyond=beyond, n_resamples=100
        )
        errors.append(found.value - truth)
        held.append(found.low <= truth <= found.high)
    assert abs(np.mean(errors)) < 0.05
    assert sum(held) >= 5


def test_the_factor_depends_on_the_mean():
    """One factor for all means is wrong where the other songs' means are spread wider."""
    rng = np.random.default_rng(3)
    others = matrix_of(V.song_probabilities(600, "heavy", 0.15, rng, V.WIDE_MEANS), 60, rng)
    c0, c1 = T.rater_panels(others, 10, n_shuffles=100).curve()
    assert c0 > 0 and c1 > 0.02 * c0


def test_too_few_raters_for_two_panels():
    with pytest.raises(ValueError, match="two disjoint panels of 10 do not fit: a song has 12"):
        T.rater_panels(np.full((4, 12), 5.0), 10)


def test_missing_raters_are_left_out():
    rng = np.random.default_rng(4)
    values = rng.integers(1, 10, (30, 24)).astype(float)
    holes = np.hstack([values, np.full((30, 5), np.nan)])
    a, b = T.rater_panels(values, 5, n_shuffles=300), T.rater_panels(holes, 5, n_shuffles=300)
    assert a.panel.shape == b.panel.shape
    assert a.noise().mean() == pytest.approx(b.noise().mean(), rel=0.05)


def test_simulated_songs_reach_their_ceiling():
    songs = load_data()
    table = ceilings_of(songs, 200).set_index(["part", "dimension"])
    for d, name in enumerate(("valence", "arousal")):
        oracle = np.corrcoef(songs.true_sd[:, d], songs.rating_sd[:, d])[0, 1] ** 2
        row = table.loc["all", name]
        assert row["low"] <= oracle <= row["high"]
        assert row["high"] - row["low"] < 0.3


def test_headline_comes_first_in_the_table():
    songs = load_data()
    table = ceilings_table(songs, tails_of(simulated_raters(), 5), 20)
    rows = headline(table)
    assert list(rows["dimension"]) == ["valence", "arousal"]
    assert set(rows["estimator"]) == {"transferred"}
    assert headline(table, ("none", "such")).empty


def test_committed_ceilings_follow_from_the_data(deam_root, soundtracks_root):
    raters = load_soundtracks(soundtracks_root)
    kept = committed("targets").set_index(["labels", "part", "dimension"])
    songs = load_deam(deam_root, features=None)
    for d, (name, like) in enumerate((("valence", "valence"), ("arousal", "energy"))):
        panels = T.rater_panels(rating_matrix(raters, like), 10)
        for part in ("all", "beyond the mean"):
            found = T.transferred_ceiling(
                songs.rating_mean[:, d], songs.rating_sd[:, d], panels, beyond=part != "all"
            )
            row = kept.loc["as_distributed", part, name]
            assert (found.value, found.low, found.high) == pytest.approx(tuple(row), abs=2e-3)


def test_real_raters_follow_the_transferred_noise(soundtracks_root):
    found = transfer_test(rater_data(soundtracks_root), n_halves=40)
    assert found["ratio"].between(0.9, 1.12).all()
    assert found["low"].lt(1).all() and found["high"].gt(1).all()


def test_mean_and_sd_of_one_panel_share_more_than_the_song():
    rng = np.random.default_rng(5)
    p = V.song_probabilities(150, "heavy", 0.0, rng, V.WIDE_MEANS)
    ratings = pd.DataFrame(matrix_of(p, 40, rng)).rename_axis("song_id").reset_index()
    ratings = ratings.melt("song_id", var_name="rater", value_name="valence")
    data = RaterData(ratings, ("valence",), "made up", True)
    row = own_mean_test(data, n_shuffles=5).set_index("songs").loc["all"]
    assert row["difference_low"] > 0  # the same ten people
    assert row["own"] > 1.5 * row["other"]


def test_the_headline_is_what_passes_everywhere():
    verdict = judged(committed("validation"))
    ours = verdict[verdict["estimator"].eq(HEADLINE[0])]
    assert set(ours["raters"]) == {3, 5, 10, 24, 60} and set(ours["tails"]) == set(V.TAILS)
    assert ours["passes"].all()
    assert not verdict[verdict["estimator"].ne(HEADLINE[0])]["passes"].all()
