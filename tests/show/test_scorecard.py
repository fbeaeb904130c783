"""Shares of what is possible: rows of a quantity, and the best method."""

import numpy as np
import pandas as pd
import pytest

from mer_utils.results import read_results
from mer_utils.show import scorecard
from mer_utils.show.tables import method_rows

CEILINGS = pd.DataFrame(
    [
        (part, dimension, 0.16, low, 0.25)
        for part in ("all", "beyond the mean")
        for dimension, low in (("valence", 0.04), ("arousal", 0.0))
    ],
    columns=["part", "dimension", "value", "low", "high"],
)


def scores(best="KLD"):
    """Every method scores 0.1 of R2 and correlation, the best one and the trivial ones 0.2."""
    rows = []
    for name, (loss, method, _) in method_rows("mse").items():
        value = 0.2 if name in (best, "training mean SD", "quadratic") else 0.1
        for target, score in scorecard.QUANTITIES.values():
            if method == "training_mean_sd" and score != "r2":
                value = np.nan
            for d in ("valence", "arousal"):
                rows.append((loss, method, target, score, d, value, value - 0.05, value + 0.05))
    names = ["loss", "method", "target", "score", "dimension", "value", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def test_a_quantity_comes_with_its_shares():
    r2 = scorecard.picked(scores(), CEILINGS, "R2").set_index(["row", "dimension"])
    assert list(r2.index.get_level_values("row").unique()) == list(method_rows("mse"))
    row = r2.loc[("KLD", "valence")]
    assert row[["share", "share_low", "share_high"]].tolist() == pytest.approx([1.25, 0.6, 6.25])
    rank = scorecard.picked(scores(), CEILINGS, "rank correlation")
    assert "training mean SD" not in set(rank["row"])  # a constant has no ranks
    rank = rank.set_index(["row", "dimension"])
    assert rank.loc[("KLD", "valence"), "share"] == pytest.approx(0.5)
    assert np.isinf(rank.loc[("KLD", "arousal"), "share_high"])  # the ceiling may be 0


def test_the_best_is_a_trained_method():
    for best in ("KLD", "dropout, NLL"):
        name, rows = scorecard.best(scores(best), CEILINGS, "rank correlation")
        assert name == best and rows["value"].tolist() == [0.2, 0.2]


def test_older_tables_say_what_is_missing():
    old = scores().query("target != 'sd_beyond_mean'")
    with pytest.raises(ValueError, match="no row of sd_beyond_mean.*mer run"):
        scorecard.best(old, CEILINGS, "correlation beyond the mean")


@pytest.mark.parametrize("study", ["simulated", "deam_opensmile"])
def test_what_mer_run_says_fits_and_names_every_loss(study):
    lines = scorecard.study_lines(read_results(study), "quick")
    assert max(map(len, lines)) <= 78
    assert lines[1] == "quick profile: for looking, not for quoting"
    for loss in ("MSE", "KLD", "NLL"):
        assert any(line.startswith(f"R2 of the SD, {loss}") for line in lines)
    assert scorecard.study_lines(read_results(study), "paper")[1].startswith("claims of the paper")
