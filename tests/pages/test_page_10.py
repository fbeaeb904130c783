"""Notebook 10: what the figure of the evidence draws, the trials, the formula, both versions."""

import label_audit
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib import pyplot as plt
from page_cells import run_cells
from planted import exchange_songs

from mer_utils.audit.evidence import COLUMNS, NOT_AT_HAND
from mer_utils.data.deam import LABELS
from mer_utils.data.load import load
from mer_utils.results import kept
from mer_utils.scoring.claims import CLAIMS

PAGE = "notebooks/10_label_audit.ipynb"


def page(*ids, **names):
    return run_cells(PAGE, "imports", *ids, **names)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


# --- the figure of the evidence ----------------------------------------------------------------


def evidence(*rows):
    """A table of evidence; a row is difference, low, high, and the same of one or two controls."""

    def third(row):
        return (*row[6:], 58) if row[6:] else (*3 * [np.nan], 0)

    found = [
        (f"line {i}", "Pearson r", 0.1, 0.2, *row[:3], 50, *row[3:6], *third(row), "undecided")
        for i, row in enumerate(rows)
    ]
    missing = ("away", "Pearson r", *5 * [np.nan], 0, *6 * [np.nan], 0, NOT_AT_HAND)
    return pd.DataFrame([missing, *found], columns=COLUMNS)


def drawn(table):
    """``(value, place, left, right)`` of each dot that is seen, evidence and controls apart."""
    ax = page("static", "fig-evidence")["plot_evidence"](table)
    assert [text.get_text() for text in ax.get_yticklabels()] == table["evidence"][1:].tolist()
    groups = []
    for container in ax.containers:
        dots, caps, _ = container.lines
        rows = np.column_stack([*dots.get_data(), *(cap.get_xdata() for cap in caps)]).astype(float)
        groups.append(rows[np.isfinite(rows[:, 0])].round(6).tolist())
    return groups


def test_each_line_is_drawn_at_its_place_with_its_interval():
    table = evidence(
        (-0.3, -0.4, -0.1, 0.2, 0.1, 0.3, 0.4, -0.1, 0.9),
        (0.5, 0.2, 0.6, *3 * [np.nan]),
        (-0.6, -0.7, -0.5, 0.1, 0.0, 0.4),
    )
    lines, controls, third = drawn(table)
    shift = lines[0][1]
    assert lines == [
        [-0.3, shift, -0.4, -0.1],
        [0.5, shift + 1, 0.2, 0.6],
        [-0.6, shift + 2, -0.7, -0.5],
    ]
    below = controls[0][1]
    assert controls == [[0.2, below, 0.1, 0.3], [0.1, below + 2, 0.0, 0.4]]
    assert third == [[0.4, third[0][1], -0.1, 0.9]]
    assert -0.5 < shift < below < third[0][1] < 0.5


def test_a_difference_without_an_interval_is_a_dot_at_its_own_place():
    none = 2 * [np.nan]
    table = evidence((-0.3, -0.4, -0.1, 0.2, *none), (0.5, *none, 0.1, 0.0, 0.4))
    lines, controls, third = drawn(table)
    assert [row[0] for row in lines] == [-0.3, 0.5]
    assert lines[1][1] == lines[0][1] + 1 and controls[1][1] == controls[0][1] + 1
    assert lines[0][2:] == [-0.4, -0.1] and np.isnan(lines[1][2:]).all()
    assert [row[0] for row in controls] == [0.2, 0.1] and third == []
    assert np.isnan(controls[0][2:]).all() and controls[1][2:] == [0.0, 0.4]


def test_a_border_is_marked_only_where_there_is_one():
    plot_blocks = page("static", "fig-evidence", "fig-blocks")["plot_blocks"]
    names = ["first", "last", "value", "low", "high"]
    blocks = pd.DataFrame([(1, 100, -2.0, -3, -1), (101, 199, 2.0, 1, 3)], columns=names)
    ax = plot_blocks(blocks, {"border": 100.0, "low": 95, "high": 105})
    (mark,) = [line for line in ax.lines if line.get_label() == "most likely border"]
    assert list(mark.get_xdata()) == [100, 100]
    assert ax.containers[0].lines[0].get_xdata().tolist() == [50.5, 150]
    ax = plot_blocks(blocks, {"border": 100.0, "low": 0, "high": 105})
    assert ax.get_legend() is None


