"""The benchmark prints one line for each import; times themselves are not tested."""

import subprocess

import import_time
import pytest

CODES = ["import mer_utils", "from mer_utils import load", "from mer_utils import run"]


def test_each_import_is_there_and_loses_the_time_of_an_empty_process(monkeypatch, capsys):
    asked = {"pass": 1.0, CODES[0]: 1.25, CODES[1]: 2.0, CODES[2]: 4.5}
    monkeypatch.setattr(import_time, "seconds", asked.pop)
    import_time.main()
    assert asked == {}
    lines = capsys.readouterr().out.splitlines()
    assert [line[:32].rstrip() for line in lines] == CODES
    assert [line[32:].split() for line in lines] == [["0.250", "s"], ["1.000", "s"], ["3.500", "s"]]
    for code in CODES:
        exec(code, {})


def test_the_median_of_all_repeats_is_taken(monkeypatch):
    clock, done = iter([0.0, 9.0, 10.0, 11.0, 20.0, 23.0]), []
    monkeypatch.setattr(import_time, "REPEATS", 3)
    monkeypatch.setattr(import_time.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(import_time.subprocess, "run", lambda line, check: done.append(line))
    assert import_time.seconds("pass") == 3.0
    assert [line[1:] for line in done] == [["-c", "pass"]] * 3


def test_an_import_that_fails_is_no_time(monkeypatch):
    monkeypatch.setattr(import_time, "REPEATS", 1)
    with pytest.raises(subprocess.CalledProcessError):
        import_time.seconds("raise SystemExit(3)")
