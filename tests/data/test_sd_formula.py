"""Which SD a file holds, and whether single ratings give it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mer_utils.data.csv_tables import numbers, read_table
from mer_utils.data.dataset import Dataset
from mer_utils.data.deam import AVERAGED, FILES, load_deam
from mer_utils.data.deam_tables import read_averaged
from mer_utils.data.sd_formula import compare_with_raters, infer_ddof, possible_sds


def drawn(n_songs=300, n=10, ddof=0, seed=0):
    ratings = np.random.default_rng(seed).integers(1, 10, size=(n_songs, n))
    return ratings.mean(1).round(2), ratings.std(1, ddof=ddof).round(2)


@pytest.mark.parametrize("ddof", [0, 1])
def test_ddof_is_found_in_drawn_ratings(ddof):
    found = infer_ddof(*drawn(ddof=ddof))
    assert found.ddof == ddof and f"ddof={ddof}" in str(found)
    assert (found.share_ddof0, found.share_ddof1)[ddof] == 1


def test_ddof_with_raters_per_song():
    parts = [drawn(100, n, seed=n) for n in (10, 11, 12)]
    mean, sd = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    assert infer_ddof(mean, sd, np.repeat([10, 11, 12], 100)).share_ddof0 == 1
    assert infer_ddof(mean, sd, 10).share_ddof0 < 0.9


def test_ddof_undecided():
    rng = np.random.default_rng(0)
    assert infer_ddof(rng.uniform(2, 8, 200).round(2), rng.uniform(1, 2, 200).round(2)).ddof is None
    many = infer_ddof(*drawn(n=100), n=100)
    assert many.ddof is None and many.n_pairs == 0 and "few raters" in str(many)


@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("scale", [(1, 5), (0, 10), (-2, 2)])
def test_ddof_on_other_scales_and_variances(ddof, scale):
    ratings = np.random.default_rng(1).integers(scale[0], scale[1] + 1, size=(200, 8))
    mean, sd = ratings.mean(1).round(2), ratings.std(1, ddof=ddof).round(2)
    found = infer_ddof(mean, sd, 8, scale=scale)
    assert found.ddof == ddof and not found.variance
    squares = infer_ddof(mean, ratings.var(1, ddof=ddof).round(2), 8, scale=scale)
    assert squares.ddof is None and squares.variance and "look like variances" in str(squares)


def test_ddof_is_not_tested_where_it_cannot_be():
    mean, sd = drawn(n=4)
    for scale in ((0, 100), (1, 9.5)):
        assert infer_ddof(mean, sd, 4, scale=scale).n_pairs == 0


def test_ddof_bad_input():
    for arguments in (([5.0], [1.0, 1.0]), ([], []), ([5.0], [1.0], 1), ([5.0], [1.0], [10, 10])):
        with pytest.raises(ValueError):
            infer_ddof(*arguments)


def test_possible_sds_closed_form():
    np.testing.assert_allclose(possible_sds(2, 0)[10], [0, 1, 2, 3, 4])  # 5+5, 4+6, .. 1+9
    np.testing.assert_allclose(possible_sds(2, 1)[10], np.sqrt(2) * np.arange(5))


@given(st.lists(st.integers(1, 9), min_size=2, max_size=14))
def test_every_real_sd_is_possible(ratings):
    for ddof in (0, 1):
        sds = possible_sds(len(ratings), ddof)[sum(ratings)]
        assert np.abs(sds - np.std(ratings, ddof=ddof)).min() < 1e-9


def test_real_deam_is_ddof_0_and_emomusic_ddof_1(deam_root):
    _, mean, sd = read_averaged(deam_root / (AVERAGED + FILES["1-2000"]))
    deam = infer_ddof(mean, sd)
    assert deam.ddof == 0 and deam.share_ddof0 > 0.985 and deam.share_ddof1 < 0.2
    path = deam_root / "cross_check/emomusic_static_annotations.csv"
    table, problems = read_table(path), []
    columns = [[numbers(table, f"{what}_{name}", path, problems) for name in ("valence", "arousal")]
               for what in ("mean", "std")]  # fmt: skip
    assert not problems
    assert infer_ddof(*columns, decimals=4).ddof == 1


def with_raters(mean, sd, ddof=0):
    ratings = pd.DataFrame({"song_id": [1, 1, 2, 2, 3], "rater": list("ababa"),
                            "valence": [3, 5, 6, 6, 1], "arousal": [1, 2, 9, 1, 1]})  # fmt: skip
    return Dataset("three songs", np.array([1, 2, 3]), np.array(mean, float), np.array(sd, float),
                   np.zeros((3, 0)), "none", ratings=ratings, ddof=ddof)  # fmt: skip


def test_compare_with_raters():
    mean, sd = [[4, 1.5], [6, 5], [1, 1]], [[1, 0.5], [0, 4], [0, 0]]
    table = compare_with_raters(with_raters(mean, sd)).set_index("statistic")
    assert (table["n_songs"] == 2).all() and (table["n_mismatch"] == 0).all()
    sample = compare_with_raters(with_raters(mean, sd, ddof=1)).set_index("statistic")
    assert sample.loc["arousal SD", "n_mismatch"] == 2
    mean[0][0] = 4.2
    table = compare_with_raters(with_raters(mean, sd)).set_index("statistic")
    assert table.loc["valence mean", "n_mismatch"] == 1
    assert table.loc["valence mean", "max_abs_diff"] == pytest.approx(0.2)


def test_compare_needs_raters(deam_root):
    with pytest.raises(ValueError, match="per each rater"):
        compare_with_raters(load_deam(deam_root, features=None))
