"""Notebook 13: clips whose properties are known, probes, attention, words that follow tables."""

import re

import nbformat
import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from page_cells import run_cells

import mer_utils as mer

PAGE = "notebooks/13_frozen_or_trained.ipynb"
QUICK = {"seed": 0, "n_clips": 40, "epochs": 2, "n_draws": 2}


@pytest.fixture(scope="module")
def page():
    return run_cells(PAGE, "imports", "clips", "pairs", "listeners", "reader", **QUICK)


@pytest.fixture(scope="module")
def network():
    return run_cells(PAGE, "imports", "attention-code")["Attention"]


def solution(label):
    """The code of a solution on the page."""
    cells = nbformat.read(ROOT / PAGE, 4).cells
    (text,) = [c.source for c in cells if "{solution} " + label in c.source]
    after = text[text.index("{solution} " + label) :]
    return re.search(r"```python\n(.*?)```", after, re.S)[1]


# --- clips, listeners, readers ------------------------------------------------------------------


def test_an_average_of_the_log_mel_forgets_the_order(page):
    grows, reverse = page["pairs"]["order"]
    assert grows.mean(0) == pytest.approx(reverse.mean(0), abs=0.2)
    assert np.abs(grows - reverse).mean() > 1
    calm, busy = page["pairs"]["both"]
    assert np.abs(calm.mean(0) - busy.mean(0)).mean() > 10


def levels(page, *known, seed=1):
    """Level of a clip in each 0.01 s, dB."""
    wave = page["clip"](*known, np.random.default_rng(seed))
    power = np.square(wave, dtype=float).reshape(-1, page["RATE"] // 100).mean(1)
    return 10 * np.log10(power)


def test_a_clip_has_the_properties_that_it_is_given(page):
    flat = levels(page, -30, 0, 0, 60)
    assert levels(page, -20, 0, 0, 60).mean() == pytest.approx(flat.mean() + 10, abs=0.1)
    assert flat.max() == pytest.approx(-30, abs=1.5)
    time = np.arange(len(flat))
    for order in (-1, 0, 1):
        slope = np.corrcoef(levels(page, -30, 9, order, 180), time)[0, 1]
        assert np.sign(round(slope, 1)) == order
    narrow, wide = (levels(page, -30, by, 1, 180) for by in (0, 9))
    assert wide.std() ** 2 == pytest.approx(narrow.std() ** 2 + 9**2, rel=0.15)
    loud = flat > flat.mean()
    assert (np.diff(loud.astype(int)) == 1).sum() in (3, 4)  # pulses that begin in 4 s
    fast = levels(page, -30, 0, 0, 150) > flat.mean()
    assert (np.diff(fast.astype(int)) == 1).sum() in (9, 10)


def test_simulated_listeners_show_the_sd_that_follows_the_property(page):
    z = np.repeat([[-2.0], [0.0], [2.0]], 4000, axis=0)
    shown, true = page["simulated"](z, np.zeros(len(z)), np.random.default_rng(0))
    for k in (-2, 0, 2):
        rows = z[:, 0] == k
        assert true[rows] == pytest.approx(page["BASE"] * np.exp(page["STEEP"] * k), rel=1e-3)
        assert (shown[rows] ** 2).mean() == pytest.approx((true[rows] ** 2).mean(), rel=0.02)


def test_ridge_finds_what_is_there_on_clips_that_it_has_not_seen(page):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    y = np.column_stack([x @ [1, -1, 0, 0, 2], rng.normal(size=200)])
    splits = page["folds"](200, 0)
    found = page["skill"](y, page["ridge"](x, y, splits), splits)
    assert found[0] > 0.99 and found[1] < 0.05
    assert page["skill"](y, y, splits) == pytest.approx(1)
    changed = y.copy()
    changed[splits[0].test] += 100  # a fold's own truth does not reach its predictions
    same = [page["ridge"](x, one, splits)[splits[0].test] for one in (y, changed)]
    np.testing.assert_allclose(*same)


def test_the_live_probe_finds_its_positive_control_and_nothing_else(page):
    made = run_cells(PAGE, "live-probe", **page)
    assert made["found"].shape == (2, 2, 3)
    by_listeners = made["found"].mean(0)[0]
    assert by_listeners[0] > 0.8 and by_listeners[2] < 0.1


def test_what_each_pooling_reads(page):
    read = run_cells(PAGE, "tokens", **page | {"n_clips": 80})["read"]
    for way, known in (("mean", "level"), ("mean + SD", "loudness range"), ("thirds", "order"),
                       ("mean + change", "tempo")):  # fmt: skip
        here = page["KNOWN"].index(known)
        assert read[way][here] > 0.5
        if way != "mean":
            assert read["mean"][here] < 0.2


def test_attention_is_an_average_and_knows_time_only_if_it_is_told(network):
    torch.manual_seed(0)
    tokens = torch.randn(3, 12, 5)
    mixed = tokens[:, torch.randperm(12)]
    for in_time in (False, True):
        reader = network(5, 2, in_time)
        weights = reader.weights(reader.map(tokens))
        assert weights.shape == (3, 4, 12)
        torch.testing.assert_close(weights.sum(2), torch.ones(3, 4))
        same = torch.allclose(reader(tokens), reader(mixed), atol=1e-5)
        assert same != in_time
    d = 16**0.5
    reader = network(5, 2, False)
    x = reader.map(tokens)[0]
    by_hand = torch.exp(x @ reader.queries[0] / d)
    torch.testing.assert_close(reader.weights(x[None])[0, 0], by_hand / by_hand.sum())


def test_solutions_run_and_say_what_they_claim(capsys):
    cells = ("imports", "clips", "pairs", "listeners", "reader", "live-probe")
    made = run_cells(PAGE, *cells, **QUICK)
    capsys.readouterr()
    exec(solution("ex-13-genre"), made)
    bends, line = (float(text.strip("[]\n ")) for text in capsys.readouterr().out.splitlines())
    assert bends > line - 0.05
    exec(solution("ex-13-steep"), made)
    strong, weak = (
        float(t.split("[")[1].strip("] ")) for t in capsys.readouterr().out.splitlines()
    )
    assert strong > weak and made["STEEP"] == 0.18
    exec(solution("ex-13-shuffle"), run_cells(PAGE, "tokens", **made))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" [")[0] for line in lines] == ["mean + SD", "thirds", "mean + change"]


