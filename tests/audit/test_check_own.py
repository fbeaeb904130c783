"""The report on own ratings: what is there, what is odd, how far raters agree."""

import numpy as np
import pandas as pd
import pytest
from own_folder import PICTURES, VOICES, pictures, voices

from mer_utils.audit.check import check_report


def text_of(report):
    assert max(map(len, str(report).splitlines())) < 80
    return " ".join(str(report).split())


def reliability(report):
    """Mean and SD of the panels, and what is said of all raters."""
    rows = [line.split() for line in report.lines if line.strip().startswith("quality ")]
    return {row[1]: (float(row[2]), float(row[-1])) for row in rows if "[" in row[3]}


def test_report_on_single_ratings(tmp_path):
    voices(tmp_path)
    report = check_report(tmp_path)
    text = text_of(report)
    assert report.errors == 0
    for expected in (
        *("60 items, on the 1-5 scale", "Raters of an item: 8 to 8", "No group is known"),
        *("480 ratings by 8 raters", "4 raters", "8 raters, about", "Nothing."),
    ):
        assert expected in text


@pytest.mark.parametrize("spread", [0.0, 0.8])
def test_reliability_is_that_of_the_panels(tmp_path, spread):
    """Many items with a known truth: the SD of an item is known to differ, or not to."""
    rng = np.random.default_rng(3)
    n_items, n = 500, 12
    true_sd = 12 * np.exp(spread * rng.normal(size=(n_items, 1)) / 2)
    place = rng.normal(50, 10, (n_items, 1))
    values = place + true_sd * rng.normal(size=(n_items, n))
    index = pd.MultiIndex.from_product([range(n_items), range(n)], names=["item", "rater"])
    pd.DataFrame({"quality": values.ravel()}, index).to_csv(tmp_path / "ratings.csv")
    (tmp_path / "dataset.toml").write_text(VOICES.replace("[1, 5]", "[-400, 500]"))
    np.savez(tmp_path / "features.npz", song_id=range(n_items), features=np.eye(n_items)[:, :3])
    found = reliability(check_report(tmp_path))
    first, second = values[:, :6], values[:, 6:]
    for name, statistic in (("mean", np.mean), ("SD", lambda x, axis: np.std(x, axis, ddof=1))):
        r = np.corrcoef(statistic(first, axis=1), statistic(second, axis=1))[0, 1]
        assert found[name][0] == pytest.approx(r, abs=0.08)
    assert found["mean"][1] == pytest.approx(100 / (100 + (true_sd**2).mean() / n), abs=0.05)
    assert (found["SD"][0] > 0.3) == (spread > 0)


def test_the_step_to_all_raters_of_an_sd_is_what_another_panel_of_all_would_show(tmp_path):
    """From 2 raters to 5, simulated; Spearman and Brown with n would say too little."""
    rng = np.random.default_rng(5)
    n_items, n = 6000, 5
    true_sd = 12 * np.exp(0.3 * rng.normal(size=(n_items, 1)))
    place = rng.normal(50, 10, (n_items, 1))
    one, other = (place + true_sd * rng.normal(size=(n_items, n)) for _ in range(2))
    index = pd.MultiIndex.from_product([range(n_items), range(n)], names=["item", "rater"])
    pd.DataFrame({"quality": one.ravel()}, index).to_csv(tmp_path / "ratings.csv")
    (tmp_path / "dataset.toml").write_text(VOICES.replace("[1, 5]", "[-400, 500]"))
    np.savez(tmp_path / "features.npz", song_id=range(n_items), features=np.eye(n_items)[:, :3])
    truth = np.corrcoef(one.std(1, ddof=1), other.std(1, ddof=1))[0, 1]
    assert reliability(check_report(tmp_path))["SD"][1] == pytest.approx(truth, abs=0.06)


