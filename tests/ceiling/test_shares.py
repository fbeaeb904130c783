"""Shares of the ceiling: by hand, as a property, and where a perfect prediction is known."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.ceiling import shares
from mer_utils.ceiling.of_data import ceilings_of
from mer_utils.data.dataset import DIMENSIONS
from mer_utils.data.deam import load_deam
from mer_utils.data.ratings import quadratic_fit
from mer_utils.data.simulate import draw_ratings, simulate_songs
from mer_utils.data.simulated_files import simulated_root
from mer_utils.scoring import intervals, metrics
from mer_utils.scoring.parts import partial_pearson
from mer_utils.show import words

CEILINGS = pd.DataFrame(
    [
        ("all", "valence", 0.16, 0.04, 0.25),
        ("all", "arousal", 0.09, -0.02, 0.16),
        ("beyond the mean", "valence", 0.04, 0.01, 0.09),
        ("beyond the mean", "arousal", -0.01, -0.1, 0.04),
    ],
    columns=["part", "dimension", "value", "low", "high"],
)


@pytest.mark.parametrize(
    "score, ceiling, expected",
    [
        ((0.2, 0.1, 0.3), (0.4, 0.3, 0.5), (0.5, 0.2, 1.0)),
        ((-0.2, -0.3, -0.1), (0.4, 0.3, 0.5), (-0.5, -1.0, -0.2)),
        ((0.1, -0.1, 0.3), (0.4, 0.2, 0.5), (0.25, -0.5, 1.5)),
        ((0.2, 0.1, 0.3), (0.4, 0.0, 0.5), (0.5, 0.2, np.inf)),
        ((0.2, 0.1, 0.3), (0.4, -0.2, 0.5), (0.5, 0.2, np.inf)),
        ((0.1, -0.1, 0.3), (0.4, 0.0, 0.5), (0.25, -np.inf, np.inf)),
        ((-0.2, -0.3, -0.1), (0.4, 0.0, 0.5), (-0.5, -np.inf, -0.2)),
        ((0.0, 0.0, 0.3), (0.4, 0.0, 0.5), (0.0, 0.0, np.inf)),
        ((0.2, 0.1, 0.3), (-0.1, -0.2, 0.5), (np.nan, 0.2, np.inf)),
        ((0.2, np.nan, np.nan), (0.4, 0.2, 0.5), (0.5, np.nan, np.nan)),
    ],
)
def test_shares_by_hand(score, ceiling, expected):
    np.testing.assert_allclose(shares.of_ceiling(*score, *ceiling), expected)


numbers = st.floats(-1, 1).map(lambda x: round(x, 3))


@given(
    st.tuples(numbers, numbers, numbers).map(sorted),
    st.tuples(numbers, numbers, numbers).map(sorted),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_the_interval_holds_every_pair_of_score_and_ceiling(score, ceiling, a, b):
    low, value, high = score
    c_low, c, c_high = ceiling
    share, below, above = shares.of_ceiling(value, low, high, c, c_low, c_high)
    one, top = low + a * (high - low), c_low + b * (c_high - c_low)
    if top > 1e-6:
        assert below - 1e-6 <= one / top <= above + 1e-6
    if c > 0:
        assert below <= share <= above


def songs_of(seed, root):
    return load_deam(simulated_root(seed=seed, n_features=4, cache=root))


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    root = tmp_path_factory.mktemp("worlds")
    found = []
    for seed in (1, 2, 3):  # songs drawn anew
        songs = songs_of(seed, root)
        found.append((songs, ceilings_of(songs, 200)))
    return found


def scored(songs, ceilings, sigma, n_resamples=200):
    """Shares of one prediction: (score, dimension) -> row."""
    rows = []
    for (target, score), function in {
        ("sd", "r2"): metrics.r2,
        ("sd", "pearson"): metrics.pearson,
        ("sd", "spearman"): metrics.spearman,
        ("sd_beyond_mean", "pearson"): partial_pearson,
    }.items():
        arrays = (songs.sd, sigma) + ((songs.mean,) if target != "sd" else ())
        figures = intervals.bootstrap(function, *arrays, n_resamples=n_resamples)
        rows += [(target, score, d, *(f[i] for f in figures)) for i, d in enumerate(DIMENSIONS)]
    names = ["target", "score", "dimension", "value", "low", "high"]
    return shares.with_shares(pd.DataFrame(rows, columns=names), ceilings)


def test_the_true_sd_has_a_share_of_one(worlds):
    tables = []
    for songs, ceilings in worlds:
        sigma = songs.true_sd / 4
        sigma = sigma * songs.sd.mean(0) / sigma.mean(0)  # ten raters show a little less
        tables.append(scored(songs, ceilings, sigma))
    table = pd.concat(tables)
    assert len(table) == 3 * 8
    perfect = np.where(table["score"].eq("spearman"), 0.95, 1)  # for ranks see below
    assert ((table["share_low"] <= perfect) & (perfect <= table["share_high"])).all()
    average = table.groupby(["target", "score"])["share"].mean()
    assert average["sd", "r2"] == pytest.approx(1, abs=0.2)
    assert average["sd", "pearson"] == pytest.approx(1, abs=0.1)
    assert average["sd", "spearman"] == pytest.approx(0.92, abs=0.1)
    assert average["sd_beyond_mean", "pearson"] == pytest.approx(1, abs=0.25)
    assert (table["share_high"] - table["share_low"] > 0.1).all()  # careful, and not pretending


def test_half_of_the_truth_has_a_smaller_share(worlds):
    """A prediction whose correlation with the truth is 0.5 has half of the share."""
    rng = np.random.default_rng(0)
    found = []
    for songs, ceilings in worlds:
        z = (songs.true_sd - songs.true_sd.mean(0)) / songs.true_sd.std(0)
        noise = rng.normal(size=z.shape)
        guess = 0.5 * z + np.sqrt(0.75) * noise
        sigma = songs.sd.mean(0) + 0.02 * guess
        table = scored(songs, ceilings, sigma).query("score == 'pearson' and target == 'sd'")
        found += table["share"].tolist()
        assert (table["share_high"] < 1).all() and (table["share_low"] > 0).all()
    assert np.mean(found) == pytest.approx(0.5, abs=0.08)


def test_a_constant_has_no_share(worlds):
    songs, ceilings = worlds[0]
    table = scored(songs, ceilings, np.broadcast_to(songs.sd.mean(0), songs.sd.shape))
    r2 = table[table["score"].eq("r2")]
    np.testing.assert_allclose(r2["share"], 0, atol=1e-9)
    assert (r2["share_high"] < 0.05).all()
    plain = table[table["target"].eq("sd") & table["score"].ne("r2")]
    assert plain["share"].isna().all() and [words.share(r) for r in plain.itertuples()] == [""] * 4


def test_a_function_of_the_true_mean_is_not_0_beyond_the_raters_mean(worlds):
    """The warning of the pages: the raters' mean is noisy, so the quadratic marks the zero."""
    for songs, _ in worlds:
        mean = songs.true_mean
        fits = [quadratic_fit(mean[:, d], songs.true_sd[:, d])(mean[:, d]) for d in (0, 1)]
        assert (partial_pearson(songs.sd, np.stack(fits, 1), songs.mean) > 0.05).all()


