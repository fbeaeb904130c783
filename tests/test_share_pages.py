"""Tables of shares: all methods, the scorecard's columns, and the controls."""

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT

from mer_utils import controls, share_pages
from mer_utils.claims import OURS
from mer_utils.results import read_results
from mer_utils.rows import method_rows

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
        for target, score in share_pages.QUANTITIES.values():
            if method == "training_mean_sd" and score != "r2":
                value = np.nan
            for d in ("valence", "arousal"):
                rows.append((loss, method, target, score, d, value, value - 0.05, value + 0.05))
    names = ["loss", "method", "target", "score", "dimension", "value", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def test_every_method_stands_above_the_ceilings():
    table = share_pages.method_table(scores(), CEILINGS)
    names = [name for name in table["method"] if name]
    assert names == [*method_rows("mse"), "highest possible"]
    assert len(table) == 2 * len(names)
    kld = table[table["method"].eq("KLD")].iloc[0]
    assert kld["R2"] == "0.20 = 125% [60%, 625%]"
    assert kld["rank correlation"] == "0.20 = 50% [30%, 125%]"
    last = table.iloc[-2:]
    assert last["R2"].tolist() == ["0.16 [0.04, 0.25]", "0.16 [0.00, 0.25]"]
    assert last["rank correlation"].tolist() == ["0.40 [0.20, 0.50]", "0.40 [0.00, 0.50]"]
    constant = table.iloc[names.index("training mean SD") * 2]
    assert constant["rank correlation"] == "-" and constant["R2"] != "-"


def test_the_best_is_a_trained_method():
    for best in ("KLD", "dropout, NLL"):
        name, rows = share_pages.best(scores(best), CEILINGS, "rank correlation")
        assert name == best and rows["value"].tolist() == [0.2, 0.2]
    words = share_pages.best_in_words(scores(), CEILINGS, "rank correlation")
    assert words == "KLD, with 50% (30% to 125%) for valence and 50% (30% to any) for arousal"


def test_cells_are_counted():
    # arousal's ceiling may be 0, so none of its shares has an upper end
    got = share_pages.counts(scores(), CEILINGS, "rank correlation")
    assert got == {"n": 18, "above": 18, "full": 9 + 1}
    low = scores().assign(low=-0.1)
    assert share_pages.counts(low, CEILINGS, "rank correlation")["above"] == 0


@pytest.mark.parametrize("labels", ["as_distributed", "corrected"])
def test_the_column_of_deam_follows_from_committed_tables(labels):
    stored = read_results(ROOT / "results/deam_opensmile").scores
    table = stored[stored["labels"].eq(labels)]
    ceilings = share_pages.stored_ceilings(labels, simulated=False)
    answers = share_pages.beyond_paper(table, ceilings)
    verdict = answers[OURS[0].text]
    counts = [int(part.split()[-3]) for part in verdict.split(", ")] if "," in verdict else [18]
    assert sum(counts) == 18 and "reproduced" not in verdict and "not testable" not in verdict
    top = ceilings.query("part == 'all' and dimension == 'arousal'").iloc[0]
    assert answers["Highest possible R2"].endswith(
        f"/ {top['value']:.2f} [{max(top['low'], 0):.2f}, {top['high']:.2f}]"
    )
    for name in ("MSE", "KLD", "NLL", "seed ensemble", "MC dropout"):
        text = answers[f"{name}, share of the highest rank correlation"]
        assert text.count("%") >= 2 and " / " in text
    assert not answers.str.contains("not computed").any()


def test_older_tables_say_what_is_missing():
    old = scores().query("target != 'sd_beyond_mean'")
    with pytest.raises(ValueError, match="no row of sd_beyond_mean.*mer run"):
        share_pages.beyond_paper(old, CEILINGS)


def test_simulated_ceilings_are_made_here(monkeypatch):
    asked = []
    monkeypatch.setattr(share_pages, "load_data", lambda *a, **k: asked.append((a, k)) or "songs")
    monkeypatch.setattr(share_pages.ceiling_results, "ceilings_of", lambda songs: songs)
    assert share_pages.stored_ceilings("as_distributed", simulated=True) == "songs"
    assert asked == [(("simulated",), {"labels": "as_distributed"})]


def test_controls_have_one_row_for_each_method_and_follow_the_rules():
    table = share_pages.controls_table().set_index("method")
    assert list(table.index) == ["MSE", "KLD", "NLL", "seed ensemble", "MC dropout"]
    judged = controls.judge(share_pages.controls_study.committed("controls_simulated"))
    for key, label in (("able_60", "able, 60 raters"), ("informative", "informative")):
        for method, rows in judged.groupby("method"):
            name = share_pages.NAMES[method]
            assert (table.loc[name, label] == "yes") == all(v is True for v in rows[key])
    assert table["smallest detectable share"].str.contains("%|none of those").all()


def test_words_of_controls():
    def cells(valence, arousal):
        return pd.Series({"valence": valence, "arousal": arousal}, dtype=object)

    assert share_pages._yes(cells(True, True)) == "yes"
    assert share_pages._yes(cells(False, False)) == "no"
    assert share_pages._yes(cells(False, True)) == "arousal only"
    assert share_pages._yes(cells(None, True)) == "not known"
    rows = pd.DataFrame({"share": [0.1], "low": [0.05], "high": [np.inf]}, index=["mse"])
    assert share_pages._smallest(rows, "mse") == "10% [5%, none]"
    assert share_pages._smallest(rows, "nll") == "not known"
