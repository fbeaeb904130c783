"""Notebook 00: recovered ratings, panels, ICC and the world of equal songs, on known truths."""

import ast

import krippendorff
import nbformat
import numpy as np
import pandas as pd
import pytest
from conftest import ROOT
from page_cells import run_cells

import mer_utils as mer
from mer_utils.data.dataset import Dataset

PAGE = "notebooks/00_data_and_raters.ipynb"


def page(*ids, dataset="musifeast", songs=None, **names):
    """What these cells define, for the songs of ``dataset`` or for these."""
    params = {"dataset": dataset, "data": "", "labels": "as_distributed", "features": None}
    names |= {**params, "seed": 0, "n_resamples": 50, "params": params}
    made = run_cells(PAGE, "imports", **names)
    if songs is None:
        return run_cells(PAGE, "load", *ids, **made)
    made |= {"songs": songs, "low": songs.scale[0], "high": songs.scale[1]}
    return run_cells(PAGE, *ids, **made)


def functions(cell_id, **names):
    """The functions that a cell defines, without running the rest of it."""
    (cell,) = (c for c in nbformat.read(ROOT / PAGE, 4).cells if c.id == cell_id)
    kept = [node for node in ast.parse(cell.source).body if isinstance(node, ast.FunctionDef)]
    exec(compile(ast.Module(kept, []), cell_id, "exec"), names)
    return names


def planted(matrix, **changes):
    """Songs with these ratings by unknown raters, (n_songs, n_raters), 1-5, one dimension."""
    moments = {"rating_mean": matrix.mean(1)[:, None], "rating_sd": matrix.std(1, ddof=1)[:, None]}
    known = {"song_id": np.arange(len(matrix)), "features": np.empty((len(matrix), 0))}
    known |= {"n_raters": np.full(len(matrix), matrix.shape[1]), "dimensions": ("quality",)}
    known |= {"name": "planted", "feature_source": "none", "scale": (1, 5), "ddof": 1}
    return Dataset(**known | moments | changes)


def sums(matrix, width=1):
    """``n, total, square`` of ratings (n_songs, n_raters), dealt into groups of ``width``."""
    cells = np.reshape(matrix, (len(matrix), -1, width, 1))
    return np.full(cells.shape[:2], width), cells.sum(2), (cells**2).sum(2)


def by_song(matrix):
    return [x.sum(1) for x in sums(matrix)]


def long(matrix):
    """Long table from a matrix (n_songs, n_raters), one dimension."""
    song, rater = np.indices(np.shape(matrix)).reshape(2, -1)
    return pd.DataFrame({"song_id": song, "rater": rater, "quality": np.ravel(matrix)})


# --- counts, sums and sums of squares ----------------------------------------------------------


@pytest.mark.parametrize(
    ("dataset", "groups"), [("musifeast", 8), ("simulated", 15), ("own", 1), ("own raters", 6)]
)
def test_sums_of_any_data_give_its_means_and_sds(dataset, groups):
    songs, ratings = None, np.random.default_rng(0).integers(1, 6, (30, 6)).astype(float)
    if dataset.startswith("own"):
        changes = {"ratings": long(ratings)} if "raters" in dataset else {}
        songs = planted(ratings, **changes)
    made = page("sums", dataset=dataset, songs=songs)
    songs, n = made["songs"], made["n"].sum(1)[:, None]
    assert made["n"].shape == (len(songs), groups)
    mean = made["total"].sum(1) / n
    variance = (made["square"].sum(1) - n * mean**2) / (n - songs.ddof)
    np.testing.assert_allclose(mean, songs.rating_mean, atol=0.0051)
    np.testing.assert_allclose(np.sqrt(variance), songs.rating_sd, atol=0.0051)


@pytest.fixture(scope="module")
def recovered():
    return page("sums", "recover", "pair")


def test_lists_that_fit_are_all_lists(recovered):
    assert recovered["fitting"](3, 6, 14) == [(1, 2, 3)]
    assert recovered["fitting"](3, 9, 33) == [(1, 4, 4), (2, 2, 5)]
    assert recovered["fitting"](2, 12, 72) == [], "6 is not on the scale"


def test_recovered_ratings_reproduce_counts_sums_and_squares(recovered):
    songs = recovered["songs"]
    known = recovered["known"]
    assert 50 < len(known) < len(songs)
    for i in known:
        r = np.array(recovered["ratings_of"](i, 0))
        expected = [recovered[name][i].sum(0) for name in ("n", "total", "square")]
        assert [len(r), r.sum(), (r**2).sum()] == [expected[0], expected[1][0], expected[2][0]]
        assert r.mean() == pytest.approx(songs.rating_mean[i, 0])
        assert r.std(ddof=1) == pytest.approx(songs.rating_sd[i, 0])
        assert set(r) <= {1, 2, 3, 4, 5}