# --- words that follow from tables --------------------------------------------------------------


def probes(trained=(), gain=np.nan):
    """A small table of probes: order is lost by averaging, tempo hidden, flux kept."""
    paths = {
        ("known", "", ""): (0.99, 0.99, 0.99), ("ridge", "penultimate", "mean"): (0.0, 0.0, 0.8),
        ("ridge", "all tokens", "mean"): (0.1, 0.0, 0.9),
        ("ridge", "all tokens", "thirds"): (0.6, 0.0, 0.9),
        ("ridge", "log-mel", "by hand"): (0.6, 0.3, 0.0),
        ("network", "all tokens", "mean"): (0.0, 0.0, 0.8),
        ("network", "all tokens", "attention in time"): (0.5, 0.0, 0.8),
    } | {("network", arm, "mean"): (0.0, 0.0, 0.8) for arm in trained}  # fmt: skip
    rows = []
    for (reader, layer, pooling), values in paths.items():
        for name, v in zip(("order", "tempo", "flux", "nothing"), (*values, 0.0), strict=True):
            more = v if reader != "known" else np.nan
            if layer in trained:
                more = gain if layer != "frozen" else np.nan
            rows += [
                (reader, layer, pooling, name, "r2", judge, v, v - 0.1, v + 0.1, 0.7, more,
                 more - 0.05, more + 0.05)
                for judge in ("truth", "observed")
            ]  # fmt: skip
    columns = "reader layer pooling property score judges value low high ceiling gain gain_low "
    return pd.DataFrame(rows, columns=[*columns.split(), "gain_high"])


