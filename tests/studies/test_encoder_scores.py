"""Scores of arms: what is paired, what an interval covers, what is known of training."""

from types import SimpleNamespace

import encoder_scores
import numpy as np
import pytest

from mer_utils.model.splits import Split
from mer_utils.scoring.metrics import r2


def world(rng, n=210, n_clusters=21, quality=(0.5, 0.5)):
    """A design and two arms whose SDs share ``quality`` with the truth; one dimension."""
    mean, signal = rng.normal(size=(2, n, 1)) * 0.2
    cluster = rng.permutation(n) % n_clusters
    sd = 0.5 + 0.1 * (signal / 0.2 + 0.5 * rng.normal(size=(n_clusters, 1))[cluster])
    fold = np.arange(n) % 5
    splits = tuple(
        Split(np.flatnonzero(fold != k)[10:], np.flatnonzero(fold != k)[:10],
              np.flatnonzero(fold == k)) for k in range(5)
    )  # fmt: skip
    songs = SimpleNamespace(dimensions=("quality",), mean=mean, sd=sd)
    design = SimpleNamespace(
        name="simulated", songs=songs, splits=splits, fold=fold, cluster=cluster,
        judges={"own": (mean, sd)}, taught=((mean, sd),) * 5,
    )  # fmt: skip
    said = {}
    for name, share in zip(("frozen", "other"), quality, strict=True):
        sigma = 0.5 + 0.1 * (share * signal / 0.2 + 0.3 * rng.normal(size=(n, 1)))
        said[name, "mse"] = mean[None] + 0.05, sigma[None]
    return design, said


def test_an_arm_beside_itself_differs_by_nothing():
    design, said = world(np.random.default_rng(0))
    said["same", "mse"] = said["frozen", "mse"]
    table = encoder_scores.table(design, said, "frozen")
    same = table[table["arm"].isin(["same", "frozen"])]
    assert same[["difference", "difference_low", "difference_high"]].abs().max().max() < 1e-12
    other = table[table["arm"].eq("other") & table["target"].eq("sd")]
    assert (other["difference_high"] - other["difference_low"]).gt(0).all()
    assert set(table["target"]) == {"mean", "sd", "sd_beyond_mean"}


def test_the_better_arm_is_found_and_a_factor_widens_its_interval():
    design, said = world(np.random.default_rng(1), quality=(0.2, 0.9))
    factors = {("other", "sd", "spearman"): 2.0}
    table, plain = (encoder_scores.table(design, said, "frozen", f) for f in (factors, None))
    rows = [
        t[t["arm"].eq("other") & t["target"].eq("sd") & t["score"].eq("spearman")].iloc[0]
        for t in (table, plain)
    ]
    assert rows[1]["difference_low"] > 0
    width = [row["difference_high"] - row["difference_low"] for row in rows]
    assert width[0] == pytest.approx(2 * width[1])


def test_an_arm_that_was_not_tried_is_widened_as_the_widest():
    factors = {("a", "sd", "r2"): 1.5, ("b", "sd", "r2"): 1.2, ("b", "sd", "spearman"): 3.0}
    widening = encoder_scores.widening
    assert widening(factors, "b", "sd", "r2") == 1.2
    assert widening(factors, "new", "sd", "r2") == 1.5
    assert widening(factors, "new", "mean", "r2") == widening({}, "new", "sd", "r2") == 1.0
    assert widening(factors, "clip penultimate", "sd", "spearman") == 1.0
    assert widening({("a", "sd", "r2"): 0.5}, "a", "sd", "r2") == 1.0


def test_clusters_are_drawn_whole():
    cluster = np.array([3, 3, 7, 7, 7, 9])
    weights = encoder_scores.cluster_weights(cluster, 50)
    assert weights.shape == (50, 6)
    assert (weights[:, 0] == weights[:, 1]).all() and (weights[:, 2] == weights[:, 4]).all()
    assert (weights[:, [0, 2, 5]].sum(1) == 3).all()


def test_intervals_of_a_difference_hold_the_truth():
    """Simulated: two arms of one quality; the true difference is 0. 95% promised."""
    inside, draws = [], 150
    for draw in range(draws):
        design, said = world(np.random.default_rng([draw, 5]))
        weights = encoder_scores.cluster_weights(design.cluster, 200, draw)
        found = [
            encoder_scores.by_seed(design, *both, "own", "sd", "pearson", weights)
            for both in said.values()
        ]
        gap = (found[1][0] - found[0][0])[0]
        low, high = encoder_scores.centred((found[1][1] - found[0][1])[:, 0], gap)
        inside.append(low[0] <= 0 <= high[0])
    assert 0.88 <= np.mean(inside) <= 0.99


