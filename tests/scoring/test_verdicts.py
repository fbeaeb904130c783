"""One verdict for each claim and dimension: distinct facts, and few wrong words."""

import numpy as np
import pandas as pd
import pytest
from claim_rows import BY_KEY, score_rows

from mer_utils.scoring import verdicts
from mer_utils.scoring.claims import CLAIMS, OURS, judge
from mer_utils.scoring.verdicts import decide, holm, interval_factors

FACTS = [claim for claim in CLAIMS + OURS if claim.judged != ()]
SE = 0.02
TEMPLATE = judge(score_rows(0.0, 0.0)).query("judged")
TEMPLATE = TEMPLATE.sort_values(["claim", "dimension"], kind="stable")


def cells_of(values, error=SE):
    """Cells as of ``judge``: ``values`` maps a claim to its scores, (2, n_cells), V and A."""
    template = TEMPLATE[TEMPLATE["claim"].isin(values)]
    value = np.concatenate([np.ravel(values[key]) for key in template["claim"].unique()])
    ends = {"low": value - 1.96 * error, "high": value + 1.96 * error}
    return template.assign(value=value, **ends)


def test_a_fact_is_judged_once():
    facts = {"mean_r2", "alike", "sd_r2", "range", "nll_narrow", "nll_outliers", "rank"}
    assert {claim.key for claim in FACTS} == facts | {"beyond_mean"}
    assert all(method == "single" for _, method in BY_KEY["sd_r2"].judged)
    table = decide(judge(score_rows(0.6, 0.7)))
    assert len(table) == 2 * len(FACTS) and not table.duplicated(["claim", "dimension"]).any()


def test_a_claim_needs_every_cell_and_falls_with_one():
    inside, outside = -0.5, 0.3
    for values, word in (
        ([inside] * 3, "reproduced"),
        ([inside, inside, -0.1], "undecided"),
        ([inside, inside, outside], "not reproduced"),
        ([inside, inside, np.nan], "undecided"),
        ([outside, inside, np.nan], "not reproduced"),
        ([np.nan] * 3, "not testable"),
    ):
        table = decide(cells_of({"sd_r2": [values, values]}))
        assert list(table["verdict"]) == [word, word], values
        assert table["cells"].tolist() == [3, 3]


def test_one_claim_alone_is_decided_as_by_its_interval():
    for value in np.linspace(-0.2, 0.0, 41):
        cells = cells_of({"sd_r2": [[value] * 3] * 2}).query("dimension == 'valence'").iloc[:1]
        alone = BY_KEY["sd_r2"].verdict(*cells[["low", "high"]].iloc[0])
        assert decide(cells)["verdict"].iloc[0] == alone


def test_a_border_that_is_not_known_leaves_more_undecided():
    tops = pd.DataFrame({"target": "sd", "score": "spearman", "dimension": ["valence", "arousal"],
                         "value": np.nan, "low": 0.2, "high": [0.4, np.nan]})  # fmt: skip
    for value, word in ((0.01, "reproduced"), (0.075, "undecided"), (0.15, "not reproduced")):
        scores = score_rows(value - 0.005, value + 0.005)
        cells = judge(scores, tops=tops).query("claim == 'rank'")
        valence = cells.query("dimension == 'valence'")
        assert valence[["upper", "upper_most"]].drop_duplicates().values.tolist() == [[0.05, 0.1]]
        assert set(valence["verdict"]) == {word}
        assert decide(valence)["verdict"].tolist() == [word]
        arousal = cells.query("dimension == 'arousal'")  # no ceiling: the border of old
        assert arousal[["upper", "upper_most"]].drop_duplicates().values.tolist() == [[0.1, 0.1]]


def at_the_border(claim, rng, shared):
    """Scores of all cells, in both dimensions, whose truth lies on the border of the claim."""
    border = claim.upper if np.isfinite(claim.upper) else claim.lower
    n = len(claim.cells if claim.judged is None else claim.judged)
    own, common = rng.normal(size=(2, n)), rng.normal(size=(2, 1))
    return border + SE * (np.sqrt(shared) * common + np.sqrt(1 - shared) * own)


@pytest.mark.parametrize("shared", [0.0, 0.9])
def test_the_chance_of_any_wrong_word_is_at_most_5_percent(shared):
    """On the border both words are wrong: the null of every claim, cells apart or together."""
    rng, wrong, draws = np.random.default_rng(0), 0, 250
    for _ in range(draws):
        values = {claim.key: at_the_border(claim, rng, shared) for claim in FACTS}
        wrong += decide(cells_of(values))["verdict"].ne("undecided").any()
    assert wrong / draws < 0.05 + 2 * np.sqrt(0.05 * 0.95 / draws)
    if shared:
        assert wrong > 0, "the test can fail: cells that go together are judged nearly exactly"


def test_without_holm_words_would_be_wrong_often():
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(60):
        values = {claim.key: at_the_border(claim, rng, 0.9) for claim in FACTS}
        wrong += (decide(cells_of(values))["p"] < 0.05).any()
    assert wrong > 6


def test_holm_by_hand():
    np.testing.assert_allclose(holm([0.01, 0.04, 0.03, np.nan]), [0.03, 0.06, 0.06, np.nan])
    assert holm([]).size == 0 and holm([0.9, 0.8]).tolist() == [1, 1]


def test_wider_intervals_decide_less():
    cells = cells_of({"sd_r2": [[-0.17] * 3] * 2})
    factors = pd.DataFrame({"method": ["mse", "kld"], "score": ["r2", "pearson"], "ratio": 2.0})
    assert set(decide(cells)["verdict"]) == {"reproduced"}
    assert set(decide(cells, factors)["verdict"]) == {"undecided"}, "of its score, else its method"
    for other in (factors.assign(method="mc_dropout"), factors.assign(ratio=0.5)):
        pd.testing.assert_frame_equal(decide(cells, other), decide(cells))


def test_factors_are_read_where_they_are_kept(monkeypatch):
    def missing(study, name):
        raise ValueError(f"{study}/{name} is missing")

    monkeypatch.setattr(verdicts, "kept", missing)
    assert interval_factors() is None
    monkeypatch.setattr(verdicts, "kept", lambda study, name: (study, name))
    assert interval_factors() == ("controls", "intervals_networks")
