"""Tables of scores and paired differences: against sums over single ratings, and known errors."""

from dataclasses import replace

import judge as study
import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import r2_score
from small_case import as_fit, small_case

from mer_utils.methods.listeners import maximum_entropy
from mer_utils.scoring import next_listener
from mer_utils.scoring.verdicts import holm

TURNS = [small_case(turn=k, n_judges=(4, 12)[k]) for k in (0, 1)]
CASE = TURNS[0]
TRUE = CASE.judges["truth"]
RNG = np.random.default_rng(0)
NOISE = RNG.normal(size=TRUE.sd.shape)


def fits(case):
    """The bar, a method that knows, and one that only guesses."""
    said = {"mean_only": 0.4, "ridge": TRUE.sd * np.sqrt(19 / 20), "mse": 0.4 + 0.06 * NOISE}
    said |= {"constant": 0.5, "kld": 0.4 + 0.03 * NOISE}
    return {name: as_fit(case, TRUE.mean, sigma) for name, sigma in said.items()}


FITS = [fits(case) for case in TURNS]


def test_every_listener_counts_once_over_turns():
    scores, pairs = study.together(TURNS, FITS, "ridge")
    p = maximum_entropy(TRUE.mean, FITS[0]["ridge"].predicted.sigma[0], 5)
    everyone = sum(case.judges["held out"].counts for case in TURNS)
    expected = 2 * next_listener.crps(p, everyone)
    np.testing.assert_allclose(scores["held out", "crps"], expected)
    assert len(pairs["held out"]) == 2 and pairs["truth"][0][0] is TRUE.sd


def test_an_sd_of_few_is_stepped_up_to_that_of_all():
    (truth, said, _), _ = study.together(TURNS, FITS, "ridge")[1]["truth"]
    np.testing.assert_allclose(said[0], truth)
    rows = study.score_rows(TURNS, FITS, weights=study.weights_of(TURNS, 20))
    rows = rows[rows["method"].eq("ridge") & rows["judges"].eq("truth")].set_index("score")
    for score in ("r2", "spearman", "pearson", "r2_recalibrated"):
        assert (rows.loc[score, "value"] > (0.97 if "recal" in score else 0.999)).all()


def test_scores_of_the_sd_are_averages_within_folds_over_turns_and_seeds():
    two = [
        f | {"mse": f["mse"]._replace(predicted=f["mse"].predicted._replace(
            sigma=np.concatenate([f["mse"].predicted.sigma, f["ridge"].predicted.sigma])))}
        for f in FITS
    ]  # fmt: skip
    expected = []
    for case, fit in zip(TURNS, two, strict=True):
        sd, up = case.judges["held out"].sd_of_all, np.sqrt(20 / 19)
        for sigma in fit["mse"].predicted.sigma:
            for split in case.splits:
                rows = split.test
                expected.append([r2_score(sd[rows, d], up * sigma[rows, d]) for d in (0, 1)])
    weights = np.ones((1, len(TRUE.sd)))
    of_turns = [
        (c.judges["held out"].sd_of_all, up * f["mse"].predicted.sigma)
        for c, f in zip(TURNS, two, strict=True)
    ]
    inside = study.within_folds(study.r2, CASE.fold)
    np.testing.assert_allclose(study.averaged(inside, of_turns, 0), np.mean(expected, 0))
    np.testing.assert_allclose(
        study.averaged(inside, of_turns, 0, weights)[0], np.mean(expected, 0)
    )


def test_the_error_is_that_of_cluster_means():
    table = RNG.normal(size=(120, 2)) + RNG.normal(size=(12, 2))[CASE.cluster]
    value, error = study.means(table, study.weights_of([CASE], 20_000), study.clusters(CASE))
    of_clusters = np.array([table[CASE.cluster == c].mean(0) for c in range(12)])
    np.testing.assert_allclose(value, table.mean(0))
    np.testing.assert_allclose(error, of_clusters.std(0, ddof=1) / np.sqrt(12), rtol=0.03)


def test_intervals_of_few_clusters_hold_the_truth():
    rng, place, n = np.random.default_rng(1), np.arange(84) % 7, 1500
    case = replace(CASE, cluster=place)
    weights, held = study.weights_of([case], 400), []
    for _ in range(n):
        table = rng.normal(size=(84, 1)) + rng.normal(size=(7, 1))[place]
        value, error = study.means(table, weights, 7)
        held.append([abs(value[0]) < wide * error[0] for wide in (study.reach(case), 1.96)])
    right, normal = np.mean(held, 0)
    assert right == pytest.approx(0.95, abs=0.02)
    assert normal < 0.92


