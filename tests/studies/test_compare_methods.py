"""The whole study of methods, in small: three methods, resumed from the cache, the same bytes."""

import compare_methods as study
import null
import pytest

from mer_utils.results import kept, provenance

NAMES = ["constant", "mean_only", "ridge", "mse"]


@pytest.fixture
def small(monkeypatch, tmp_path):
    """Few methods and few designs; a cache of its own."""
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    for module in (study, null):
        monkeypatch.setattr(module, "possible", lambda case: NAMES)
    real = study.cases.musifeast
    monkeypatch.setattr(study.cases, "musifeast", lambda: real()[1:3])  # two turns
    monkeypatch.setattr(study.cases.worlds, "WORLDS", {"planted": (0.95, 0.10)} | {
        "absent": (0.0, 0.04)})  # fmt: skip
    out = tmp_path / "out"

    def run(*parts):
        study.main([
            "--out", str(out), "--only", *parts, "--jobs", "1", "--seeds", "1", "--epochs", "1",
            "--draws", "2",
        ])  # fmt: skip
        return {file.name: file.read_bytes() for file in out.glob("*.csv")}

    run.out, run.cache = out, tmp_path / "cache" / "methods"
    return run


def test_the_study_in_small_is_resumed_and_gives_the_same_bytes(small):
    first = small("null", "musifeast")
    files = {file: file.stat().st_mtime_ns for file in small.cache.glob("*.npz")}
    assert len(files) == len(NAMES) * (2 + 2)  # draws and turns
    assert small("null", "musifeast") == first
    assert {file: file.stat().st_mtime_ns for file in small.cache.glob("*.npz")} == files
    assert set(first) == {f"{name}.csv" for name in (
        "scores", "best", "differences", "null", "verdicts", "calibration")}  # fmt: skip
    made = provenance("", folder=small.out)
    assert made["command"] == study.COMMAND and made["draws"] == 2
    differences = kept("", "differences", small.out)
    assert set(differences["method"]) == set(NAMES)
    assert set(differences["score"]) == {"crps_spread", "log_spread", "crps_own"}
    factors = kept("", "null", small.out)
    wanted = study.judge.factor_of(factors, "ridge", "crps_spread", "mean_only")
    rows = differences.query("method == 'ridge' and score == 'crps_spread'")
    assert rows.query("against == 'mean_only'")["factor"].tolist() == [wanted] * 2
    assert (differences["error"] > 10 ** (2 - study.DIGITS)).mean() > 0.5  # digits enough

    both = small("worlds")  # the others' rows stay as they are
    merged = kept("", "differences", small.out)
    assert set(merged["data"]) == {"musifeast", "simulated planted", "simulated absent"}
    assert both["null.csv"] == first["null.csv"]
    assert both["differences.csv"].startswith(first["differences.csv"])
    planted = merged[merged["data"].eq("simulated planted") & merged["method"].eq("ridge")]
    primary = planted.query("score == 'crps_spread' and against == 'mean_only'")
    assert (primary["value"] < -0.004).all()
    own = planted.query("score == 'crps_own' and against == 'mean_only'")
    assert (own["value"] < -0.004).all()


def test_parts_without_factors_ask_for_them(small):
    with pytest.raises(ValueError, match="null.csv is missing"):
        small("musifeast")
