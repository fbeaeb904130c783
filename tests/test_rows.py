import numpy as np
import pandas as pd
import pytest

from mer_utils import metrics
from mer_utils.rows import for_forest, gain_over, in_words, method_rows, pick, score_each


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_rows_are_picked_in_order_and_scores_that_are_not_there_left_out():
    rows = method_rows("kld")
    assert len(rows) == 11 and rows["quadratic"][:2] == ("kld", "quadratic_in_mu")
    table = pd.DataFrame(
        [
            (loss, method, "sd", "r2", d, np.nan if method == "training_mean_sd" else i, 0, 1)
            for i, (loss, method, _) in enumerate(rows.values())
            for d in ("valence", "arousal")
        ],
        columns=["loss", "method", "target", "score", "dimension", "value", "low", "high"],
    ).sample(frac=1, random_state=0)
    drawn = for_forest(pick(table, rows, "sd", "r2"))
    assert drawn["labels"] == [name for name in rows if name != "training mean SD"]
    assert drawn["value"].tolist() == [[i, i] for i in (*range(9), 10)]
    assert drawn["methods"][:4] == ["mse", "kld", "nll", "ensemble"]


def test_gain_is_paired_and_in_words(rng):
    truth = rng.random((80, 2))
    baseline = np.full((1, 80, 2), 0.9)
    predicted = {"same": np.repeat(baseline, 3, axis=0), "perfect": truth[None]}
    table = score_each(gain_over(baseline), truth, predicted, n_resamples=30)
    assert table.query("row == 'same'")[["value", "low", "high"]].abs().max(axis=None) < 1e-12
    expected = 1 - metrics.r2(truth, baseline[0])
    np.testing.assert_allclose(table.query("row == 'perfect'")["value"], expected)
    table = table.assign(value=0.25, low=-0.5, high=1.0)
    assert in_words(table, "same", ".1f") == (
        "0.2 (-0.5 to 1.0) for valence and 0.2 (-0.5 to 1.0) for arousal"
    )