FACTORS = pd.DataFrame(
    [("ridge", "crps_spread", "mean_only", 3.0), ("ridge", "crps_spread", "mse", 0.4),
     ("ridge", "spearman", np.nan, 2.0)],
    columns=["method", "score", "against", "factor"],
)  # fmt: skip


def test_a_factor_widens_and_never_narrows():
    assert study.factor_of(None, "ridge", "crps_spread") == 1
    assert study.factor_of(FACTORS, "ridge", "crps_spread", "mean_only") == 3
    assert study.factor_of(FACTORS, "ridge", "crps_spread", "mse") == 1
    assert study.factor_of(FACTORS, "ridge", "spearman") == 2
    assert study.factor_of(FACTORS, "mse", "spearman") == 1


def test_differences_are_paired_and_tested_with_t_and_holm():
    weights = study.weights_of(TURNS, 300)
    rows = study.difference_rows(TURNS, FITS, FACTORS, weights)
    assert set(rows["score"]) == {"crps_spread", "log_spread", "crps_own"}
    assert set(rows["against"]) == {"mean_only", "mse"}
    for (_, _), family in rows.groupby(["score", "against"]):
        assert len(family) == 4 * 2
        np.testing.assert_allclose(family["p_holm"], holm(family["p"]))
    place = rows["method"].eq("ridge") & rows["score"].eq("crps_spread")
    one = rows[place & rows["against"].eq("mean_only")].iloc[0]
    ours, bar = (study.together(TURNS, FITS, n)[0] for n in ("ridge", "mean_only"))
    gap = (ours["held out", "crps_spread"] - bar["held out", "crps_spread"])[:, 0]
    assert one["value"] == pytest.approx(gap.mean()) and one["factor"] == 3
    z = one["value"] / (3 * one["error"])
    assert one["p"] == pytest.approx(2 * stats.t.sf(abs(z), 11))
    assert one["high"] - one["value"] == pytest.approx(stats.t.ppf(0.975, 11) * 3 * one["error"])
    words = rows.groupby("verdict")[["p_holm", "value"]]
    assert set(words.groups) <= {"better", "worse", "undecided"}
    for word, part in words:
        assert (part["p_holm"] < 0.05).all() == (word != "undecided")
        if word != "undecided":
            assert ((part["value"] < 0) == (word == "better")).all()


def test_the_truth_is_found_better_and_noise_worse():
    case = small_case(n=360, n_judges=60)
    true = case.judges["truth"]
    noise = np.random.default_rng(2).normal(size=true.sd.shape)
    said = {"mean_only": 0.4, "mse": 0.4 + 0.06 * noise, "ridge": true.sd}
    made = [{name: as_fit(case, true.mean, sigma) for name, sigma in said.items()}]
    rows = study.difference_rows([case], made, weights=study.weights_of([case], 300))
    rows = rows[rows["against"].eq("mean_only")].groupby("method")["verdict"].agg(set)
    assert rows["ridge"] == {"better"} and rows["mse"] == {"worse"}


def test_what_could_be_reached_is_the_score_of_the_truth():
    case = small_case(n=600, n_judges=6, seed=3)
    true = case.judges["truth"]
    rows = study.best_rows([case], study.weights_of([case], 50)).set_index("score")
    p = maximum_entropy(true.mean, true.sd, 5)
    expected = 2 * next_listener.crps(p, p).mean(0)
    np.testing.assert_allclose(rows.loc["crps", "value"], expected, rtol=0.04)
    own = next_listener.log_score(p, p).mean(0)
    assert (rows.loc["log", "value"] < own).all()  # an end that is too good
    assert set(rows["judges"]) == {"held out"}


def test_without_ratings_moments_are_compared():
    moments = replace(CASE, judges={"same": TRUE})
    assert study.compared(moments) == "same" and study.compared(CASE) == "held out"
    assert study.primary_of(moments, "same") == ("dss_spread", "dss_own")
    rows = study.difference_rows([moments], [FITS[0]], weights=study.weights_of([moments], 50))
    assert set(rows["score"]) == {"dss_spread", "dss_own"} and set(rows["judges"]) == {"same"}


def test_a_constant_has_no_rank_and_the_rest_of_its_row():
    rows = study.score_rows([CASE], FITS[:1], weights=study.weights_of([CASE], 30))
    rows = rows[rows["method"].eq("constant")].set_index(["judges", "score"])
    assert rows.loc[("held out", "spearman"), ["value", "low", "high"]].isna().all(axis=None)
    assert rows.loc[("held out", "r2"), "value"].notna().all()
    shown = rows.dropna(subset=["value", "low"])
    assert (shown["low"] <= shown["value"] + 1e-12).all()