def scores(verdicts, losses=("mse", "kld"), designs=("all", "halves")):
    """Differences to frozen; ``verdicts`` maps (arm, target) to "better", "worse", "undecided"."""
    places = [("all", "own"), ("halves", "own"), ("halves", "other")]
    kinds = [("mean", "r2"), ("sd", "r2"), ("sd", "spearman"), ("sd_beyond_mean", "pearson")]
    gaps, rows = {"better": 0.2, "worse": -0.2, "undecided": 0.01, "": 0.0}, []
    arms = dict.fromkeys(["frozen", *(arm for arm, _ in verdicts)])
    for arm in arms:
        for (design, judge), loss, (target, score), dimension in (
            (place, loss, kind, dimension)
            for place in places if place[0] in designs
            for loss in losses for kind in kinds for dimension in mer.DIMENSIONS
        ):  # fmt: skip
            verdict = verdicts.get((arm, target), "")
            decides = (target, score) in (("mean", "r2"), ("sd", "spearman")) and "clip" not in arm
            gap = gaps[verdict]
            rows.append({
                "design": design, "arm": arm, "loss": loss, "judges": judge, "target": target,
                "score": score, "dimension": dimension, "value": 0.2 + gap, "difference": gap,
                "difference_low": gap - 0.1, "difference_high": gap + 0.1, "factor": 1.0,
                "verdict": verdict if decides and verdict else np.nan,
            })  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def said(monkeypatch):
    """What is glued."""
    words = {}
    glue = lambda name, value, spec="": words.update({name: format(value, spec)})  # noqa: E731
    monkeypatch.setattr(mer, "glue", glue)
    return words


def draw(*cells, **names):
    """Run cells that draw, and close the figures."""
    made = run_cells(PAGE, "imports", "heat", *cells, **names)
    made["plt"].close("all")
    return made


def test_probes_are_sorted_by_the_written_rules(said):
    live = {"found": np.zeros((2, 2, 3))}
    draw("probe-rows", "fig-13-probes", "glue-probes", kept={"probes": probes()}, **live)
    assert (said["lost_names"], said["hidden_names"], said["stay_names"]) == (
        "order", "tempo", "flux"
    )  # fmt: skip
    assert "Order: 0.00 against 0.60 (all tokens, thirds)" in said["lost"]
    assert "holds tempo" in said["hidden"] and "more of flux" in said["earlier"]
    assert "did above" in said["attention_real"] and "hardly" not in said["attention_real"]
    assert said["nothing_best"] == "0.00"


@pytest.mark.parametrize(
    "gain, begins",
    [(0.3, "Training surely finds more of: "), (-0.3, "Training surely finds more of none"),
     (np.nan, "Training surely finds more of none"), (None, "These runs are not")],
)  # fmt: skip
def test_what_training_finds_in_probes(said, gain, begins):
    trained = () if gain is None else ("frozen", "small")
    table = probes(trained, gain)
    real = probes().query("reader != 'known' and judges == 'truth' and property == 'order'")
    real = pd.concat([real.assign(property=d, judges="listeners") for d in mer.DIMENSIONS])
    kept = {"probes": table, "pooling": real}
    cells = ("probe-rows", "fig-13-probes", "fig-13-pooling", "glue-pooling")
    draw(*cells, "glue-trained-probes", kept=kept)
    assert said["probe_trained"].startswith(begins)
    if gain is not None:
        fewer = "less of: order (small network)" if gain < 0 else "loses none"
        assert ("3 cases" in said["probe_trained"] or fewer in said["probe_trained"]) or gain > 0
        assert ("no proof" in said["probe_means"]) == (not gain > 0)
    assert said["real_better"] == "Surely better than the average: 8 of them."


PRETRAINED, SCRATCH = ("last", "all"), ("random", "small")


