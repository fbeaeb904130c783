"""Which notebooks run, in what order, and when again; with notebooks of the test's own."""

import os
import time
from pathlib import Path

import nbformat
import pytest

from mer_utils.book import runner
from mer_utils.book.build import BuildError, build_book
from mer_utils.embed.weights import WHEEL

RESULTS = {"a": "1", "b": "2", "scorecard": "3"}


def write_notebook(path, code):
    notebook = nbformat.v4.new_notebook()
    parameter = nbformat.v4.new_code_cell('profile: str = "paper"  # how long')
    parameter.metadata["tags"] = ["parameters"]
    notebook.cells = [parameter, nbformat.v4.new_code_cell(code)]
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    notebook.metadata["language_info"] = {"name": "python"}
    path.write_text(nbformat.writes(notebook))


@pytest.fixture
def repository(tmp_path, monkeypatch):
    for folder in ("mer_utils", "results", "book"):
        (tmp_path / folder).mkdir()
    for file in ("constraints.txt", "mer_utils/other.py", "intro.md"):
        (tmp_path / file).write_text("# one")
    (tmp_path / "mer_utils" / "paths.py").write_text("from mer_utils import results\nA = 1\n")
    (tmp_path / "mer_utils" / "results.py").write_text("B = 1\n")
    for name, number in RESULTS.items():
        use = "import mer_utils.paths\n" if name == "a" else ""
        write_notebook(tmp_path / f"{name}.ipynb", f"{use}print(profile, {number})")
    chapters = "".join(f"\n  - file: {name}" for name in RESULTS)
    (tmp_path / "_toc.yml").write_text(f"format: jb-book\nroot: intro\nchapters:{chapters}\n")
    monkeypatch.setenv("MER_ROOT", str(tmp_path))
    return tmp_path


def run(**options):
    said = []
    failed = runner.run_notebooks(say=said.append, **options)
    return {line.split()[1] for line in said if line.startswith("[")}, failed


@pytest.fixture
def no_kernels(monkeypatch):
    """Stand-in for papermill: a notebook "runs" by being copied."""

    def copy(source, executed, parameters, key, threads):
        (executed / source.name).write_bytes(source.read_bytes())
        (executed / f"{source.stem}.key").write_text(key)
        return 0, ""

    monkeypatch.setattr(runner, "_run", copy)


def test_only_what_changed_runs_again_and_what_reads_it(repository, no_kernels):
    everything = set(RESULTS)
    assert run() == (everything, {})
    assert run() == (set(), {})
    for file in repository.rglob("*"):
        os.utime(file, (time.time() + 60,) * 2)
    assert run() == (set(), {}), "a new time stamp alone changes nothing"
    write_notebook(repository / "a.ipynb", "import mer_utils.paths\nprint(5)")
    assert run() == ({"a", "scorecard"}, {})
    (repository / "constraints.txt").write_text("# two")
    assert run() == (everything, {})
    assert run(parameters={"profile": "quick"})[0] == everything
    assert run() == (set(), {}), "the quick profile has a folder of its own"


def test_code_counts_for_the_pages_that_use_it(repository, no_kernels):
    run()
    module = repository / "mer_utils"
    for file, text in {
        "other.py": "C = 1\n",  # nobody imports it
        "results.py": '"""About."""\n\nB = 1  # one\n',  # words, not code
        "new.py": "D = 1\n",
    }.items():
        (module / file).write_text(text)
        assert run() == (set(), {}), file
    (module / "results.py").write_text("B = 2\n")  # through paths.py
    assert run() == ({"a", "scorecard"}, {})
    (module / "paths.py").write_text("A = 1\n")  # imports it no more
    assert run() == ({"a", "scorecard"}, {})
    (module / "results.py").write_text("B = 3\n")
    assert run() == (set(), {})


def test_new_weights_run_what_chooses_an_encoder_again(repository, no_kernels, monkeypatch):
    monkeypatch.setenv("MER_WEIGHTS", str(repository / "weights"))
    source = repository / "a.ipynb"
    text = source.read_text().replace('# how long"', '# how long\\n", "encoder: str = 1"')
    source.write_text(text)
    assert runner.declared(source) == ["profile", "encoder"]
    assert run() == (set(RESULTS), {})
    (repository / "weights").mkdir()
    assert run() == (set(), {})
    for step in ("come", "change", "go"):
        wheel = repository / "weights" / WHEEL
        wheel.unlink() if step == "go" else wheel.write_text(step)
        assert run() == ({"a", "scorecard"}, {}), step
        assert run() == (set(), {})


def test_a_page_that_can_read_committed_tables_runs_again_with_them(repository, no_kernels):
    run()
    (repository / "results" / "table.csv").write_text("2")
    assert run() == ({"a", "scorecard"}, {}), "a imports the reader of tables, through paths.py"
    (repository / "mer_utils" / "paths.py").write_text("A = 1\n")
    run()
    (repository / "results" / "table.csv").write_text("3")
    assert run() == ({"scorecard"}, {})


def test_a_failure_is_told_and_keeps_what_ran_before(repository):
    assert run(parameters={"profile": "quick"}, home=repository)[1] == {}
    assert "quick 2" in (repository / "_build/executed/b.ipynb").read_text()
    assert run() == (set(RESULTS), {})
    before = (repository / "_build/executed/a.ipynb").read_bytes()
    source = (repository / "a.ipynb").read_bytes()
    write_notebook(repository / "a.ipynb", "raise RuntimeError('the reason')")
    ran, failed = run()
    assert ran == {"a"}
    assert "the reason" in failed["a"] and "it reads a" in failed["scorecard"]
    assert (repository / "_build/executed/a.ipynb").read_bytes() == before
    with pytest.raises(BuildError, match="a failed:(.|\n)*the reason"):
        build_book(say=lambda line: None)
    (repository / "a.ipynb").write_bytes(source)
    assert run() == (set(), {}), "as it was before: nothing to do"


def test_order_follows_the_shared_experiments():
    names = ["02_mse", "05_seed_ensemble", "07_failure_analysis", "scorecard"]
    assert runner._before("05_seed_ensemble", names) == {"02_mse"}
    assert runner._before("07_failure_analysis", names) == {"02_mse", "05_seed_ensemble"}
    assert runner._before("scorecard", names) == set(names[:3])
    assert runner._before("02_mse", names) == set()


def test_a_page_that_is_not_there_is_named(repository):
    (repository / "a.ipynb").unlink()
    with pytest.raises(ValueError, match="_toc.yml names 'a', but there is no a.ipynb or .md"):
        run()


def test_a_folder_that_cannot_be_made_is_named(repository):
    (repository / "file").touch()
    with pytest.raises(ValueError, match=f"cannot make {Path(repository, 'file', '_build')}"):
        run(home=repository / "file")