def test_report_without_raters(tmp_path):
    table = pictures(tmp_path)
    report = check_report(tmp_path)
    text = text_of(report)
    assert report.errors == 0 and "Single ratings are not at hand" in text
    assert "20 groups; each stays" in text and "Correlation of mean Beauty" in text
    noise = (table["beauty_sd"] ** 2 / 20).mean()
    expected = 1 - noise / table["beauty_mean"].var()
    assert f"{expected:.2f} (Beauty)" in text
    assert "That of the SD cannot be computed" in text
    table.drop(columns="n").to_csv(tmp_path / "moments.csv", index=False)
    assert "Without the number of raters" in text_of(check_report(tmp_path))


def test_the_wrong_formula_is_an_error_with_the_mend(tmp_path):
    by_item = voices(tmp_path).groupby("item")["quality"]
    (tmp_path / "ratings.csv").unlink()
    table = pd.DataFrame({"n": 8, "quality_mean": by_item.mean(), "quality_sd": by_item.std()})
    table.round(2).to_csv(tmp_path / "moments.csv")
    assert check_report(tmp_path).errors == 0
    (tmp_path / "dataset.toml").write_text(VOICES + "ddof = 0\n")
    report = check_report(tmp_path)
    assert report.errors == 1 and "set ddof = 1" in text_of(report)


def test_another_scale_is_one_line(tmp_path):
    pictures(tmp_path, toml=PICTURES.replace("[1, 100]", "[1, 9]"))
    report = check_report(tmp_path)
    assert report.errors == 1 and "another scale" in text_of(report)
    voices(tmp_path / "v", toml=VOICES.replace("[1, 5]", "[1, 20]"))
    report = check_report(tmp_path / "v")
    assert report.errors == 0 and "Odd, quality: All means lie from" in text_of(report)


def test_one_dimension_on_another_scale_is_odd(tmp_path):
    table = pictures(tmp_path)
    for what in ("mean", "sd"):
        table[f"interest_{what}"] = 1 + (table[f"interest_{what}"] - 1) / 10
    table["interest_sd"] = table["interest_sd"].clip(lower=0)
    table.to_csv(tmp_path / "moments.csv", index=False)
    said = text_of(check_report(tmp_path))
    assert "Odd, interest: All means lie from" in said and "Odd, Beauty" not in said


@pytest.mark.parametrize("n_groups, errors", [(4, 1), (5, 0)])
def test_fewer_than_five_groups_cannot_be_cut_into_folds(tmp_path, n_groups, errors):
    items = voices(tmp_path)["item"].unique()
    groups = [f"speaker_{i % n_groups}" for i in range(len(items))]
    pd.DataFrame({"item": items, "group": groups}).to_csv(tmp_path / "items.csv", index=False)
    report = check_report(tmp_path)
    assert report.errors == errors and ("five folds" in text_of(report)) == bool(errors)


def test_every_file_is_looked_at(tmp_path):
    voices(tmp_path)
    (tmp_path / "ratings.csv").write_text("item,rater,quality\nv1,r,9\nv1,s,2\n")
    (tmp_path / "features.csv").write_text("item,a\nv1,loud\n")
    report = check_report(tmp_path)
    assert [p.split(":")[0] for p in report.problems] == [
        "ratings.csv, line 2",
        "features.csv, line 2",
    ]
    (tmp_path / "dataset.toml").write_text("name = 3\n")
    report = check_report(tmp_path)
    assert report.errors == 4 and "line 1: 'name' is 3" in text_of(report)


def test_ratings_without_a_description_are_own_ratings_too(tmp_path):
    voices(tmp_path)
    (tmp_path / "dataset.toml").unlink()
    report = check_report(tmp_path)
    assert report.errors == 1 and "dataset.toml: not there; mer init" in text_of(report)


def test_few_raters_are_too_few_for_two_panels(tmp_path):
    voices(tmp_path, n_raters=3)
    assert "Too few raters for two panels" in text_of(check_report(tmp_path))