@pytest.mark.parametrize("kind, least", [("deam_like", 0.9), ("planted", 0.96)])
def test_root_of_reliability_is_nearly_the_ceiling_of_ranks(kind, least):
    """A perfect prediction's Spearman with ten raters, over sqrt(rho): 0.90 to 1.02."""
    songs = simulate_songs(kind, 1744, 5, 2)
    panels = []
    for seed in range(8):
        ratings = draw_ratings(songs, 10, seed).groupby("song_id")[list(DIMENSIONS)]
        panels.append(ratings.std(ddof=0).to_numpy())
    pairs = [metrics.pearson(panels[i], panels[j]) for i in range(8) for j in range(i)]
    root = np.sqrt(np.mean(pairs, axis=0))
    ranks = np.mean([metrics.spearman(p, songs.true_sd) for p in panels], axis=0) / root
    plain = np.mean([metrics.pearson(p, songs.true_sd) for p in panels], axis=0) / root
    np.testing.assert_allclose(plain, 1, atol=0.06)
    assert (ranks > least).all() and (ranks < 1.02).all() and (ranks < plain).all()


def test_rows_stay_as_they_were():
    rows = [
        (loss, "sd", score, d, 0.2, 0.1, 0.3)
        for loss in ("nll", "mse")
        for score in ("rmse", "r2", "spearman")
        for d in ("arousal", "valence")
    ] + [("mse", "mean", "r2", "valence", 0.6, 0.5, 0.7)]
    names = ["loss", "target", "score", "dimension", "value", "low", "high"]
    table = pd.DataFrame(rows, columns=names, index=range(7, 7 + len(rows)))
    got = shares.with_shares(table, CEILINGS)
    pd.testing.assert_frame_equal(got[names], table)
    known = got["target"].eq("sd") & got["score"].ne("rmse")
    assert list(got.columns[-6:]) == [*shares.SHARE_COLUMNS, *shares.CEILING_COLUMNS]
    assert got.loc[known, "ceiling"].notna().all() and got.loc[~known, "share"].isna().all()
    row = got.query("loss == 'mse' and score == 'spearman' and dimension == 'valence'").iloc[0]
    assert (row["ceiling"], row["share"]) == (pytest.approx(0.4), pytest.approx(0.5))
    assert (row["share_low"], row["share_high"]) == (pytest.approx(0.2), pytest.approx(1.5))
    row = got.query("loss == 'nll' and score == 'r2' and dimension == 'arousal'").iloc[0]
    assert row["share_high"] == np.inf and row["share_low"] == pytest.approx(0.1 / 0.16)


def test_highest_is_never_below_0():
    top = shares.highest(CEILINGS, "sd_beyond_mean", "pearson").set_index("dimension")
    np.testing.assert_allclose(top.loc["valence"], [0.2, 0.1, 0.3])
    np.testing.assert_allclose(top.loc["arousal"], [0, 0, 0.2])
    with pytest.raises(KeyError):
        shares.highest(CEILINGS, "sd", "rmse")


def test_a_bracket_gives_a_range_of_shares():
    bracketed = CEILINGS.assign(value=np.nan).query("part == 'all'")
    bracketed = pd.concat([bracketed, bracketed.assign(part="beyond the mean")])
    table = pd.DataFrame(
        [("sd", "r2", "valence", 0.02, 0.01, 0.03), ("sd", "rmse", "valence", 0.2, 0.1, 0.3)],
        columns=["target", "score", "dimension", "value", "low", "high"],
    )
    row, other = shares.with_shares(table, bracketed).itertuples()
    assert np.isnan(row.share) and np.isnan(row.ceiling)
    assert (row.ceiling_low, row.ceiling_high) == (0.04, 0.25)
    assert (row.share_low, row.share_high) == pytest.approx((0.01 / 0.25, 0.03 / 0.04))
    assert words.share(row) == "4% to 75%" and words.top(row) == "0.04 to 0.25"
    assert words.share(other) == "" and words.top(other) == ""
    assert words.shares(pd.DataFrame([row])) == "4% to 75% for valence"