@pytest.mark.parametrize(
    "pretrained, scratch, answer",
    [
        ("undecided", "undecided", "We cannot see it. "),
        ("undecided", "worse", "We found no sign of it. "),
        ("better", "undecided", "A little, it seems: in 24 of 48 comparisons "),
        ("better", "worse", "It depends on the training: "),
    ],
)
def test_the_answer_follows_from_the_verdicts(said, pretrained, scratch, answer):
    verdicts = {(arm, target): pretrained for arm in PRETRAINED for target in ("mean", "sd")}
    verdicts |= {(arm, "sd"): scratch for arm in SCRATCH}
    verdicts |= {(arm, "mean"): "undecided" for arm in SCRATCH}
    verdicts |= {("clip mirtoolbox", "sd"): "worse"}
    kept = {"probes": probes(), "scores": scores(verdicts)}
    made = draw("probe-rows", "compared", "fig-13-forest", "glue-forest", kept=kept)
    assert made["ANSWER"].startswith(answer) and said["answer"] == made["ANSWER"]
    if scratch == "worse":
        assert "training from random weights and training the small network" in made["ANSWER"]
        assert "none comes out surely better; 24 come out surely worse" in said["sd_scratch"]
    if pretrained == "better":
        assert "who taught and listeners who did not teach" in made["ANSWER"]
        assert "by training the last layers and training all layers" in made["ANSWER"]
        assert "0.40. With its better loss the frozen encoder has 0.20" in said["catch_up"]
    assert said["mean_answer"] == (
        "For the mean, nothing is decided either." if pretrained == "undecided" else
        "For the mean, surely better: training the last layers and training all layers; "
        "none is surely worse."
    )  # fmt: skip
    assert said["designs_run"] == "" and said["vectors"] == "none above 0 and 12 below"


def test_a_table_with_few_arms_and_one_design_is_read_too(said):
    table = scores({("small", "sd"): "worse", ("small", "mean"): "worse"}, ("mse",), ("all",))
    kept = {"probes": probes(), "scores": table}
    rows = [
        ("all", arm, "mse", seed, target, d, 0.5, 3.0, 8.0, 4.0, 1000.0 * (arm == "small"),
         arm == "small")
        for arm in ("frozen", "small") for seed in (0, 1) for target in ("mean", "sd")
        for d in mer.DIMENSIONS
    ]  # fmt: skip
    columns = "design arm loss seed target dimension r2_taught epoch_seconds epochs best_epoch"
    kept["training"] = pd.DataFrame(rows, columns=[*columns.split(), "weights", "restarts"])
    cells = ("compared", "fig-13-forest", "glue-forest", "fig-13-overfit", "glue-overfit")
    splits = mer.load("musifeast")  # anything with a length
    splits = [type("Split", (), {"train": range(230), "validation": range(50)})] if splits else []
    made = draw("probe-rows", *cells, "costs", "glue-cost", kept=kept, splits=splits)
    assert said["sd_pretrained"] == "Not run." and "8" not in said["n_vectors"]
    assert "one of the two designs, with all listeners" in said["designs_run"]
    assert said["vectors"] == "not run" and said["heart_arm"] == "small network"
    assert list(made["table"]["encoder"]) == ["frozen", "small network"]
    assert float(said["hours"]) == pytest.approx(5 * 4 * 24 / 3600, abs=0.06)
    assert said["begun_again"].endswith("2 of 20 trainings (small network).")


def test_a_gain_with_one_loss_that_the_other_loss_has_anyway_is_called_so(said):
    table = scores({("all", "sd"): "undecided", ("all", "mean"): "undecided"})
    kld = table["loss"].eq("kld") & table["dimension"].eq("arousal") & table["score"].eq("spearman")
    up, frozen = kld & table["arm"].eq("all"), kld & table["arm"].eq("frozen")
    table.loc[up, ["value", "difference", "verdict"]] = 0.22, 0.2, "better"
    table.loc[frozen, "value"] = 0.02
    kept = {"probes": probes(), "scores": table}
    made = draw("probe-rows", "compared", "glue-forest", kept=kept)
    assert "training all layers (for arousal, with KLD)" in made["ANSWER"]
    assert said["catch_up"].endswith("mostly made up for the choice of the loss.")
