"""Kept tables: one reader, one writer."""

import json

import pandas as pd
import pytest

from mer_utils.paths import repo_root
from mer_utils.results import kept, provenance, read_results, versions, write_tables


def test_what_is_written_is_read_again(tmp_path):
    table = pd.DataFrame({"name": ["null", "a"], "value": [1 / 3, None], "why": ["", "because"]})
    write_tables(tmp_path, {"one": table, "two": table}, {"command": "c"}, "_x")
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "one_x.csv", "provenance_x.json", "two_x.csv",
    ]  # fmt: skip
    found = kept("", "one_x", tmp_path)
    assert list(found["name"]) == ["null", "a"], "a name is no missing value"
    assert found["value"].tolist()[0] == 0.3333 and found["value"].isna().tolist() == [False, True]
    assert provenance("", "_x", tmp_path) == {"command": "c"}
    write_tables(tmp_path, {"one": table}, {}, digits=6)
    assert kept("", "one", tmp_path)["value"].tolist()[0] == 0.333333


@pytest.mark.parametrize("read", [kept, lambda study, name, folder: provenance(study, "", folder)])
def test_a_missing_table_is_named_with_its_mend(tmp_path, read):
    with pytest.raises(ValueError, match="is missing: make it with the command for ceilings/ in"):
        read("ceilings", "none", tmp_path)


FROM_MER_RUN = ("simulated", "deam_opensmile", "musifeast17")


def test_every_folder_of_results_is_read_and_explained():
    folders = [path for path in (repo_root() / "results").iterdir() if path.is_dir()]
    readme = (repo_root() / "results" / "README.md").read_text()
    for folder in folders:
        assert f"`{folder.name}/`" in readme
        for table in folder.glob("*.csv"):
            assert len(kept(folder.name, table.stem)), table
            assert f"{table.stem}" in readme or folder.name in FROM_MER_RUN
        for file in folder.glob("provenance*.json"):
            command = json.loads(file.read_text())["command"]
            assert command.split(" --")[0] in readme, command


def test_the_folder_of_mer_run_has_its_three_parts():
    found = read_results("simulated")
    assert len(found.scores) and len(found.claims) and found.provenance["simulated"]
    assert found.claims["why"].map(type).eq(str).all()


def test_versions_name_what_decides_results():
    assert {"mer_utils", "python", "torch", "numpy"} <= set(versions())
