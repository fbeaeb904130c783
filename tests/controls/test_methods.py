"""Controls: the methods run on them, and the rules judge as they are written."""

import numpy as np
import pandas as pd
import pytest

from mer_utils.controls.data import control, simulated_control
from mer_utils.controls.methods import METHODS, false_alarms, run_control, score_sd, verdicts
from mer_utils.model.experiment import Experiment
from mer_utils.model.training import Protocol

FAST = Protocol(epochs=15, hidden=32, batch_size=16, learning_rate=5e-3, dropout=0.2)


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return simulated_control(
        "deam_like", 10, n_songs=400, n_features=20, cache=tmp_path_factory.mktemp("c")
    )


def test_scores_know_truth_from_raters(songs):
    place, fold = np.arange(400), np.repeat([0, 1], 200)
    table = score_sd(songs, place, fold, {"mse": songs.true_sd[None] / 4}, 50)
    value = table.set_index(["method", "against", "score", "dimension"])["value"]
    assert value["mse", "truth", "spearman", "valence"] == pytest.approx(1)
    assert value["mse", "truth", "r2", "arousal"] == pytest.approx(1)
    same = [value[m, "raters", "spearman", "valence"] for m in ("mse", "truth")]
    assert same[0] == pytest.approx(same[1]) and 0 < same[0] < 0.8


def test_a_constant_truth_is_not_scored(songs):
    made = control("homoscedastic", songs)
    table = score_sd(made, np.arange(400), np.zeros(400, int), {"mse": made.sd[None]}, 20)
    assert set(table["against"]) == {"raters"}


def nulls(n=200, **alarms):
    """Every method leaves out 0 in one draw of twenty, but for what is changed."""
    rows = [(method, score, k, n, alarms.get(method, 0.05) if (score, k) == ("spearman", 4) else 0)
            for method in METHODS for score in ("spearman", "r2") for k in (1, 4)]  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "score", "n_seeds", "n", "alarms"])


def test_silence_is_a_rate_of_false_alarms():
    found = false_alarms(nulls(mse=0.075, kld=0.085, nll=0.3, ensemble=0.0))
    assert found["silent"].to_dict() == {
        "mse": True, "kld": False, "nll": False, "ensemble": True, "mc_dropout": True,
    }  # fmt: skip
    # Wilson's interval for 0 of 200: z^2 / (200 + z^2)
    assert found.loc["ensemble", "high"] == pytest.approx(1.96**2 / (200 + 1.96**2), abs=1e-3)
    judged = verdicts(verdict_table(), nulls(nll=0.3)).set_index("method")["silent"]
    assert not judged["nll"].any() and judged["mse"].all()
    some = verdicts(verdict_table(), nulls().query("method == 'nll'")).set_index("method")
    assert some.loc["nll", "silent"].all() and some.loc["mse", "silent"].isna().all()


def verdict_table(**changed):
    """Every method passes everything, but for what is changed: key -> (value, low, high)."""
    rows = []
    for name in ("planted", "deam_like", "none"):
        for n in (10, 60):
            for method in (*METHODS, "perfect_labels"):
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
        ({"planted_10_mse_truth": (0.24, 0.1, 0.3)}, ["able_10", "informative"]),  # half of perfect
        ({"planted_10_mse_truth": (0.25, 0.1, 0.3)}, []),
        ({"planted_10_mse_truth": (0.3, 0.0, 0.5)}, ["able_10", "informative"]),
        ({"planted_60_mse_truth": (0.1, 0.05, 0.2)}, ["able_60"]),
        ({"deam_like_10_mse_truth": (0.2, 0.1, 0.3)}, ["informative"]),
        ({"deam_like_10_mse_raters": (0.1, -0.01, 0.2)}, ["informative"]),
        ({"none_10_mse_truth": (0.1, 0.01, 0.2)}, []),  # one draw says nothing of silence
    ],
)
def test_the_rules_judge_as_written(changed, lost):
    judged = verdicts(verdict_table(**changed), nulls())
    assert len(judged) == 2 * len(METHODS)
    for row in judged.to_dict("records"):
        for column in ("able_10", "able_60", "informative", "silent"):
            assert row[column] is not (row["method"] == "mse" and column in lost), (row, column)


def test_a_missing_control_gives_no_verdict():
    judged = verdicts(verdict_table().query("control != 'none' and n_raters == 10"), nulls())
    assert judged["able_60"].isna().all()
    assert judged["able_10"].all()


def test_a_control_runs_from_end_to_end(songs, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_CACHE", str(tmp_path))
    tiny = Experiment(n_seeds=2, n_folds=2, protocol=FAST)
    table = run_control("strong_signal", songs, tiny, ensemble=3, n_resamples=20)
    assert set(table["method"]) == {*METHODS, "perfect_labels", "truth"}
    seeds = table.groupby("method")["n_seeds"].first()
    assert (
        seeds[["mse", "kld", "ensemble", "mc_dropout", "perfect_labels"]] == [3, 2, 1, 3, 2]
    ).all()
    assert (table["n_songs"] == 400).all()
    best = table.query("method == 'perfect_labels' and against == 'truth' and score == 'spearman'")
    assert (best["value"] > 0.4).all(), "perfect labels teach a strong signal"
    assert (
        len(list((tmp_path / "experiments").glob("*.npz"))) == 8
    )  # 3 losses, perfect labels, 2 folds
