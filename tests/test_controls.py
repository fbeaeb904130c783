"""Controls: the data hold what they say, the rules judge as they are written."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from mer_utils import controls
from mer_utils.control_data import (
    DEAM_SPREAD,
    control,
    feature_signal,
    perfect_labels,
    semi_synthetic,
    shuffled,
    simulated_control,
)
from mer_utils.controls import METHODS, judge, rows_of, run_control, score_sd, where
from mer_utils.controls_study import committed, honest_power, interval_factor, plan
from mer_utils.experiment import Experiment
from mer_utils.metrics import pearson, spearman
from mer_utils.simulate import simulate_songs
from mer_utils.training import Protocol

FAST = Protocol(epochs=15, hidden=32, batch_size=16, learning_rate=5e-3, dropout=0.2)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return simulated_control(
        "deam_like", 10, n_songs=400, n_features=20, cache=tmp_path_factory.mktemp("c")
    )


def test_the_deam_like_spread_is_that_of_the_simulator():
    assert simulate_songs("deam_like").true_sd.std(0) == pytest.approx(DEAM_SPREAD, abs=5e-4)


def test_the_signal_is_a_function_of_the_features_and_not_of_the_mean(songs):
    signal = feature_signal(songs.features, songs.rating_mean, 3)
    assert signal.mean(0) == pytest.approx(0, abs=1e-9) and signal.std(0) == pytest.approx(1)
    assert np.abs(signal).max() < 3.2
    mean = songs.rating_mean
    for known in (mean, mean**2, mean[:, ::-1]):
        assert np.abs(pearson(known, signal)).max() < 0.06
    # a linear model on 20 features finds it; on other songs' features it does not
    x = np.column_stack([np.ones(len(songs)), songs.features])
    for rows, expected in ((x, True), (x[::-1], False)):
        fit = rows @ np.linalg.lstsq(rows[:200], signal[:200], rcond=None)[0]
        assert (pearson(signal[200:], fit[200:]) > 0.8).all() == expected


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_is_what_it_says(songs, share):
    made = semi_synthetic(songs, share, (0.2, 0.2), seed=5)
    mean = np.clip(songs.rating_mean, 1.8, 8.2)
    signal = feature_signal(songs.features, mean, 5)
    assert pearson(made.true_sd, signal) ** 2 == pytest.approx(share, abs=0.1)
    assert made.true_sd.std(0) == pytest.approx([0.2, 0.2], abs=0.03)
    assert made.simulated and "simulated" in made.name
    assert made.features is songs.features
    assert np.abs(made.true_mean - mean).max() < 1e-3


def test_many_raters_show_the_true_sd_and_ten_do_not(songs):
    many = semi_synthetic(songs, 0.5, (0.3, 0.3), n_raters=800)
    ten = semi_synthetic(songs, 0.5, (0.3, 0.3), n_raters=10)
    assert (spearman(many.true_sd, many.rating_sd) > 0.97).all()
    assert (spearman(ten.true_sd, ten.rating_sd) < 0.8).all()
    np.testing.assert_array_equal(many.true_sd, ten.true_sd)
    assert np.abs(many.rating_mean - many.true_mean).max() < 0.3


def test_homoscedastic_songs_differ_by_luck_alone(songs):
    made = control("homoscedastic", songs)
    assert made.true_sd.std(0).max() < 1e-9 and (made.rating_sd.std(0) > 0.2).all()
    table = score_sd(made, np.arange(400), np.zeros(400, int), {"mse": made.sd[None]}, 20)
    assert set(table["against"]) == {"raters"}, "a constant truth has no correlation"


def test_shuffled_keeps_pairs_of_sds_and_breaks_their_songs(songs):
    made = shuffled(songs, 1)
    pairs = [sorted(map(tuple, some.rating_sd)) for some in (songs, made)]
    assert pairs[0] == pairs[1] and made.true_sd is None
    assert np.abs(spearman(songs.rating_sd, made.rating_sd)).max() < 0.2
    np.testing.assert_array_equal(made.rating_mean, songs.rating_mean)


def test_what_is_wrong_is_named(songs):
    with pytest.raises(ValueError, match="unknown control 'plantd'"):
        control("plantd", songs)
    with pytest.raises(ValueError, match=r"share=1.5 must lie in \[0, 1\]"):
        semi_synthetic(songs, 1.5, (0.2, 0.2))
    with pytest.raises(ValueError, match="no oracle"):
        perfect_labels(shuffled(songs))


def test_scores_know_truth_from_raters(songs):
    place, fold = np.arange(400), np.repeat([0, 1], 200)
    table = score_sd(songs, place, fold, {"mse": songs.true_sd[None] / 4}, 50)
    value = table.set_index(["method", "against", "score", "dimension"])["value"]
    assert value["mse", "truth", "spearman", "valence"] == pytest.approx(1)
    assert value["mse", "truth", "r2", "arousal"] == pytest.approx(1)
    same = [value[m, "raters", "spearman", "valence"] for m in ("mse", "truth")]
    assert same[0] == pytest.approx(same[1]) and 0 < same[0] < 0.8


def verdict_table(**changed):
    """Every method passes everything, but for what is changed: key -> (value, low, high)."""
    rows = []
    for name in ("planted", "deam_like", "none"):
        for n in (10, 60):
            for method in (*METHODS, "oracle"):
                for against in ("truth", "raters"):
                    for d in ("valence", "arousal"):
                        good = (0.0, -0.1, 0.1) if name == "none" else (0.5, 0.4, 0.6)
                        got = changed.get(f"{name}_{n}_{method}_{against}", good)
                        rows.append((name, n, method, against, "spearman", d, *got))
    names = "control n_raters method against score dimension value low high".split()
    return pd.DataFrame(rows, columns=names)


@pytest.mark.parametrize(
    ("changed", "lost"),
    [
        ({}, []),
        ({"planted_10_mse_truth": (0.24, 0.1, 0.3)}, ["able_10", "informative"]),  # half of oracle
        ({"planted_10_mse_truth": (0.25, 0.1, 0.3)}, []),
        ({"planted_10_mse_truth": (0.3, 0.0, 0.5)}, ["able_10", "informative"]),
        ({"planted_60_mse_truth": (0.1, 0.05, 0.2)}, ["able_60"]),
        ({"deam_like_10_mse_truth": (0.2, 0.1, 0.3)}, ["informative"]),
        ({"deam_like_10_mse_raters": (0.1, -0.01, 0.2)}, ["informative"]),
        ({"none_10_mse_truth": (0.1, 0.01, 0.2)}, ["silent"]),
        ({"none_10_mse_truth": (-0.1, -0.2, -0.01)}, ["silent"]),
    ],
)
def test_the_rules_judge_as_written(changed, lost):
    judged = judge(verdict_table(**changed))
    assert len(judged) == 2 * len(METHODS)
    for row in judged.to_dict("records"):
        for column in ("able_10", "able_60", "informative", "silent"):
            assert row[column] is not (row["method"] == "mse" and column in lost), (row, column)


def test_a_missing_control_gives_no_verdict():
    judged = judge(verdict_table().query("control != 'none' and n_raters == 10"))
    assert judged["able_60"].isna().all() and judged["silent"].isna().all()
    assert judged["able_10"].all()


def test_methods_in_words():
    judged = judge(verdict_table(planted_10_nll_truth=(0.1, 0.0, 0.2)))
    assert where(judged, "able_10") == "MSE, KLD, seed ensemble and MC dropout"
    assert where(judged[judged["method"].eq("nll")], "able_10") == "no method"
    assert where(judged[judged["method"].eq("kld")], "able_10") == "KLD"


def test_a_control_runs_from_end_to_end(songs, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    tiny = Experiment(n_seeds=2, n_folds=2, protocol=FAST)
    table = run_control("strong_signal", songs, tiny, ensemble=3, n_resamples=20)
    assert set(table["method"]) == {*METHODS, "oracle", "truth"}
    seeds = table.groupby("method")["n_seeds"].first()
    assert (seeds[["mse", "kld", "ensemble", "mc_dropout", "oracle"]] == [3, 2, 1, 3, 2]).all()
    assert (table["n_songs"] == 400).all()
    rows = rows_of(table, "strong_signal", 10)
    assert list(rows["row"].unique())[:2] == ["MSE", "KLD"] and rows["row"].iloc[-1] == "oracle"
    oracle = rows[rows["row"].eq("oracle")]
    assert (oracle["value"] > 0.4).all(), "the oracle finds a strong signal"
    assert len(list((tmp_path / "experiments").glob("*.npz"))) == 8  # 3 losses and oracle, 2 folds


def test_every_control_stands_in_the_plan():
    names = {name for dataset in ("simulated", "deam") for name, _ in plan(dataset)}
    known = {line.split("``")[1] for line in controls.__doc__.splitlines() if line[:2] == "``"}
    assert names == {name for name in known if name not in ("able", "informative", "silent")}


@pytest.mark.parametrize("name", ["controls_simulated", "controls_deam", "power_deam"])
def test_committed_tables_hold_no_song(name):
    table = committed(name)
    assert not {"song", "song_id"} & set(table) and (table["n_songs"] == 1744).all()
    defined = table.dropna(subset=["low"])
    assert (defined["low"] <= defined["value"]).mean() > 0.99
    assert (ROOT / "results/controls" / f"provenance_{name.split('_')[1]}.json").is_file()


def test_a_missing_table_says_how_to_make_it(tmp_path):
    with pytest.raises(ValueError, match="controls_study --dataset deam"):
        committed("power_deam", tmp_path)


def test_power_is_judged_by_intervals_that_are_wide_enough():
    before, after = committed("power_deam"), honest_power()
    assert interval_factor() > 1.1
    assert ((after["high"] - after["low"]) > (before["high"] - before["low"])).all()
    assert not (after["detected"] & ~before["detected"]).any()  # nothing new is found
    assert after["detected"].sum() < before["detected"].sum()