def test_training_clips_are_scored_where_they_lie():
    design, _ = world(np.random.default_rng(2))
    fits = []
    for split, (mean, sd) in zip(design.splits, design.taught, strict=True):
        rows = split.train[:20]
        fits.append(SimpleNamespace(
            taught=rows, taught_mu=mean[rows], taught_sigma=np.full_like(sd[rows], 0.5),
            seconds=np.array([2.0, 4.0]), best_epoch=1, n_trained=7, restarts=1,
        ))  # fmt: skip
    rows = encoder_scores.training_rows(design, "all", "mse", 0, fits)
    assert [row["target"] for row in rows] == ["mean", "sd"]
    assert rows[0]["r2_taught"] == 1 and rows[0]["epoch_seconds"] == 3.0
    parts = [
        r2(sd[f.taught], f.taught_sigma)[0] for f, (_, sd) in zip(fits, design.taught, strict=True)
    ]
    assert rows[1]["r2_taught"] == pytest.approx(np.mean(parts))
    assert rows[0]["weights"] == 7 and rows[0]["epochs"] == 2
    assert rows[0]["restarts"] == len(fits)


def test_verdicts_come_from_one_family_for_the_mean_and_one_for_the_sd():
    design, said = world(np.random.default_rng(1), quality=(0.2, 0.9))
    for k in range(8):
        said[f"no better {k}", "mse"] = said["frozen", "mse"]
    said["clip", "mse"] = said["other", "mse"]
    arms = ["other", *[f"no better {k}" for k in range(8)]]
    table = encoder_scores.with_verdicts(encoder_scores.table(design, said, "frozen"), arms)
    judged = table[table["verdict"].ne("")]
    assert set(zip(judged["target"], judged["score"], strict=True)) == set(encoder_scores.PRIMARY)
    assert set(judged["arm"]) == set(arms)  # "clip" is no trained arm
    sd = judged[judged["target"].eq("sd")].set_index("arm")
    assert sd.loc["other", "verdict"] == "better"
    assert sd.loc["other", "p_holm"] == pytest.approx(9 * sd.loc["other", "p"])
    assert (sd["verdict"].drop("other") == "undecided").all()


def lucky_pair(rng, luck, n_seeds, n=350):
    """Simulated: two arms alike on average; each seed shares more or less with the truth."""
    signal, noise, common = rng.normal(size=(3, n, 1))
    share = 0.6 + luck * rng.normal(size=(2, max(n_seeds), 1, 1))
    own = 0.3 * rng.normal(size=(2, max(n_seeds), n, 1))
    sd, sigma = signal + noise, share * signal + 0.6 * common + own
    fold, cluster = np.arange(n) % 5, rng.permutation(n) % 21
    design = SimpleNamespace(
        name="simulated", songs=SimpleNamespace(dimensions=("quality",)), fold=fold,
        cluster=cluster, judges={"own": (common, sd)},
    )  # fmt: skip
    arms = zip(("frozen", "other"), sigma, n_seeds, strict=True)
    return design, {(arm, "mse"): (s[:k], s[:k]) for arm, s, k in arms}


def test_luck_is_what_seeds_differ_by_beyond_the_clips_at_hand():
    found = {}
    for luck in (0.0, 0.3):
        values = []
        for draw in range(25):
            design, said = lucky_pair(np.random.default_rng([draw, 8]), luck, (4, 4))
            weights = encoder_scores.cluster_weights(design.cluster, 60)
            one = said["frozen", "mse"]
            values.append(encoder_scores.by_seed(design, *one, "own", "sd", "pearson", weights))
        found[luck] = np.mean([encoder_scores.luck(*both) for both in values])
        found["raw", luck] = np.mean([value.var(0, ddof=1) for value, _ in values])
    assert abs(found[0.0]) < 0.3 * found["raw", 0.0]  # of seeds that are equally good
    assert found[0.3] == pytest.approx(found["raw", 0.3] - found["raw", 0.0], rel=0.3)
    assert np.isnan(encoder_scores.luck(np.zeros((1, 2)), np.zeros((5, 1, 2))))


def test_the_difference_of_an_arm_of_one_seed_holds_the_luck_of_the_others():
    design, said = lucky_pair(np.random.default_rng(3), 0.3, (4, 1))
    table = encoder_scores.table(design, said, "frozen").query("score == 'pearson'")
    table = table[table["target"].eq("sd") & table["loss"].eq("mse")].set_index("arm")
    assert table.loc["other", "factor"] > 1.5 and table.loc["frozen", "factor"] == 1
    said = {key: (mu[:1], sigma[:1]) for key, (mu, sigma) in said.items()}
    blind = encoder_scores.table(design, said, "frozen").query("score == 'pearson'")
    assert blind["factor"].eq(1).all()  # nobody has a second seed


def test_averages_over_losses_and_dimensions_are_pooled_seed_by_seed():
    rng = np.random.default_rng(8)
    design, said = world(rng, quality=(0.2, 0.9))
    _, more = world(np.random.default_rng(8), quality=(0.2, 0.9))
    said |= {(arm, "kld"): both for (arm, _), both in more.items()}
    table = encoder_scores.table(design, said, "frozen")
    sd = table[table["target"].eq("sd") & table["score"].eq("spearman") & table["arm"].eq("other")]
    single, both = sd[sd["loss"].ne("both")], sd[sd["loss"].eq("both")]
    assert len(both) == 1 and both["dimension"].item() == "both"
    assert both["difference"].item() == pytest.approx(single["difference"].mean())
    assert both["difference_low"].item() > 0
    judged = encoder_scores.with_verdicts(table, ["other"])
    assert judged.loc[judged["loss"].eq("both"), "verdict"].eq("").all()