# --- trials ------------------------------------------------------------------------------------


def test_trials_find_what_was_planted_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    made = page("plant", "trials-run", "trials-table", seed=0, n_trials=2)
    trials, counts = made["trials"].fillna(0).set_index("planted"), made["counts"]
    assert list(trials.index) == [0, 500, 1000] * 2
    assert (counts.sum(axis=1) == counts.sum(axis=1).iloc[0]).all()
    none, half, whole = counts.index
    assert counts.loc[none, "exchanged"] == 0 < counts.loc[none, "as distributed"], "a false alarm"
    assert counts.loc[whole, "as distributed"] == 0 < counts.loc[whole, "exchanged"], "a miss"
    # lines about all ids up to 1000 must not be sure of an exchange of half of them
    assert counts.loc[half, "exchanged"] == 0
    assert (trials.loc[0, "low"] == 0).all(), "a border where there is none"
    assert (trials.loc[1000, "border"] - 1000).abs().max() <= 30
    assert trials["holds"].sum() >= 5, "95% intervals that miss the border more than rarely"


def test_what_no_line_said_counts_as_none():
    rows = [{"planted": 0, "undecided": 1}, {"planted": 500, "exchanged": 2, "undecided": np.nan}]
    counts = page("trials-table", trials=pd.DataFrame(rows + rows[:1]), n_trials=2)["counts"]
    assert counts.to_dict("index") == {
        "nothing": {"as distributed": 0, "exchanged": 0, "undecided": 2},
        "ids up to 500": {"as distributed": 0, "exchanged": 2, "undecided": 0},
    }


# --- what an exchange does to scores -----------------------------------------------------------

EXPECTED_R2 = page("formula")["expected_r2"]


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.integers(0, 1000))
def test_the_formula_of_the_page_is_that_of_the_study(share, seed):
    rng = np.random.default_rng(seed)
    truth = rng.normal(rng.normal(size=2), rng.uniform(0.2, 2, 2), (30, 2))
    predicted = truth * rng.normal(size=2) + rng.normal(0, 0.5, (30, 2))
    here, study = (f(truth, predicted, share) for f in (EXPECTED_R2, label_audit.expected_r2))
    assert here.shape == (2,)
    np.testing.assert_allclose(here, study, rtol=1e-9, atol=1e-9)


# --- both versions of the labels ---------------------------------------------------------------


def test_both_versions_meet_in_the_same_row():
    made = page("static", "changes-run", "changes-table", "changes-claims")
    both, paired = made["both"], kept("label_audit", "differences")
    assert len(both) == len(paired) == 2 * sum(len(claim.cells) for claim in CLAIMS)
    merged = both.merge(paired, on=made["CELL"], suffixes=("", "_kept"), validate="one_to_one")
    for name in LABELS:
        np.testing.assert_allclose(merged[f"value_{name}"], merged[name], atol=1.01e-4)
    moved = merged["low_kept"].gt(0) | merged["high_kept"].lt(0)
    assert moved.equals(merged["moved"]) and 0 < moved.sum() < len(both)
    for column in ("moved", "changed"):
        words = made["page"][f"{'scores' if column == 'moved' else 'verdicts'} that {column}"]
        assert words.str.split().str[0].astype(int).sum() == both[column].sum()
    assert list(made["page"]["claim"]) == [claim.text for claim in CLAIMS]
    assert len(made["show_both"](both, "all").data) == len(both)


def test_the_planted_exchange_is_that_of_the_tests():
    songs = load("simulated", features=None)
    chosen = np.arange(len(songs)) % 3 == 0
    ours, theirs = page("plant")["exchange_songs"](songs, chosen), exchange_songs(songs, chosen)
    assert np.array_equal(ours.rating_mean, theirs.rating_mean)
    assert np.array_equal(ours.rating_sd, theirs.rating_sd)
    assert np.array_equal(ours.rating_sd[chosen], songs.rating_sd[chosen, ::-1])
    assert np.array_equal(ours.rating_sd[~chosen], songs.rating_sd[~chosen])
