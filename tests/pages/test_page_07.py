"""Notebook 07: signatures, the worst songs, cells of songs, and the best cell by accident."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from page_cells import run_cells

import mer_utils as mer
from mer_utils.data.dataset import Dataset
from mer_utils.model.result import Result
from mer_utils.model.splits import Split
from mer_utils.scoring.claims import CLAIMS, OURS
from mer_utils.show import words
from mer_utils.show.style import NAMES

PAGE = "notebooks/07_failure_analysis.ipynb"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def page(*ids, truth=None, means=None, genre=None, **names):
    """Cells of the page, for songs with these true SDs, mean ratings and genres."""
    n = len(truth) if truth is not None else len(means) if means is not None else 1
    songs = Dataset(
        name="made up",
        song_id=np.arange(n),
        rating_mean=np.full((n, 2), 5.0) if means is None else np.array(means, float),
        rating_sd=np.ones((n, 2)) if truth is None else 4 * truth,
        features=np.zeros((n, 0)),
        feature_source="none",
        genre=genre,
    )
    everything = {"train": np.arange(n), "validation": np.arange(n), "test": np.arange(n)}
    rest = dict.fromkeys(("mu", "sigma", "weights", "curves", "best_epoch"))
    result = Result(experiment=None, songs=songs, split=Split(**everything), **rest)
    given = {"songs": songs, "result": result, "truth": truth, "n_resamples": 40, "seed": 0}
    return run_cells(PAGE, "imports", *ids, **given | {"known": False} | names)


# --- signatures --------------------------------------------------------------------------------


def test_every_claim_belongs_to_a_signature_and_each_is_named_once():
    made = page("rules")
    assert {key for keys in made["SIGNATURES"].values() for key in keys} == {c.key for c in CLAIMS}
    assert [name[0] for name in made["SIGNATURES"]] == list("12345")
    shown = made["rules"]["signature"]
    assert shown[shown.ne("")].tolist() == list(made["SIGNATURES"])
    assert len(shown) == sum(len(keys) for keys in made["SIGNATURES"].values())


def verdict():
    names = ["loss", "method", "target", "score", "dimension", "value", "low", "high"]
    values = {("mse", "single"): 0.0, ("kld", "single"): 0.3, ("nll", "single"): -0.2}
    values |= {("mse", "seed_ensemble"): 0.5, ("nll", "seed_ensemble"): -0.6}
    rows = [
        (*cell, "sd", "spearman", d, value, value - 0.1, value + 0.05)
        for cell, value in values.items()
        for d in mer.DIMENSIONS
    ]
    claims = mer.judge(pd.DataFrame(rows, columns=names))
    made = page("rules", "verdicts", claims=claims)
    return lambda number: made["verdict"](list(made["SIGNATURES"])[number - 1]).set_index("claim")


def test_verdicts_are_counted_beside_the_extreme_figures():
    rank = next(claim.text for claim in CLAIMS if claim.key == "rank")
    table = verdict()(5)
    assert list(table.index) == [rank]
    counted = "not testable 8 of 18, inside 6 of 18, outside 4 of 18"
    assert table.loc[rank, "cells"] == f"{counted}: not computed here"
    assert table.loc[rank, "verdict"] == "not reproduced", "one cell outside is enough"
    assert table.loc[rank, ["smallest", "largest"]].tolist() == [-0.6, 0.5]


def test_the_fourth_signature_takes_only_the_heads_it_speaks_of():
    text = {claim.key: claim.text for claim in CLAIMS + OURS}
    table = verdict()(4)
    assert list(table.index) == [text["nll_narrow"], text["rank"]]
    rank = table.loc[text["rank"]]
    assert rank[["smallest", "largest"]].tolist() == [0.0, 0.3]
    assert rank["cells"] == "inside 2 of 4, outside 2 of 4"
    assert table.loc[text["nll_narrow"], "verdict"] == "not testable"


# --- the parts of R2, and ordinary learners ----------------------------------------------------


def test_the_constant_of_each_question_by_hand(rng):
    truth, mean = rng.uniform(0.2, 0.6, (40, 2)), rng.uniform(-0.5, 0.5, (40, 2))
    mu, sigma = mean + rng.normal(0, 0.3, (3, 40, 2)), rng.uniform(0.1, 0.3, (3, 40, 2))
    methods = {"single": (mu, sigma), "seed_ensemble": (mu[:1], sigma[:1])}
    methods["mc_dropout"] = (mu, sigma)
    predicted = dict.fromkeys(mer.PAPER_LOSSES, SimpleNamespace(mean=mean, methods=methods))
    rows = {"MSE": "mse", "KLD": "kld", "NLL": "nll"}
    rows = {row: (loss, "single", loss) for row, loss in rows.items()}
    rows |= {"seeds, MSE": ("mse", "seed_ensemble", ""), "dropout, MSE": ("mse", "mc_dropout", "")}
    rows |= {row: ("mse", "single", "") for row in ("training mean SD", "quadratic")}
    sds = {row: methods[method][1] for row, (_, method, _) in rows.items()}
    given = {"predicted": predicted, "ROWS": rows, "sds": sds, "loss": "mse"}
    made = page("parts", truth=truth, NAMES={"mse": "MSE", "kld": "KLD", "nll": "NLL"}, **given)
    error = ((mu - mean) ** 2).mean(1)
    expected = {"MSE": truth.mean(0) + 0 * error, "NLL": np.sqrt(error)}
    expected["KLD"] = np.sqrt((truth**2).mean(0) + error)
    expected["seeds, MSE"] = sigma[:1].mean(1)
    for row, size in expected.items():
        np.testing.assert_allclose(
            made["asked"](row), np.broadcast_to(size[:, None], sds[row].shape)
        )
        part = made["parts"][row]
        np.testing.assert_allclose(part.drop(columns="r2").sum(axis=1), part["r2"])
        np.testing.assert_allclose(part["r2"], mer.r2(truth, sds[row]).mean(0))
    assert abs(made["parts"]["seeds, MSE"]["level"]).max() < 1e-12
    assert abs(made["parts"]["MSE"]["question"]).max() < 1e-12


def test_heads_and_ordinary_learners_stand_side_by_side():
    made = page("learners", words=words, NAMES=NAMES)
    table = made["learner_table"](["r", "rank", "R2", "beyond"])
    assert table["learner"].tolist() == ["MSE", "KLD", "NLL", "ridge", "trees", "best inside"]
    assert table.iloc[:, 1:].map(lambda text: text.count("/") == 1).all(axis=None)
    tried = made["tried"].query(
        "data == 'deam' and labels == 'as_distributed' and learner == 'best'"
    )
    best = tried.query("folds == 'artist' and score == 'pearson_beyond_mean'")["value"]
    assert table["DEAM, beyond"].iloc[-1].startswith(f"{best.iloc[0]:.2f}")


# --- the worst songs ---------------------------------------------------------------------------


def test_worst_songs_by_hand():
    truth = np.array([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.9, 0.4]])
    guess = np.stack([np.full((4, 2), 0.3), np.full((4, 2), 0.3)])
    guess[:, 0, 1] += [1, -1]
    shown = {"training mean SD": np.full((1, 4, 2), 0.3), "x": guess}
    made = page("worst", truth=truth, shown=shown)
    error, worst_tenth = made["errors"]["x"], made["worst_tenth"]
    assert error[3, 0] == pytest.approx(0.6)
    assert error[0, 1] == pytest.approx(np.sqrt((1.2**2 + 0.8**2) / 2))
    assert worst_tenth(error).tolist() == [[0, 1], [0, 0], [0, 0], [1, 0]], "at least one song"
    many = np.column_stack([np.arange(240.0), np.tile([1.0, 0], 120)])
    assert np.flatnonzero(worst_tenth(many)[:, 0]).tolist() == list(range(216, 240))
    assert np.flatnonzero(worst_tenth(many)[:, 1]).tolist() == list(range(0, 48, 2)), "ties"


def test_the_worst_table_sees_who_only_misses_unusual_songs(rng):
    truth = rng.random((100, 2))
    constant = np.broadcast_to(truth.mean(0), (1, 100, 2))
    shown = {"training mean SD": constant, "zero": np.zeros((1, 100, 2))}
    table = page("worst", truth=truth, shown=shown)["table"]
    assert table.loc["training mean SD", "also worst for training mean SD"] == 1
    assert table.loc["training mean SD", "error ~ unusual SD"] == pytest.approx(1)
    assert table.loc["zero", "raters' SD above median"] == 1


# --- cells of songs ----------------------------------------------------------------------------


def test_places_by_hand():
    places = {
        (5, 5): "centre",
        (5.9, 5.3): "centre",
        (5, 6.5): "high valence, high arousal",
        (8, 2): "high valence, low arousal",
        (2, 2): "low valence, low arousal",
        (2, 5): "low valence, high arousal",
        (5, 6): "high valence, high arousal",  # exactly one point away is outside
    }
    made = page("cells", means=list(places))
    assert made["cells"]["place"].tolist() == list(places.values())
    assert made["cells"]["genre"].tolist() == ["unknown"] * 7, "no genres are there"
    genre = np.array(["Rock", "", "Jazz", "Jazz", "", "", "Rock"])
    made = page("cells", means=list(places), genre=genre)
    songs_of = made["songs_of"](made["cells"]["genre"])
    assert {name: rows.tolist() for name, rows in songs_of.items()} == {
        "unknown": [1, 4, 5],
        "Jazz": [2, 3],
        "Rock": [0, 6],
    }
    assert list(songs_of)[0] == "unknown", "the largest cell first"


def with_cells(truth, predicted, cell, *more):
    """The page with one breakdown of the songs, called "genre"; ``more`` are cells that follow."""
    names = {"sds": predicted | {"training mean SD": truth[None]}, "FIVE": list(predicted)}
    made = page("versus", "cells", truth=truth, genre=np.asarray(cell), **names)
    made["cells"].pop("place")
    return run_cells(PAGE, "cells-run", *more, **made)


def test_by_cell_scores_the_songs_of_each_cell(rng):
    truth, predicted = rng.random((60, 2)), rng.random((3, 60, 2))
    cell = ["rock"] * 30 + ["jazz"] * 20 + [""] * 10
    made = with_cells(truth, {"x": predicted}, cell)
    table = made["found"]["genre"]
    assert table["cell"].unique().tolist() == ["rock", "jazz", "unknown"]
    assert table["n"].tolist() == [30, 30, 20, 20, 10, 10]
    jazz = table.query("cell == 'jazz' and dimension == 'arousal'").iloc[0]
    expected = mer.spearman(truth[30:50], predicted[:, 30:50]).mean(0)[1]
    assert jazz["value"] == pytest.approx(expected)
    assert jazz["low"] < jazz["value"] < jazz["high"]
    few = table["cell"].eq("unknown")
    assert table.loc[few, ["value", "low", "high"]].isna().all(axis=None)
    assert made["n_small"] == 1 and table[~few].notna().all(axis=None)


# --- the best cell by accident -----------------------------------------------------------------


def test_accident_explains_noise_but_not_a_cell_that_works(rng):
    truth = rng.random((200, 2))
    cell = np.repeat(["a", "b", "c", "d", "e"], 40)
    noise = {"x": rng.random((2, 200, 2)), "y": rng.random((1, 200, 2))}
    made = with_cells(truth, noise, cell, "many")
    accident = made["accidents"]["genre"]
    assert len(accident) == 40, "as many shuffles as resamples, up to 200"
    assert accident.max() > made["found"]["genre"]["value"].max()
    assert accident.mean() > 0.15, "the best of 20 cells looks good although nothing is there"
    works = {"x": noise["x"].copy()}
    works["x"][:, :40] = truth[:40]
    made = with_cells(truth, works, cell, "many")
    accident = made["accidents"]["genre"]
    assert made["found"]["genre"]["value"].max() == pytest.approx(1) and accident.max() < 0.99
    np.testing.assert_array_equal(made["best_by_accident"](np.asarray(cell)), accident)


def test_accident_keeps_a_relation_that_holds_everywhere(rng):
    truth = rng.random((100, 2))
    made = with_cells(truth, {"x": 2 * truth[None]}, np.repeat(["a", "b"], 50), "many")
    np.testing.assert_allclose(made["accidents"]["genre"], 1)


def test_cells_that_are_all_too_small_are_named(rng):
    truth, cell = rng.random((80, 2)), np.repeat(["a", "b"], 40)
    made = with_cells(truth, {"x": rng.random((1, 80, 2))}, cell, "many")
    made["LEAST"] = 40
    assert len(made["best_by_accident"](cell)) == 40
    made["LEAST"] = 41
    with pytest.raises(ValueError, match="no cell has 41 songs: use fewer cells or more songs"):
        made["best_by_accident"](cell)


def test_the_best_cell_counts_the_real_labels_among_the_shuffles():
    names = ["cell", "n", "row", "dimension", "value", "low", "high"]
    rows = [
        ("a", 20, "x", "valence", 0.5, 0.1, 0.8),
        ("b", 20, "x", "valence", -0.4, -0.7, -0.1),
        ("c", 20, "x", "valence", 0.1, -0.2, 0.4),
        ("d", 3, "x", "valence", np.nan, np.nan, np.nan),
    ]
    found = {"genre": pd.DataFrame(rows, columns=names)}
    accidents = {"genre": np.array([0.2, 0.4, 0.6])}
    best = page("many-table", found=found, accidents=accidents)["many"].iloc[0].tolist()
    assert best[:-2] == ["genre", 3, 2, "a; x; valence", 0.5, 0.4]
    assert best[-2:] == [pytest.approx(0.58), 0.5], "95% of accidents, and p"