def test_a_song_with_two_lists_in_a_group_is_not_taken_for_known():
    ratings = np.array([[1.0, 4, 4], [1, 2, 3]])
    made = page("recover", songs=planted(ratings))
    made |= dict(zip(("n", "total", "square"), sums(ratings, 3), strict=True))
    made = run_cells(PAGE, "pair", **made)
    assert made["ratings_of"](0, 0) is None and made["ratings_of"](1, 0) == [1, 2, 3]
    assert made["known"] == [1]


def test_the_pair_has_one_mean_and_the_largest_difference_of_sds(recovered):
    mean, sd = recovered["songs"].rating_mean[:, 0], recovered["songs"].rating_sd[:, 0]
    calm, divided = recovered["pair"]
    assert abs(mean[calm] - mean[divided]) <= 0.05
    known = recovered["known"]
    gaps = [sd[j] - sd[i] for i in known for j in known if abs(mean[i] - mean[j]) <= 0.05]
    assert sd[divided] - sd[calm] == max(gaps) > 0.5


# --- panels ------------------------------------------------------------------------------------


def panels(ratings, width=1):
    names = dict(zip(("n", "total", "square"), sums(ratings, width), strict=True))
    return run_cells(PAGE, "imports", "panels", "sizes", seed=1, **names)


def test_a_panel_has_the_mean_and_the_sd_of_its_listeners():
    ratings = np.random.default_rng(2).integers(1, 6, (40, 12))
    found = panels(ratings, 3)["panel"]([0, 2])
    asked = ratings[:, [0, 1, 2, 6, 7, 8]]
    np.testing.assert_allclose(found, np.c_[asked.mean(1), asked.std(1, ddof=1)])


def test_two_panels_share_nobody():
    powers = 2.0 ** np.arange(10) * np.ones((3, 1))
    one, other = (side[..., 0] * 4 for side in panels(powers)["two_panels"](4))
    assert (one.astype(int) & other.astype(int) == 0).all()
    assert len(np.unique(one[0])) > 20, "other splits"


def test_sizes_go_up_to_half_of_the_groups():
    assert panels(np.ones((4, 32)), 4)["sizes"] == [1, 2, 4]
    assert panels(np.ones((4, 10)))["sizes"] == [2, 3, 5], "an SD needs two listeners"
    assert panels(np.ones((4, 3)))["sizes"] == []


def test_reliability_of_the_mean_matches_theory():
    rng = np.random.default_rng(7)
    made = panels(rng.normal(3, 0.8, (1500, 1)) + rng.normal(0, 1.0, (1500, 10)))
    for size in (2, 5):
        found = made["reliability"](*made["two_panels"](size))[0]
        assert found == pytest.approx(0.64 / (0.64 + 1 / size), abs=0.03)


def test_reliability_of_the_sd_is_zero_when_songs_do_not_differ_in_it():
    rng = np.random.default_rng(8)
    made = panels(rng.normal(3, 1, (800, 12)))
    assert abs(made["reliability"](*made["two_panels"](6))[1]) < 0.05
    made = panels(3 + rng.uniform(0.1, 1.2, (800, 1)) * rng.normal(0, 1, (800, 12)))
    assert made["reliability"](*made["two_panels"](6))[1] > 0.5


def test_all_listeners_are_stepped_up_from_the_largest_panels():
    rng = np.random.default_rng(9)
    ratings = rng.normal(3, 0.8, (1500, 1)) + rng.normal(0, 1.0, (1500, 10))
    made = page("bound-curves", "bound-r2", songs=planted(np.clip(ratings, 1, 5)),
                n=np.full((1500, 1), 10))  # fmt: skip
    made |= dict(zip(("n", "total", "square"), sums(ratings), strict=True))
    made = run_cells(PAGE, "panels", "sizes", "reliability-run", **made)
    assert list(made["curve"]) == [2, 3, 5]
    assert made["stepped"][0][0] == pytest.approx(0.64 / (0.64 + 1 / 10), abs=0.02)
    value, low, high = (x[0, 0] for x in made["curve"][5])
    assert low < value < high


# --- one rating --------------------------------------------------------------------------------


def test_icc_textbook_values():
    """Shrout & Fleiss (1979), table 2: six targets, four judges."""
    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    icc = functions("icc", np=np)["icc"]
    np.testing.assert_allclose(icc(*by_song(ratings)).ravel(), [0.17, 0.44], atol=0.006)


def test_icc_of_planted_variances_with_uneven_numbers_of_listeners():
    rng = np.random.default_rng(3)
    n = rng.integers(20, 40, 4000)
    ratings = rng.normal(0, 0.6, (4000, 1)) + rng.normal(0, 1, (4000, 40))
    ratings = np.where(np.arange(40) < n[:, None], ratings, 0)
    found = functions("icc", np=np)["icc"](n, ratings.sum(1)[:, None], (ratings**2).sum(1)[:, None])
    k = n.mean()
    wanted = [0.36 / 1.36, 0.36 / (0.36 + 1 / k)]
    np.testing.assert_allclose(found.ravel(), wanted, atol=0.012)


