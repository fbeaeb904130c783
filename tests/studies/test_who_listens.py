"""Components of listeners' variance: known ones come back in the design as it is."""

import leniency
import numpy as np
import pytest
import who_listens as study
from group_worlds import listeners
from scipy.stats import norm

from mer_utils.data.soundtracks import load_soundtracks

NODES = np.linspace(-4, 4, 81)
GROUP, GENRE, CLIP, LENIENCY, REST = 0.15, 0.2, 0.25, 0.4, 0.8


def world(rng, round_them=False):
    """One draw: cells of simulated listeners, numbers as they are, and the true parts."""
    genre = study.places()[0]
    a, f, e = (rng.normal(size=shape) for shape in (8, (17, 8), (356, 8)))
    truth = GROUP * a + GENRE * f[genre] + CLIP * e + rng.normal(3, 0.6, (356, 1))
    return listeners(truth, rng, LENIENCY, REST, round_them), truth


def whole_numbers(truth, sd):
    """Expected whole ratings from 1 to 5 of latent normal ones."""
    return 1 + sum(norm.sf(cut, truth, sd) for cut in (1.5, 2.5, 3.5, 4.5))


def true_shares(truth, round_them=False):
    """Between, and leniency's, share of the variance in a world that is known."""
    both, within = np.hypot(LENIENCY, REST), np.hypot(LENIENCY, REST) ** 2
    lenient, seen = LENIENCY**2, truth
    if round_them:
        seen = whole_numbers(truth, both)
        levels = np.arange(1, 6)
        edges = np.array([-np.inf, 1.5, 2.5, 3.5, 4.5, np.inf])
        p = np.diff(norm.cdf(edges, truth[..., None], both), axis=-1)
        within = (p @ levels**2 - (p @ levels) ** 2).mean()
        weight = norm.pdf(NODES) / norm.pdf(NODES).sum()
        by_clip = whole_numbers(truth[..., None] + LENIENCY * NODES, REST)
        lenient = weight @ (by_clip - seen[..., None]).mean((0, 1)) ** 2
    between = seen.var(1).mean()
    return between / (between + within), lenient / (between + within)


@pytest.mark.parametrize("round_them", [False, True])
def test_known_components_come_back_and_the_intervals_hold_them(round_them):
    rng, names = np.random.default_rng(0), study.share_names()
    wanted = [names.index(("groups", "any")), names.index(("listeners", "leniency"))]
    error, held = [], []
    for _ in range(30):
        data, truth = world(rng, round_them)
        found = study.table(("valence",), data).iloc[wanted]
        true = np.array(true_shares(truth, round_them))
        error.append(found["value"] - true)
        held.append((found["low"] <= true) & (true <= found["high"]))
    error = np.array(error)
    bound = 3.5 * error.std(0, ddof=1) / np.sqrt(len(error)) + 0.002
    assert (np.abs(error.mean(0)) < bound).all()
    assert np.mean(held) >= 0.87 and np.mean(held, axis=0).min() >= 0.8


def test_each_level_gets_what_belongs_to_it():
    rng, found = np.random.default_rng(1), []
    for _ in range(20):
        data, truth = world(rng)
        genre, sets = study.places()
        parts = study.components(*(study.layout(x.astype(float), genre, sets) for x in data))
        z, _ = study._filled(study.layout(truth[..., None], genre, sets))
        z = z - z.mean(2, keepdims=True)
        by_genre = z.mean(0) - z.mean((0, 1))
        general = 7 / 8 * (np.var(z.mean((0, 1)), ddof=1) - CLIP**2 / 357)
        own = 7 / 8 * (np.square(by_genre).sum() / 7 / 16 - CLIP**2 / 21)
        true = general, own, 7 / 8 * CLIP**2
        found.append([parts["groups", level][0] for level in study.LEVELS] - np.array(true))
        apart = sum(parts[name, "clip"] for name in ("country", "age", "country_x_age"))
        assert apart == pytest.approx(parts["groups", "clip"])
    found = np.array(found)
    assert (np.abs(found.mean(0)) < 3.5 * found.std(0, ddof=1) / np.sqrt(20)).all()


def test_where_groups_do_not_differ_nothing_is_found_though_much_is_seen():
    rng, genre_sets = np.random.default_rng(2), study.places()
    found = []
    for _ in range(20):
        (n, mean, variance), truth = world(rng)
        mean = mean - truth[..., None] + truth.mean(1)[:, None, None]
        layouts = (study.layout(x.astype(float), *genre_sets) for x in (n, mean, variance))
        parts = study.components(*layouts)
        found.append([float(parts["groups", what][0]) for what in ("any", "seen")])
    found = np.array(found)
    assert abs(found[:, 0].mean()) < 3.5 * found[:, 0].std(ddof=1) / np.sqrt(20)
    assert found[:, 1].mean() > 0.1


def test_two_clips_missing_are_refused():
    z = np.zeros((4, 3, 8, 1))
    z[0, 0] = z[1, 1] = np.nan
    with pytest.raises(ValueError, match="at most one"):
        study._filled(z)


def test_genres_that_divide_listeners_are_named():
    rng, (genre, _) = np.random.default_rng(3), study.places()
    truth = np.full((356, 8), 3.0)
    truth[genre == 4] += [-0.5, -0.5, 0.5, 0.5] * 2
    found = study.by_genre(("valence",), listeners(truth, rng, LENIENCY, REST))
    age = found[found["comparison"] == "age"].reset_index()
    assert age.loc[4, "value"] == pytest.approx(16 / 17, abs=0.2) and age.loc[4, "low"] > 0.4
    country = found[found["comparison"] == "country"]
    assert (country["value"].abs() < 0.35).all() and (age["n"] >= 20).all()


def test_leniency_of_real_raters_is_found_without_knowing_them(soundtracks_root):
    """Film music's raters, dealt into sets and groups of two: only means and SDs are looked at."""
    ratings = load_soundtracks(soundtracks_root)
    for dimension in ("valence", "energy"):
        y = leniency.blocks_of(ratings, dimension)[0]
        rng, found = np.random.default_rng(4), []
        for _ in range(150):
            clips, raters = rng.permutation(50)[:48], rng.permutation(49)[:48]
            cells = np.stack([
                y[np.ix_(c, r)].reshape(16, 8, 2)
                for c, r in zip(clips.reshape(3, 16), raters.reshape(3, 16), strict=True)
            ])  # fmt: skip
            n = np.full((3, 16, 8), 2.0)
            mean, variance = cells.mean(-1)[..., None], cells.var(-1, ddof=1)[..., None]
            parts = study.components(n, mean, variance)
            total = parts["listeners", "leniency"] + parts["listeners", "rest"]
            found.append(np.r_[parts["listeners", "leniency"], parts["groups", "any"]] / total)
        found = np.mean(found, 0)
        assert found[0] == pytest.approx(leniency.shares(y)[0], abs=0.015)
        assert found[1] == pytest.approx(0, abs=0.015)
