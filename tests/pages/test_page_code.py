"""Functions that stand on a page: run from its cells, and held against what the page says."""

import numpy as np
import pandas as pd
import pytest
from page_cells import run_cells

import mer_utils as mer
from mer_utils.controls.methods import verdicts
from mer_utils.model.training import Protocol
from mer_utils.show.style import NAMES

# --- the toy songs of notebook 09 --------------------------------------------------------------


@pytest.fixture(scope="module")
def toys():
    cells = ("imports", "estimand-toys", "estimand-learn")
    names = {"seed": 0, "profile": "paper", "Protocol": Protocol}
    return run_cells("notebooks/09_controls.ipynb", *cells, **names)


def test_expected_sd_is_that_of_drawn_ratings(toys):
    rng = np.random.default_rng(0)
    for n in (2, 3, 10):
        drawn = rng.normal(0, 0.3, (200_000, n)).std(1)
        assert toys["derived"]("mse", 0.3, n) ** 0.5 == pytest.approx(drawn.mean(), rel=5e-3)


def test_toy_songs_have_the_moments_they_claim(toys):
    x, mean, sd, sigma = toys["toy_songs"](60_000, 10)
    variance = (mean - 0.15 * x[:, :2]).var(0)
    assert variance == pytest.approx(toys["derived"]("nll", sigma, 10).mean(0), rel=0.02)
    assert (sd**2).mean(0) == pytest.approx((sigma**2).mean(0) * 0.9, rel=0.01)
    assert sigma.min() > 0.09 and sigma.max() < 0.31


def test_four_times_the_raters_hide_twice_the_noise_from_the_mean(toys):
    quiet, loud = toys["toy_songs"](500, 10), toys["toy_songs"](500, 40, 2)
    np.testing.assert_allclose(quiet[1], loud[1])
    np.testing.assert_allclose(2 * quiet[3], loud[3])
    assert loud[2].mean() > 1.9 * quiet[2].mean()


def test_kld_asks_for_the_same_whatever_the_raters_and_nll_does_not(toys):
    sigma, derived = np.linspace(0.1, 0.3, 5), toys["derived"]
    assert derived("kld", sigma, 3) == pytest.approx(derived("kld", sigma, 60))
    few, many = (derived("nll", sigma, n) for n in (3, 60))
    assert (few > many).all()
    assert derived("nll", sigma, 10**9) == pytest.approx(toys["TAU"] ** 2)


def test_trained_heads_predict_the_derived_variance(toys):
    rank, learned = {}, {}
    for loss in mer.PAPER_LOSSES:
        predicted, sigma = toys["learn"](loss, 10)
        learned[loss], raters = (predicted**2).mean(), (sigma**2).mean()
        rank[loss] = mer.spearman(sigma, predicted).mean()
        expected = toys["derived"](loss, sigma, 10).mean()
        assert learned[loss] == pytest.approx(expected, rel=0.12), loss
    assert learned["nll"] < 0.6 * raters, "NLL has not learned the raters' variance"
    assert learned["kld"] > raters
    assert rank["nll"] < rank["mse"]


# --- the tables of the scorecard ---------------------------------------------------------------


@pytest.fixture(scope="module")
def card():
    five = ("MSE", "KLD", "NLL", "seeds, MSE", "dropout, MSE", "quadratic")
    cells = ("e3e63ff6", "beyond-answers", "beyond-controls-table")
    return run_cells("book/scorecard.ipynb", *cells, five=five)


@pytest.mark.parametrize("labels", ["as_distributed", "corrected"])
def test_the_column_of_deam_follows_from_committed_tables(card, labels):
    stored = mer.read_results("deam_opensmile").scores
    ceilings = mer.ceilings_of(labels)
    answers = card["beyond_paper"](stored[stored["labels"].eq(labels)], ceilings, "deam", labels)
    tried = mer.kept("learners", "scores").query("data == 'deam' and labels == @labels")
    best = tried.query("learner == 'best' and folds == 'artist' and score == 'pearson'")["value"]
    assert answers["Ordinary learner, correlation"].startswith(f"{best.iloc[0]:.2f} [")
    assert card["ordinary"]("", labels)["Ordinary learner, correlation"] == "-"
    top = ceilings.query("part == 'all' and dimension == 'arousal'").iloc[0]
    bracket = f"{max(top['low'], 0):.2f} to {top['high']:.2f}"  # no value in the middle
    assert np.isnan(top["value"]) and answers["Highest possible R2"].endswith(f"/ {bracket}")
    for name in ("MSE", "KLD", "NLL", "seed ensemble", "MC dropout"):
        text = answers[f"{name}, share of the highest rank correlation"]
        assert text.count("%") >= 2 and " / " in text
    assert not answers.str.contains("not computed").any()


def test_controls_have_one_row_for_each_method_and_follow_the_rules(card):
    table = pd.DataFrame(card["rows"]).set_index("method")
    assert list(table.index) == ["MSE", "KLD", "NLL", "seed ensemble", "MC dropout"]
    judged = verdicts(mer.kept("controls", "controls_simulated"))
    for key, label in (("able_60", "able, 60 raters"), ("informative", "informative")):
        for method, rows in judged.groupby("method"):
            every = all(v is True for v in rows[key])
            assert (table.loc[NAMES[method], label] == "yes") == every
    assert table["smallest detectable share"].str.contains("%|none of those").all()


def test_words_of_controls(card):
    for values, word in (
        ((True, True), "yes"),
        ((False, False), "no"),
        ((False, True), "arousal only"),
        ((None, True), "not known"),
    ):
        assert card["in_both"](pd.Series(values, mer.DIMENSIONS, dtype=object)) == word
    row = pd.Series({"share": 0.1, "low": 0.05, "high": np.inf})
    assert card["smallest_share"](row) == "10% [5%, none]"


def test_the_constant_of_each_loss_from_kept_scores_alone():
    """As close as averages can be to what the songs themselves say."""
    cells = ("e3e63ff6", "asked-table")
    stored = mer.read_results("musifeast17").scores.query("labels == 'as_distributed'")
    made = run_cells("book/scorecard.ipynb", *cells, scores={"x": stored}, WHICH="")
    sd = mer.load("musifeast").sd
    for loss in mer.PAPER_LOSSES:
        error = made["figure_of"](stored, loss, "single", "mean", "rmse")
        size = {"mse": sd.mean(0), "nll": error, "kld": np.sqrt((sd**2).mean(0) + error**2)}[loss]
        expected = mer.r2(sd, np.broadcast_to(size, sd.shape))
        np.testing.assert_allclose(made["asked_for"](stored, loss), expected, rtol=0.1, atol=0.02)
