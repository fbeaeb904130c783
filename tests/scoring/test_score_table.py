"""Predictions of every method, and one row for each score of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from untrained import DATA, METHODS, five_folds, untrained

import mer_utils as mer
from mer_utils.model.sampling import aggregate
from mer_utils.scoring import intervals, metrics
from mer_utils.scoring.score_table import (
    CONSTANT,
    TRIVIAL,
    Predictions,
    predictions,
    recalibrated,
    score_table,
    within_folds,
)


def test_every_method_is_there_with_its_own_mean_and_sd():
    result = untrained(DATA)
    got = predictions(result, passes=4)
    assert list(got.methods) == METHODS
    n = len(result.split.test)
    members = {"seed_ensemble": 1, "seed_ensemble_total": 1}
    for name, (mu, sigma) in got.methods.items():
        assert mu.shape == sigma.shape == (members.get(name, 3), n, 2)
        assert np.isfinite(mu).all() and (sigma > 0).all()
    np.testing.assert_array_equal(got.mean, DATA.mean[result.split.test])
    np.testing.assert_array_equal(got.sd, DATA.sd[result.split.test])
    np.testing.assert_array_equal(got.song, DATA.song_id[result.split.test])

    mu, sigma = result.test(result.mu), result.test(result.sigma)
    np.testing.assert_array_equal(got.methods["single"], (mu, sigma))
    spread = mu.astype(float).std(0, ddof=1)
    for name, expected in {
        "seed_ensemble": spread,
        "seed_ensemble_total": np.sqrt((sigma.astype(float) ** 2).mean(0) + spread**2),
    }.items():
        np.testing.assert_allclose(got.methods[name][0][0], mu.mean(0), atol=1e-6)
        np.testing.assert_allclose(got.methods[name][1][0], expected, rtol=1e-6)
    dropout = aggregate(*result.mc_dropout(4))
    np.testing.assert_array_equal(got.methods["mc_dropout"], (dropout.mean, dropout.spread))
    np.testing.assert_array_equal(got.methods["mc_dropout_total"], (dropout.mean, dropout.total))
    for name in TRIVIAL:
        np.testing.assert_array_equal(got.methods[name][0], mu)


def test_one_seed_has_no_ensemble():
    got = predictions(untrained(DATA, n_seeds=1), passes=3)
    assert list(got.methods) == [m for m in METHODS if not m.startswith("seed_ensemble")]


def test_trivial_predictors_come_from_training_songs_alone():
    result = untrained(DATA)
    before = predictions(result, passes=2)
    np.testing.assert_allclose(
        before.methods["training_mean_sd"][1],
        np.broadcast_to(DATA.sd[result.split.train].mean(0), (3, len(before.sd), 2)),
    )

    def with_sd(rows):
        sd = DATA.rating_sd.copy()
        sd[rows] = 4 - sd[rows]
        return predictions(replace(result, songs=replace(DATA, rating_sd=sd)), passes=2)

    unseen = np.concatenate([result.split.test, result.split.validation])
    for name in TRIVIAL:
        np.testing.assert_array_equal(before.methods[name], with_sd(unseen).methods[name])
        moved = with_sd(result.split.train[:5]).methods[name][1]
        assert abs(moved - before.methods[name][1]).max() > 1e-3


def test_the_quadratic_recovers_a_planted_quadratic():
    result = untrained(DATA)
    planted = 0.4 + 0.1 * result.mu[1] - 0.3 * result.mu[1] ** 2  # member 1 alone knows it
    result = replace(result, songs=replace(DATA, rating_sd=4.0 * planted))
    got = predictions(result, passes=2)
    mu, sigma = got.methods["quadratic_in_mu"]
    np.testing.assert_allclose(sigma[1], planted[result.split.test], atol=1e-6)
    assert metrics.r2(got.sd, sigma)[1].min() > 0.999 > metrics.r2(got.sd, sigma)[0].max()


def test_the_quadratic_never_predicts_a_negative_spread():
    result = untrained(DATA)
    steep = np.maximum(0.2 + 2 * (result.mu[0] - result.mu[0].mean(0)), 0)
    got = predictions(replace(result, songs=replace(DATA, rating_sd=4.0 * steep)), passes=2)
    assert got.methods["quadratic_in_mu"][1].min() >= 1e-3


def test_folds_put_together_score_every_song_once_with_its_own_truth():
    got = predictions(five_folds(DATA), passes=2)
    np.testing.assert_array_equal(np.sort(got.song), DATA.song_id)
    rows = got.song - DATA.song_id[0]
    np.testing.assert_array_equal(got.mean, DATA.mean[rows])
    np.testing.assert_array_equal(got.sd, DATA.sd[rows])
    for mu, sigma in got.methods.values():
        assert mu.shape[1] == sigma.shape[1] == len(DATA)
    fold = untrained(DATA, 2)
    there = np.isin(got.song, DATA.song_id[fold.split.test])
    np.testing.assert_array_equal(got.methods["single"][0][:, there], fold.test(fold.mu))


# The table -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def holdout():
    got = predictions(untrained(DATA), passes=3)
    return got, score_table(got, n_resamples=40)


def test_table_has_one_row_per_method_target_score_and_dimension(holdout):
    _, table = holdout
    assert not table.duplicated(["method", "target", "score", "dimension"]).any()
    targets = table.groupby("method").target.unique().map(set)
    for method in METHODS:
        expected = {"sd", "forecast"}
        if method not in CONSTANT:
            expected.add("sd_beyond_mean")
        if method not in TRIVIAL and not method.endswith("_total"):
            expected.add("mean")
        assert targets[method] == expected
    sizes = {
        "mean": set(metrics.POINT_SCORES),
        "sd": set(metrics.POINT_SCORES) | set(metrics.SPREAD_SCORES) | {"r2_recalibrated"},
        "sd_beyond_mean": {"pearson"},
        "forecast": set(metrics.FORECAST_SCORES),
    }
    for (_, target, _), part in table.groupby(["method", "target", "dimension"]):
        assert set(part.score) == sizes[target]


def test_nothing_is_missing_where_it_is_defined(holdout):
    _, table = holdout
    # a constant has no correlation; extremes and areas have no bootstrap interval
    constant = (table.method == "training_mean_sd") & (table.target == "sd")
    undefined = constant & table.score.isin(["pearson", "spearman"])
    no_interval = table.score.isin(["smallest", "largest", "miscalibration_area"])
    assert undefined.sum() == 4 and no_interval.sum() > 0
    numbers = ["value", "low", "high", "seed_low", "seed_high"]
    assert table.loc[undefined, numbers].isna().all().all()
    assert table.loc[no_interval, ["low", "high"]].isna().all().all()
    assert table.loc[no_interval, ["value", "seed_low", "seed_high"]].notna().all().all()
    assert table.loc[~undefined & ~no_interval, numbers].notna().all().all()


def test_figures_of_a_row_are_those_of_the_scores(holdout):
    got, table = holdout
    table = table.set_index(["method", "target", "score", "dimension"])
    mu, sigma = got.methods["single"]
    for d, dimension in enumerate(("valence", "arousal")):
        for target, score, members in (
            ("mean", "r2", metrics.r2(got.mean, mu)),
            ("sd", "spearman", metrics.spearman(got.sd, sigma)),
            ("forecast", "crps", metrics.crps(got.mean, mu, sigma)),
            ("forecast", "coverage_80", metrics.coverage(got.mean, mu, sigma, 0.8)),
        ):
            row, members = table.loc["single", target, score, dimension], members[:, d]
            assert row.value == pytest.approx(members.mean())
            assert (row.seed_low, row.seed_high) == (members.min(), members.max())
            assert row.n_seeds == 3 and row.n_songs == len(got.mean)
    assert (table.low.dropna() <= table.high.dropna()).all()
    _, low, high = intervals.bootstrap(metrics.r2, got.mean, mu, n_resamples=40)
    row = table.loc["single", "mean", "r2", "arousal"]
    assert (row.low, row.high) == (low[1], high[1])


def test_scores_are_averaged_within_folds():
    got = predictions(five_folds(DATA), passes=2)
    mu = got.methods["single"][0]
    by_hand = [metrics.r2(got.mean[got.fold == k], mu[:, got.fold == k]) for k in range(5)]
    np.testing.assert_allclose(
        within_folds(metrics.r2, got.fold)(got.mean, mu), np.mean(by_hand, 0)
    )
    row = score_table(got, 20).query("method == 'single' and target == 'mean' and score == 'r2'")
    np.testing.assert_allclose(row["value"], np.mean(by_hand, (0, 1)))


def test_knowing_only_the_training_mean_is_not_a_negative_correlation():
    """Pooled over folds it could be: a fold with high SDs leaves a low training mean."""
    got = predictions(five_folds(DATA), passes=2)
    sigma = got.methods["training_mean_sd"][1]
    assert np.isfinite(metrics.pearson(got.sd, sigma)).all()  # five constants, one for each fold
    assert np.isnan(within_folds(metrics.pearson, got.fold)(got.sd, sigma)).all()
    table = score_table(got, 20).query("method == 'training_mean_sd' and score == 'spearman'")
    assert table[["value", "low", "high"]].isna().all(axis=None)


# Beyond the mean -----------------------------------------------------------------------------


def beyond(table, method="single"):
    return table[table["method"].eq(method) & table["target"].eq("sd_beyond_mean")]


def test_beyond_the_mean_is_a_correlation_of_residuals_within_folds():
    got = predictions(five_folds(DATA), passes=2)
    sigma, members = got.methods["single"][1], []
    for member in sigma:
        by_fold = []
        for k in range(5):
            rows = got.fold == k
            left = []
            for values in (got.sd, member):
                fits = [np.polyfit(got.mean[rows, d], values[rows, d], 2) for d in (0, 1)]
                told = [np.polyval(fit, got.mean[rows, d]) for d, fit in enumerate(fits)]
                left.append(values[rows] - np.stack(told, axis=1))
            by_fold.append([np.corrcoef(left[0][:, d], left[1][:, d])[0, 1] for d in (0, 1)])
        members.append(np.mean(by_fold, axis=0))
    rows = beyond(score_table(got, 20))
    np.testing.assert_allclose(rows["value"], np.mean(members, axis=0), atol=1e-6)
    np.testing.assert_allclose(rows["seed_low"], np.min(members, axis=0), atol=1e-6)
    assert (rows["low"] < rows["high"]).all() and set(rows["n_songs"]) == {len(DATA)}


def test_what_is_planted_beyond_the_mean_is_found_and_the_mean_is_not():
    rng = np.random.default_rng(3)
    n = 600
    mean, own = rng.uniform(-0.8, 0.8, (n, 2)), rng.normal(0, 0.05, (n, 2))
    sd = 0.5 - 0.3 * mean**2 + own + rng.normal(0, 0.05, (n, 2))
    sigmas = {
        "own": 0.4 + own,
        "own and mean": 0.6 + own - 0.5 * mean**2 + 0.1 * mean,
        "mean": 0.5 - 0.3 * mean**2 + rng.normal(0, 0.01, (n, 2)),
        "against": 0.4 - own,
    }
    methods = {name: (mean[None], sigma[None]) for name, sigma in sigmas.items()}
    got = Predictions(mean, sd, np.arange(n), np.arange(n) % 5, methods)
    table = score_table(got, 100)
    for name, value in {"own": 0.71, "own and mean": 0.71, "mean": 0.0, "against": -0.71}.items():
        rows = beyond(table, name)
        np.testing.assert_allclose(rows["value"], value, atol=0.09)
        assert ((rows["low"] - 0.03 < value) & (value < rows["high"] + 0.03)).all()
    plain = table.query("method == 'mean' and target == 'sd' and score == 'pearson'")
    assert (plain["value"] > 0.5).all()  # the mean alone looks good until it is taken out


def test_a_constant_is_not_asked_beyond_the_mean(holdout):
    _, table = holdout
    assert set(beyond(table, "training_mean_sd").index) == set()
    assert len(beyond(table, "quadratic_in_mu")) == 2


def test_score_takes_one_result_or_all_folds():
    one = untrained(DATA)
    whole = mer.score(one, passes=2, n_resamples=5)
    pd.testing.assert_frame_equal(whole, score_table(predictions(one, 2), 5))
    folds = five_folds(DATA)
    whole = mer.score(folds, passes=2, n_resamples=5)
    pd.testing.assert_frame_equal(whole, score_table(predictions(folds, 2), 5))


# After a line has mended level and spread -----------------------------------------------------


def test_a_prediction_that_is_a_line_of_the_truth_scores_one():
    rng = np.random.default_rng(4)
    sd = rng.uniform(0.2, 0.6, (80, 2))
    sigma = np.stack([0.01 + 0.02 * sd, 3 - 5 * sd])  # too small and narrow; the wrong way round
    mended = recalibrated(sd[:30], sigma[:, :30], sigma[:, 30:])
    np.testing.assert_allclose(metrics.r2(sd[30:], mended), 1)
    assert (metrics.r2(sd[30:], sigma[:, 30:]) < -1).all()


def test_an_uninformative_prediction_scores_slightly_below_0():
    rng = np.random.default_rng(5)
    n, draws = 50, 400
    sd, sigma = rng.uniform(0.2, 0.6, (draws, 2 * n, 2)), rng.normal(9, 1, (draws, 2 * n, 2))
    found = [
        metrics.r2(s[n:], recalibrated(s[:n], p[None, :n], p[None, n:]))
        for s, p in zip(sd, sigma, strict=True)
    ]
    # a level and a slope from n songs, and the mean of n scored songs: about -3 / n
    assert np.mean(found) == pytest.approx(-3 / n, abs=0.01)
    constant = recalibrated(sd[0, :n], np.ones((1, n, 2)), np.ones((1, n, 2)))
    np.testing.assert_allclose(constant[0, 0], sd[0, :n].mean(0))


def test_the_line_is_fitted_to_validation_songs_alone():
    result = untrained(DATA)
    before = predictions(result, passes=2)
    assert list(before.recalibrated) == METHODS

    def with_sd(rows):
        sd = DATA.rating_sd.copy()
        sd[rows] = 4 - sd[rows]
        return predictions(replace(result, songs=replace(DATA, rating_sd=sd)), passes=2)

    unseen = with_sd(np.concatenate([result.split.test, result.split.train]))
    moved = with_sd(result.split.validation[:3])
    for name in METHODS:
        assert before.recalibrated[name].shape == before.methods[name][1].shape
        if name not in TRIVIAL:  # those are made of the training songs' SDs
            np.testing.assert_array_equal(unseen.recalibrated[name], before.recalibrated[name])
        assert abs(moved.recalibrated[name] - before.recalibrated[name]).max() > 1e-3


def test_each_fold_has_its_own_line_and_the_score_is_in_the_table():
    got = predictions(five_folds(DATA), passes=2)
    one = predictions(untrained(DATA, 2), passes=2)
    for name in METHODS:
        here = got.recalibrated[name][:, got.fold == 2]
        np.testing.assert_allclose(here, one.recalibrated[name])
    table = score_table(got, 20).query("score == 'r2_recalibrated'")
    assert set(table["method"]) == set(METHODS) and set(table["target"]) == {"sd"}
    expected = within_folds(metrics.r2, got.fold)(got.sd, got.recalibrated["single"]).mean(0)
    np.testing.assert_allclose(table.query("method == 'single'")["value"], expected)


def test_a_line_through_songs_known_by_heart_is_too_steep():
    rng = np.random.default_rng(6)
    n, better = 100, []
    for _ in range(40):
        sd = 0.4 + 0.1 * rng.normal(size=(3, n, 2))  # training, validation and test songs
        heard = 0.1 * (sd - 0.4) + 0.02 * rng.normal(size=sd.shape)  # what a head makes of new ones
        heart = 0.1 * (sd - 0.4) + 0.002 * rng.normal(size=sd.shape)
        by_train = recalibrated(sd[0], heart[:1], heard[2:])
        by_validation = recalibrated(sd[1], heard[1:2], heard[2:])
        better.append(metrics.r2(sd[2], by_validation) - metrics.r2(sd[2], by_train))
    assert np.mean(better) > 1
