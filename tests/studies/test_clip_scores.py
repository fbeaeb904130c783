"""Scores of draws: known predictions, known changes, reliability by hand."""

import clip_scores
import clips
import numpy as np
import pytest
import scores

from mer_utils.data.musifeast import GROUPS, load_musifeast, panel
from mer_utils.scoring.intervals import resample_counts

WEIGHTS = resample_counts(356, 40)
CELLS = ((1, clips.FULL), (4, clips.FULL), (1, 71), (4, 71), (8, clips.FULL))


def known(draw, of):
    """Arrays of a draw in which every learner predicts what ``of(groups)`` says."""
    found = {"fold": np.arange(356) % 5}
    for learner in clip_scores.LEARNERS:
        for groups, n in CELLS:
            songs = load_musifeast(of(clips.order_of(draw), groups))
            found[f"{learner}:{groups}:{n}:mu"] = songs.mean[None]
            found[f"{learner}:{groups}:{n}:sigma"] = songs.sd[None]
    return found


def test_truths_of_a_draw_share_nobody_with_the_teachers():
    order = clips.order_of(2)
    for groups in clips.SIZES:
        found = clip_scores.judged_by(order, groups)
        for against in set(found) - {"own"}:
            assert not set(found[against]) & set(found["own"])
        assert ("judges" in found) == (groups <= 4)
        assert ("rest" in found) == ("one" in found) == (groups < 8)


def test_who_predicts_the_judges_is_perfect_and_nothing_changes():
    draws = {k: known(k, lambda order, groups: order[-4:]) for k in (0, 1)}
    found = clip_scores.all_draws(draws, CELLS, WEIGHTS)
    table = scores.table(found, clip_scores.KEY).query("against == 'judges'")
    assert table["value"].to_numpy() == pytest.approx(1) and (table["n_draws"] == 2).all()
    assert {"sd beyond the mean", "sd beyond others' mean"} < set(table["statistic"])
    changed = clip_scores.changes(found)
    same = changed["change"].ne(clip_scores.OWN)
    assert changed.loc[same, ["value", "low", "high"]].to_numpy() == pytest.approx(0)
    assert set(changed["change"]) == {*clip_scores.CHANGES, clip_scores.OWN}


def test_a_panel_as_predictor_shows_its_reliability():
    """The SD of the teachers themselves, held against the judges: learns as much as it shows."""
    draws = {k: known(k, lambda order, groups: order[:groups]) for k in range(8)}
    found = clip_scores.all_draws(draws, CELLS, WEIGHTS)
    table = scores.table(found, clip_scores.KEY).set_index(clip_scores.KEY[:-1])["value"]
    assert table.xs("own", level="against").min() == pytest.approx(1)
    factors = clip_scores.factors(found, WEIGHTS).set_index(["factor", "dimension"])
    ratio = factors.loc["shows / learns", "value"]
    assert ratio.to_numpy() == pytest.approx(1, abs=0.35)
    assert (factors["low"] <= factors["value"]).all() and (
        factors["value"] <= factors["high"]
    ).all()


def test_reliability_is_the_average_correlation_of_disjoint_panels():
    table = clip_scores.reliability(WEIGHTS, (1, 8)).set_index(["groups", "statistic", "dimension"])
    each = np.stack([panel([name]).sd[:, 1] for name in GROUPS])
    covariance = np.cov(each, ddof=0)
    pairs = covariance[np.triu_indices(8, 1)].mean()
    row = table.loc[1, "sd", "arousal"]
    assert row["value"] == pytest.approx(pairs / np.diag(covariance).mean())
    assert row["n_pairs"] == 28 and row["low"] < row["value"] < row["high"]
    # what the data set's own README says of all listeners
    assert table.loc[8, "sd"]["value"].to_numpy() == pytest.approx(0.34, abs=0.03)