def test_song_group_and_listener_are_told_apart():
    rng = np.random.default_rng(4)
    ratings = rng.normal(0, 0.7, (4000, 1, 1)) + rng.normal(0, 0.4, (4000, 8, 1))
    ratings = (ratings + rng.normal(0, 1, (4000, 8, 4))).reshape(4000, 32)
    nested = functions("parts", np=np, pd=pd)["nested"]
    found = nested(*sums(ratings, 4))
    np.testing.assert_allclose(found.ravel(), [0.49, 0.16, 1.0], atol=0.025)
    n, total, square = sums(ratings, 4)
    n, total, square = n.copy(), total.copy(), square.copy()
    alone = ratings.reshape(4000, 8, 4)[::2, ::2, :3, None]  # some groups with three listeners
    n[::2, ::2], total[::2, ::2], square[::2, ::2] = 3, alone.sum(2), (alone**2).sum(2)
    np.testing.assert_allclose(nested(n, total, square).ravel(), [0.49, 0.16, 1.0], atol=0.025)


def alpha(matrix):
    names = {"np": np, "pd": pd, "krippendorff": krippendorff}
    return functions("parts", **names)["alpha"](long(matrix), "quality")


def test_alpha_of_agreement_chance_and_opposition():
    rng = np.random.default_rng(5)
    assert alpha(np.repeat(rng.integers(1, 10, (200, 1)), 6, axis=1)) == pytest.approx(1)
    assert abs(alpha(rng.integers(1, 10, (400, 6)))) < 0.05
    assert alpha(np.tile([1, 9], (50, 1))) < 0


def test_alpha_is_close_to_the_icc_without_leniency():
    rng = np.random.default_rng(6)
    values = np.round(rng.normal(5, 1.2, (600, 1)) + rng.normal(0, 1.2, (600, 8)))
    single = functions("icc", np=np)["icc"](*by_song(values))[0]
    assert alpha(values) == pytest.approx(single[0], abs=0.01)


# --- intervals and equal songs -----------------------------------------------------------------


def test_resampling_keeps_what_belongs_to_a_song_together():
    over = functions("bound-r2", np=np, seed=0, n_resamples=40)["over_songs"]
    x = np.arange(30.0)
    assert over(lambda a, b: np.abs(a - b).max(), x, x) == (0, 0, 0)
    value, low, high = over(lambda a: a.mean(), x)
    assert value == 14.5 and low < 14.5 < high


def test_equal_songs_have_the_means_and_the_variance_of_the_data_and_one_width():
    rng = np.random.default_rng(0)
    centre = rng.uniform(1.5, 4.5, (400, 1))
    ratings = np.clip(np.round(centre + rng.normal(0, 1, (400, 30))), 1, 5)
    made = page("redraw-run", songs=planted(ratings), n=np.full((400, 1), 30))
    songs = made["songs"]
    np.testing.assert_allclose(made["chance"].sum(-1), 1)
    expected = made["chance"] @ made["answers"]
    np.testing.assert_allclose(expected, songs.rating_mean, atol=0.02)
    assert made["width"] == pytest.approx(1, abs=0.05)
    assert (made["alike"] ** 2).mean() == pytest.approx((songs.rating_sd**2).mean(), rel=0.01)
    assert made["share"].mean() == pytest.approx(1, abs=0.2), "these songs are alike"
    ratings[::2] = np.clip(np.round(centre[::2] + rng.normal(0, 0.3, (200, 30))), 1, 5)
    other = page("redraw-run", songs=planted(ratings), n=np.full((400, 1), 30))
    assert other["share"].mean() < 0.5, "and these are not"


@pytest.mark.parametrize(("ddof", "decimals"), [(0, 9), (1, 9), (0, 2), (1, 2)])
def test_the_formula_of_the_sd_is_found_on_any_scale_rounded_or_not(ddof, decimals):
    ratings = np.random.default_rng(1).integers(1, 6, (200, 34 if decimals == 9 else 8))
    moments = ratings.mean(1)[:, None], ratings.std(1, ddof=ddof)[:, None]
    mean, sd = (x.round(2) if decimals == 2 else x for x in moments)
    songs = planted(ratings, rating_mean=mean, rating_sd=sd)
    n = np.full((200, 1), ratings.shape[1])
    made = page("audit-ddof-run", songs=songs, n=n)
    assert made["how"]["decimals"] == decimals
    assert made["evidence"].ddof == ddof and made["evidence"].n_pairs == 200


def test_no_dimension_and_no_scale_is_typed_into_the_code():
    cells = nbformat.read(ROOT / PAGE, 4).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    assert "1-9" not in code and "valence" not in code and mer.DIMENSIONS[1] not in code
