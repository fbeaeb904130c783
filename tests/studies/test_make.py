"""The command that makes results/ceilings."""

import make
import numpy as np
import pandas as pd
import pytest

from mer_utils.results import kept, provenance


def test_real_raters_are_asked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("SOUNDTRACKS_ROOT", raising=False)
    with pytest.raises(ValueError, match="--soundtracks PATH"):
        make.main(["--only", "data", "--out", str(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_kept_tables_name_their_command():
    made = provenance("ceilings")
    assert made["command"] == f"{make.COMMAND} --out results/ceilings"
    assert made["validation"] == {
        "raters": list(make.RATERS),
        "repeats": make.REPEATS,
        "songs": make.SONGS,
    }


def test_the_long_validation_can_be_stopped(tmp_path, monkeypatch):
    asked, worlds = [], pd.DataFrame()
    monkeypatch.setattr(make, "validate_ceilings", lambda **how: asked.append(how) or worlds)
    monkeypatch.setattr(make, "bias_and_coverage", lambda found, by: found)
    make.main(["--only", "validation", "--repeats", "2", "--out", str(tmp_path)])
    assert asked == [{"n_songs": make.SONGS, "n_repeats": 2, "keep": True}]
    assert {file.name for file in tmp_path.iterdir()} == {"validation.csv", "provenance.json"}


def test_kept_ceilings_follow_from_the_data(deam_root, soundtracks_root, monkeypatch):
    names = ("reliability_curves", "extrapolation_test", "transfer_test", "own_mean_test")
    for name in names:  # these have tests of their own
        monkeypatch.setattr(make.real_raters, name, lambda *args, **kwargs: pd.DataFrame())
    tables, made = make.data_tables(str(deam_root), str(soundtracks_root), n_resamples=20)
    assert made["n_songs"] == 1744
    for name, keys in (("ceilings", ["estimator", "shape", "part"]), ("mean_share", ["score"])):
        table, stored = tables[name], kept("ceilings", name)
        pd.testing.assert_frame_equal(table[keys], stored[keys])
        np.testing.assert_allclose(table["value"], stored["value"], atol=2e-3)
