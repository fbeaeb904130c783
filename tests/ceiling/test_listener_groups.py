"""Reliability in disjoint panels, and one step beyond what can be seen; truths are simulated."""

import numpy as np
import pytest

from mer_utils.ceiling import listener_groups, of_data
from mer_utils.ceiling.listener_groups import (
    mean_alone,
    measured_ceiling,
    pairs_of_panels,
    sd_alone,
    sd_beyond_mean,
)
from mer_utils.data.load import load
from mer_utils.data.musifeast import GROUPS, Panel, panel


def raters(n_clips, varies, rng, truth=None, own=0.0):
    """Whole numbers of 1 to 5 from eight groups of 3 to 6: (n_clips, 2, 8, 6), NaN for nobody.

    ``truth`` draws what belongs to the clip, ``rng`` the listeners; ``own`` is how far groups
    differ in what divides them (SD of the log spread).
    """
    truth = truth or rng
    mean = truth.normal(3, 0.6, (n_clips, 2, 1, 1))
    spread = np.exp(truth.normal(np.log(0.9), 0.25 * varies, (n_clips, 2, 1, 1)))
    spread = spread * np.exp(truth.normal(0, own, (n_clips, 2, 8, 1)))
    there = np.arange(6) < truth.integers(3, 7, (n_clips, 1, 8, 1))
    drawn = np.clip(np.rint(rng.normal(mean, spread, (n_clips, 2, 8, 6))), 1, 5)
    return np.where(there, drawn, np.nan)


def of(ratings):
    """``panel`` of these ratings."""

    def of_groups(groups=GROUPS, dimensions=None):
        some = ratings[:, :, [GROUPS.index(g) for g in groups]].reshape(len(ratings), 2, -1)
        n = np.isfinite(some[:, 0]).sum(1)
        return Panel(n, np.nanmean(some, 2), np.nanstd(some, 2, ddof=1))

    return of_groups


def test_all_pairs_of_unions_share_nobody():
    sizes = {1: 28, 2: 210, 3: 280, 4: 35}
    for k, n_pairs in sizes.items():
        panels = pairs_of_panels(k, mean_alone)
        assert len(panels) == 2 and panels[0].first.shape == (n_pairs, 356)
    first, second = (panel(g).mean[:, 0] for g in (GROUPS[:4], GROUPS[4:]))
    np.testing.assert_array_equal(panels[0].first[0], first)
    np.testing.assert_array_equal(panels[0].second[0], second)


@pytest.mark.parametrize("statistic", [sd_alone, sd_beyond_mean])
@pytest.mark.parametrize(("varies", "own"), [(1, 0), (0.5, 0), (0.5, 0.15)])
def test_the_step_to_all_listeners_is_what_another_panel_of_all_would_show(
    monkeypatch, statistic, varies, own
):
    rng = np.random.default_rng(3)  # two panels of all groups on the same clips:
    found = [of(raters(6000, varies, rng, np.random.default_rng(4), own)) for _ in range(2)]
    both = [[statistic(m, s) for m, s in zip(p().mean.T, p().sd.T, strict=True)] for p in found]
    seen = [np.corrcoef(a, b)[0, 1] for a, b in zip(*both, strict=True)]
    monkeypatch.setattr(listener_groups, "panel", found[0])
    monkeypatch.setattr(listener_groups, "listening_sets", lambda: np.arange(6000))
    stepped = measured_ceiling(8, statistic, n_resamples=20)
    if own:  # groups with clips of their own that divide them: too low
        assert (np.array(seen) - stepped["value"] > 0.02).all()
    else:
        np.testing.assert_allclose(stepped["value"], seen, atol=0.03)
    assert np.mean(seen) > 0.1


def same_people(n_clips, rng, differ=0.35, per_set=17):
    """As :func:`raters`, but the clips of a set have the same people, who differ in spread."""
    sets = np.arange(n_clips) // per_set
    own = np.exp(rng.normal(0, differ, (sets.max() + 1, 1, 8, 6)))[sets]
    there = (np.arange(6) < rng.integers(3, 7, (sets.max() + 1, 1, 8, 1)))[sets]
    drawn = np.clip(np.rint(3 + 0.9 * own * rng.normal(size=(n_clips, 2, 8, 6))), 1, 5)
    return np.where(there, drawn, np.nan), sets


def test_intervals_over_sets_hold_the_truth_where_people_differ(monkeypatch):
    rng, held = np.random.default_rng(0), []
    for _ in range(30):  # no clip divides people more than another: the truth is 0
        ratings, sets = same_people(357, rng)
        monkeypatch.setattr(listener_groups, "panel", of(ratings))
        for units in (sets, np.arange(357)):
            monkeypatch.setattr(listener_groups, "listening_sets", lambda units=units: units)
            table = measured_ceiling(4, sd_alone, n_resamples=200)
            held.append((table["low"] < 0) & (table["high"] > 0))
    by_set, by_clip = (np.mean(held[k::2]) for k in (0, 1))
    assert by_set >= 0.85 and by_set >= by_clip


def test_the_measured_figures_of_musifeast():
    ten = measured_ceiling(2, sd_alone, n_resamples=50)
    assert ten["n"].between(8, 9).all()
    np.testing.assert_allclose(ten["value"], [0.11, 0.11], atol=0.01)  # 0.12 / 0.15 with ten
    half = measured_ceiling(4, sd_alone, n_resamples=50)["value"]
    np.testing.assert_allclose(half, [0.20, 0.20], atol=0.02)
    for labels, top in (("as_distributed", 0.34), ("few_listeners", 0.11)):
        table = of_data.ceilings_of(load("musifeast", labels=labels), n_resamples=50)
        assert list(table["part"]) == [of_data.ALL] * 2 + [of_data.BEYOND] * 2
        np.testing.assert_allclose(table["value"][:2], top, atol=0.02)
        assert (table["low"] < table["value"]).all() and (table["value"] < table["high"]).all()
