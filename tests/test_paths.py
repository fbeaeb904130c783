"""Finding the repository, and writing so that nothing half-written is ever seen."""

import os
import stat

import pytest

from mer_utils.paths import build_dir, cache_dir, repo_root, write_atomically


@pytest.fixture
def clone(tmp_path):
    root = tmp_path / "clone"
    (root / "mer_utils").mkdir(parents=True)
    (root / "notebooks" / "deep").mkdir(parents=True)
    (root / "_toc.yml").write_text("")
    return root.resolve()


def test_root_from_the_environment_comes_first(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("MER_ROOT", str(clone))
    monkeypatch.chdir(tmp_path)
    assert repo_root() == clone


def test_root_upwards_from_the_working_folder(clone, monkeypatch):
    monkeypatch.delenv("MER_ROOT", raising=False)
    monkeypatch.chdir(clone / "notebooks" / "deep")
    assert repo_root() == clone


def test_root_from_the_package_when_the_working_folder_is_elsewhere(tmp_path, monkeypatch):
    monkeypatch.delenv("MER_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert (repo_root() / "mer_utils" / "paths.py").is_file()


def test_no_clone_anywhere_names_the_mend(tmp_path, monkeypatch):
    monkeypatch.delenv("MER_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mer_utils.paths.__file__", str(tmp_path / "site" / "paths.py"))
    with pytest.raises(ValueError, match="set MER_ROOT"):
        repo_root()


@pytest.mark.parametrize(
    ("folder", "variable", "default"),
    [(cache_dir, "MER_CACHE", ".cache"), (build_dir, "MER_BUILD", "_build")],
)
def test_folders_are_made_where_asked_for(clone, tmp_path, monkeypatch, folder, variable, default):
    monkeypatch.setenv("MER_ROOT", str(clone))
    monkeypatch.delenv(variable, raising=False)
    assert folder() == clone / default and folder().is_dir()
    monkeypatch.setenv(variable, str(tmp_path / "some" / "where"))
    assert folder() == tmp_path / "some" / "where" and folder().is_dir()


@pytest.mark.parametrize(
    ("folder", "variable"), [(cache_dir, "MER_CACHE"), (build_dir, "MER_BUILD")]
)
def test_a_folder_that_cannot_be_made_names_the_variable(tmp_path, monkeypatch, folder, variable):
    (tmp_path / "file").write_text("in the way")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setenv(variable, str(place))
        with pytest.raises(ValueError, match=f"file.*{variable}"):
            folder()


def test_a_file_appears_whole_and_readable(tmp_path):
    path = tmp_path / "new" / "scores.csv"
    with write_atomically(path) as temporary:
        temporary.write_text("a,b\n")
        assert not path.exists() and temporary.parent == path.parent
        assert temporary.suffix == ".csv"
    assert path.read_text() == "a,b\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == ["scores.csv"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as temporary:
        temporary.write_text("ha")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["scores.csv"]


def test_who_reads_the_old_file_keeps_reading_it(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("old")
    with open(path) as reader:
        with write_atomically(path) as temporary:
            temporary.write_text("new")
        assert reader.read() == "old"
    assert path.read_text() == "new"
