"""Notebook 12: what it counts, the score by hand, the rule, the method of the exercise."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from page_cells import run_cells

from mer_utils.data.musifeast import listening_sets
from mer_utils.methods.listeners import maximum_entropy
from mer_utils.scoring.next_listener import best_crps, crps

PAGE = "notebooks/12_other_methods.ipynb"
QUICK = {"seed": 0, "seeds": range(2), "epochs": 2, "n_draws": 3}


@pytest.fixture(scope="module")
def clips():
    return run_cells(PAGE, "imports", "clips", **QUICK)


def solution(label):
    """The code of a solution on the page."""
    cells = nbformat.read(ROOT / PAGE, 4).cells
    (text,) = [c.source for c in cells if "{solution} " + label in c.source]
    after = text[text.index("{solution} " + label) :]
    return re.search(r"```python\n(.*?)```", after, re.S)[1]


def test_the_depth_of_a_valley_is_counted_from_its_lower_shoulder(clips):
    for n, depth in (
        ([0, 3, 9, 4, 1], 0),
        ([5, 1, 0, 2, 3], 3),
        ([2, 0, 0, 0, 9], 2),
        ([4, 2, 4, 1, 3], 2),
        ([1, 1, 1, 1, 1], 0),
    ):
        assert clips["valley"](np.array(n, float)) == depth


def test_the_clips_shown_are_three_test_clips_that_are_what_their_titles_say(clips):
    chosen, test = clips["chosen"], clips["split"].test
    assert len(set(chosen)) == 3 and set(chosen) <= set(test)
    sd = clips["panel"].sd[:, 0]
    assert sd[chosen[0]] == sd[test].min() and sd[chosen[1]] == sd[test].max()
    others = np.setdiff1d(test, chosen[:2])
    assert clips["valley"](clips["asked"][chosen[2], 0]) == pytest.approx(
        clips["valley"](clips["asked"][others, 0]).max()
    )


def test_simulated_panels_have_the_listeners_of_the_real_ones_and_one_hill(clips):
    made = run_cells(PAGE, "hills", **clips, whole=np.arange(1, 6))
    drawn = made["one_hill"](np.random.default_rng(0))
    np.testing.assert_allclose(drawn.sum(-1), clips["asked"].sum(-1))
    p = maximum_entropy(clips["panel"].mean, clips["panel"].sd, 5)
    assert (clips["valley"](p) < 1e-9).all()
    mean = np.mean([made["one_hill"](np.random.default_rng(k)) for k in range(60)], axis=0)
    assert (mean / mean.sum(-1, keepdims=True)) == pytest.approx(p, abs=0.05)
    assert made["by_chance"].shape == (3, 2, 3) and made["camps"].shape == (2, 3)
    assert len(drawn) == len(listening_sets())


def test_equal_gradients_of_single_ratings_and_of_their_moments(clips, capsys):
    run_cells(PAGE, "rater-level", **clips)
    lines = capsys.readouterr().out.splitlines()
    one, other = (np.array(line.split("[")[1].strip("]").split(), float) for line in lines)
    assert one == pytest.approx(other) and len(one) == 2 and (one != 0).all()


def test_the_score_by_hand_is_the_one_of_the_study(clips):
    score = run_cells(
        PAGE, "crps", **clips, whole=np.arange(1, 6), maximum_entropy=maximum_entropy
    )["crps_of"]
    p = np.array([0.1, 0.2, 0.3, 0.3, 0.1])
    for rating in range(1, 6):
        seen = np.eye(5)[rating - 1][None, None]
        assert score(p, rating) == pytest.approx(2 * crps(p[None, None], seen)[0, 0])
    sure = np.eye(5)[2]
    assert [score(sure, rating) for rating in range(1, 6)] == [2, 1, 0, 1, 2]


def test_right_means_ask_for_the_true_width_and_wrong_ones_for_more(clips):
    made = run_cells(PAGE, "width", **clips, maximum_entropy=maximum_entropy)
    best = made["best_width"]
    assert best[0.0] == pytest.approx(2 * made["SD"], abs=0.011)
    assert best[0.35] > 2 * made["SD"] + 0.1
    assert made["curves"][0.35].min() > made["curves"][0.0].min()
    alike = maximum_entropy([[0.0]], [[made["SD"]]], 5) * 10_000
    assert made["curves"][0.0].min() == pytest.approx(2 * best_crps(alike)[0, 0], abs=1e-3)


def test_an_ordinal_gaussian_is_narrower_near_an_end(clips):
    ordinal = run_cells(PAGE, "cuts", **clips, whole=np.arange(1, 6))["ordinal"]
    p, sd = ordinal(3, 1.0)
    assert p.sum() == pytest.approx(1) and p == pytest.approx(p[::-1])
    assert sd > ordinal(4.8, 1.0)[1] and ordinal(4.8, 1.0)[1] == pytest.approx(ordinal(1.2, 1.0)[1])


def test_the_method_of_the_exercise_trains_and_is_told_the_sd(clips, capsys):
    from mer_utils.model.training import Protocol

    given = {**clips, "how": Protocol(epochs=30)}
    exec(solution("ex-12-mine"), given)
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == ["mse", "mine"] and "mine" not in clips["METHODS"]
    mine, sd = given["predicted"], clips["panel"].sd
    assert mine.sigma.shape == (2, len(sd), 2) and (mine.sigma > 0).all()
    assert mine.sigma.mean() == pytest.approx(np.median(sd), abs=0.06)


def test_the_other_solutions_say_what_the_page_says(clips, capsys):
    names = {**clips, "whole": np.arange(1, 6), "maximum_entropy": maximum_entropy}
    names = run_cells(PAGE, "crps", **names)
    capsys.readouterr()
    exec(solution("ex-12-proper"), names)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    values = {row[0]: [float(v) for v in row[1:]] for row in rows}
    assert values["crps_of"][0] < values["crps_of"][1]
    assert values["absolute"][0] > values["absolute"][1]


# --- the tables and the words that follow from them ---------------------------------------------


def tables(verdict="met", better="undecided", own=None):
    """Small kept tables of two methods on one data set, both dimensions."""
    places = [
        (*place, method, dimension)
        for place in (("musifeast", "all", "same"), ("musifeast", "apart", "held out"))
        for method in ("ridge", "mse")
        for dimension in ("valence", "arousal")
    ]
    rows = pd.DataFrame(places, columns=["data", "design", "judges", "method", "dimension"])
    kinds = {"crps_spread": better, "crps_own": better if own is None else own}
    gaps = [rows.assign(score=s, against="mean_only", verdict=v) for s, v in kinds.items()]
    return {"verdicts": rows.assign(verdict=verdict), "differences": pd.concat(gaps)}


@pytest.mark.parametrize(
    "verdict, better, passed",
    [
        (["met"] * 8, "undecided", ["mse", "ridge"]),
        (["met", "not met"] * 4, "undecided", []),
        (["met", "not met"] * 4, "better", ["mse", "ridge"]),
        (["met, not surely"] * 8, "better", []),
        (["met", "met", "surely not", "surely not"] * 2, "undecided", ["ridge"]),
    ],
)
def test_what_counts_as_an_answer(clips, verdict, better, passed):
    cells = {c["id"]: c.source for c in nbformat.read(ROOT / PAGE, 4).cells}
    names = {**clips, "kept": tables(verdict, better), "EN": ["value", "low", "high"]}
    exec(cells["places"], names)
    exec(cells["glue-rule"], names)
    assert sorted(names["passes"]("MUSIFEAST-17")) == passed
    with pytest.raises(ValueError, match="no rows"):
        names["passes"]("film music")


def test_a_gain_around_a_predicted_mean_alone_does_not_count(clips):
    cells = {c["id"]: c.source for c in nbformat.read(ROOT / PAGE, 4).cells}
    kept = tables(["met", "not met"] * 4, "better", own="undecided")
    names = {**clips, "kept": kept, "EN": ["value", "low", "high"]}
    exec(cells["places"], names)
    exec(cells["glue-rule"], names)
    assert names["surely"]("MUSIFEAST-17") and not names["surely"]("MUSIFEAST-17", "own")
    assert names["passes"]("MUSIFEAST-17") == []


def test_words_are_grouped_by_what_is_said(clips):
    cells = {c["id"]: c.source for c in nbformat.read(ROOT / PAGE, 4).cells}
    names = {**clips, "kept": tables(), "EN": []}
    exec(cells["places"], names)
    exec(cells["glue-rule"], names)
    assert names["grouped"]({"A": "x", "B": "y", "C": "x"}) == "On A and C x. On B y."
    assert names["titles"](["mse", "ridge"]) == "MSE and ridge"
    assert names["titles"](list(names["METHODS"])).endswith("methods")
