"""`mer fetch`: each command hands its folder to the function that does the work."""

import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from mer_utils import cli_fetch


@pytest.mark.parametrize(
    ("command", "module", "function"),
    [
        ("deam", "data.download", "fetch_deam"),
        ("musicfm", "data.download", "fetch_musicfm"),
        ("musicnn", "embed.weights", "fetch_musicnn"),
        ("musifeast", "data.musifeast_clips", "fetch_musifeast"),
    ],
)
def test_each_command_says_where_things_are(monkeypatch, tmp_path, command, module, function):
    asked = []

    def fetched(dest, **_):
        asked.append(dest)
        return dest / "here"

    stand_in = SimpleNamespace(**{function: fetched})
    monkeypatch.setitem(sys.modules, f"mer_utils.{module}", stand_in)
    done = CliRunner().invoke(cli_fetch.fetch, [command, str(tmp_path)])
    assert done.exit_code == 0 and str(tmp_path / "here") in done.output
    assert asked == [tmp_path]


def test_the_variant_of_musicfm_is_handed_on(monkeypatch, tmp_path):
    asked = []

    def fetched(dest, variant):
        asked.append(variant)
        return dest

    stand_in = SimpleNamespace(fetch_musicfm=fetched)
    monkeypatch.setitem(sys.modules, "mer_utils.data.download", stand_in)
    run = CliRunner().invoke
    assert run(cli_fetch.fetch, ["musicfm", str(tmp_path)]).exit_code == 0
    assert run(cli_fetch.fetch, ["musicfm", "--variant", "fma", str(tmp_path)]).exit_code == 0
    assert asked == ["msd", "fma"]
    wrong = run(cli_fetch.fetch, ["musicfm", "--variant", "fsd"])
    assert wrong.exit_code == 2 and "'msd', 'fma'" in wrong.output
