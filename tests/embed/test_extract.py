"""Audio to a store: bad files are named, kills lose nothing, settings are kept."""

import os
import signal
import subprocess
import sys
import time

import fake_encoder
import numpy as np
import pandas as pd
import pytest
import soundfile
from click.testing import CliRunner
from conftest import ROOT

from mer_utils import cli
from mer_utils.data.csv_tables import DataError
from mer_utils.data.feature_store import read_settings, read_store
from mer_utils.embed import number_format, store_writer
from mer_utils.embed.encoders import ENCODERS
from mer_utils.embed.extract import extract

TESTS = ROOT / "tests"
ENCODER = "fake_encoder:load"


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """23 short noises, in two folders."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "more").mkdir()
    rng = np.random.default_rng(0)
    for i in range(23):
        noise = rng.normal(0, 0.1, 4000 + 100 * (i % 3))
        soundfile.write(folder / ("more" if i % 2 else ".") / f"{i:02d}.wav", noise, 8000)
    return folder


@pytest.fixture
def groups_of_5(monkeypatch):
    monkeypatch.setattr("mer_utils.embed.extract.GROUP", 5)


def parts(folder):
    return {path.name: path.read_bytes() for path in folder.glob("part-*")}


def run(music, out, **options):
    return extract(music, out, progress=False, **{"encoder": ENCODER, "layers": "all", **options})


def mer(*arguments):
    return CliRunner().invoke(cli.main, ["embed", *map(str, arguments)])


# --- the store that comes out ---------------------------------------------------------------


def test_every_song_has_a_row_with_its_own_features(music, tmp_path, groups_of_5):
    done = run(music, tmp_path / "store")
    assert (done.done, done.new, done.failed) == (23, 23, 0)
    assert len(parts(tmp_path / "store")) == 5
    ids, features, _ = read_store(tmp_path / "store", "low")
    assert len(ids) == 23 and "01" not in ids and "more/01" in ids and "00" in ids
    samples, _ = soundfile.read(music / "more/07.wav", dtype="float32")
    np.testing.assert_array_equal(features[ids.tolist().index("more/07")], samples[:500] ** 2)
    frame = pd.read_parquet(tmp_path / "store").set_index("song_id")
    row = frame.loc["more/01"]
    assert (
        row["path"] == "more/01.wav" and row["audio_bytes"] == (music / row["path"]).stat().st_size
    )
    assert row["duration_s"] == row["seconds"] == 4100 / 8000


def test_workers_and_batches_do_not_change_the_bytes(music, tmp_path):
    run(music, tmp_path / "one")
    for options in (dict(workers=1), dict(workers=4), dict(batch=4), dict(batch=50)):
        out = tmp_path / str(options)
        run(music, out, **options)
        assert parts(out) == parts(tmp_path / "one")


def test_start_and_length_choose_the_stretch(music, tmp_path):
    run(music, tmp_path / "store", start=0.1, seconds=0.25)
    samples, _ = soundfile.read(music / "00.wav", dtype="float32")
    ids, features, _ = read_store(tmp_path / "store", "low")
    np.testing.assert_array_equal(features[0], samples[800:1300] ** 2)
    assert pd.read_parquet(tmp_path / "store")["seconds"].eq(0.25).all()


def test_a_rerun_computes_only_what_is_new(music, tmp_path, monkeypatch):
    import shutil

    folder = tmp_path / "music"
    shutil.copytree(music, folder)
    out = tmp_path / "store"
    run(folder, out)
    monkeypatch.setenv("FAKE_LOG", str(tmp_path / "log"))
    before = parts(out)
    assert run(folder, out).new == 0 and parts(out) == before
    shutil.copy(folder / "00.wav", folder / "99.wav")
    (folder / "02.wav").unlink()
    done = run(folder, out)
    assert (done.done, done.new, done.others) == (23, 1, 1)
    assert len((tmp_path / "log").read_text().splitlines()) == 1
    assert before.items() < parts(out).items()
    soundfile.write(folder / "04.wav", np.random.default_rng(1).normal(0, 0.1, 9000), 8000)
    done = run(folder, out)
    assert done.failed == 1 and "changed since it was embedded" in done.failures[0].reason


def test_another_setting_is_refused(music, tmp_path):
    run(music, tmp_path / "store")
    before = parts(tmp_path / "store")
    with pytest.raises(DataError, match="seconds 45.0, now 30.0"):
        run(music, tmp_path / "store", seconds=30)
    with pytest.raises(DataError, match=r"layers \['low', 'high'\], now \['low'\]"):
        run(music, tmp_path / "store", layers=("low",))
    assert parts(tmp_path / "store") == before


@pytest.fixture
def as_musicfm(monkeypatch):
    """The fake under the name whose dtype is measured; say what the measurement gives."""
    monkeypatch.setitem(ENCODERS, "musicfm", ENCODER)
    monkeypatch.setattr(fake_encoder.Fake, "name", "musicfm")
    return lambda times: monkeypatch.setattr(number_format, "speed_up", lambda: times)


@pytest.mark.parametrize("times, dtype", [(0.4, "float32"), (3.0, "bfloat16")])
def test_the_dtype_of_auto_is_recorded_and_the_store_keeps_it(
    music, tmp_path, as_musicfm, times, dtype
):
    as_musicfm(times)
    assert run(music, tmp_path / "s", encoder="musicfm").new == 23
    assert read_settings(tmp_path / "s")["dtype"] == dtype
    assert pd.read_parquet(tmp_path / "s")["dtype"].eq(dtype).all()
    before = parts(tmp_path / "s")
    as_musicfm(1 / times)  # as on another machine: the store goes on as it was begun
    assert run(music, tmp_path / "s", encoder="musicfm").new == 0
    assert run(music, tmp_path / "s", encoder="musicfm", dtype=dtype).new == 0
    other = {"float32": "bfloat16", "bfloat16": "float32"}[dtype]
    with pytest.raises(DataError, match=f"dtype '{dtype}', now '{other}'"):
        run(music, tmp_path / "s", encoder="musicfm", dtype=other)
    assert parts(tmp_path / "s") == before


def test_the_dtype_of_another_encoders_store_is_not_taken_over(music, tmp_path, as_musicfm):
    as_musicfm(3.0)
    run(music, tmp_path / "s", encoder="musicfm")
    with pytest.raises(DataError, match="encoder 'musicfm', now 'logmel'"):
        extract(music, tmp_path / "s", encoder="logmel", progress=False)


def rows_on_disk(out):
    """Songs that are in a part or wait for one."""
    songs = [pd.read_feather(path)["song_id"] for path in out.glob("_pending/*.arrow")]
    songs += [pd.read_parquet(path)["song_id"] for path in out.glob("part-*")]
    return len(set().union(*songs))


def test_few_files_are_open_at_any_time(music, tmp_path, monkeypatch):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc here")
    counts, add = [], store_writer.Store.add
    monkeypatch.setattr(
        store_writer.Store, "add",
        lambda store, row: add(store, row) or counts.append(len(os.listdir("/proc/self/fd"))),
    )  # fmt: skip
    run(music, tmp_path / "store")
    assert len(counts) == 23 and max(counts) - min(counts) <= 2 * (2 * 2 + 1)


# --- the command ----------------------------------------------------------------------------


def test_the_command_says_what_it_did_and_shows_how_far_it_is(music, tmp_path):
    done = mer(music, tmp_path / "s", "--encoder", ENCODER, "--layers", "high,low", "--start", 0.1)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"23 songs in {tmp_path / 's'}, 23 of them new; 0 failed\n"
    assert "23/23" in done.stderr and "song/s" in done.stderr
    ids, features, _ = read_store(tmp_path / "s", "high")
    assert len(ids) == 23 and pd.read_parquet(tmp_path / "s")["start_s"].eq(0.1).all()
    for option in ("--layers", "--scheduler", "--checkpoint", "--length", "--threads"):
        assert option in mer("--help").output


def test_wrong_input_is_exit_status_2_and_leaves_nothing(music, tmp_path):
    for options in (["--layers", "7"], ["--length", "0"], ["--start", "-1"], ["--device", "cuda:9"],
                    ["--encoder", "mfcc"], ["--scheduler", "nonsense"]):  # fmt: skip
        done = mer(music, tmp_path / "s", "--encoder", ENCODER, *options)
        assert done.exit_code == 2 and "Traceback" not in done.output, (options, done.output)
        assert not list(tmp_path.rglob("part-*"))
    assert mer(tmp_path / "gone", tmp_path / "s", "--encoder", ENCODER).exit_code == 2


def test_ctrl_c_says_how_to_go_on(music, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(store_writer.Store, "complete", stop)
        done = mer(music, tmp_path / "s", "--encoder", ENCODER)
    assert done.exit_code == 130 and "The same command goes on" in done.stderr
    assert "23 songs" in mer(music, tmp_path / "s", "--encoder", ENCODER).stdout


# --- kills ----------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def test_a_kill_before_or_after_any_change_of_the_disk_loses_nothing(
    music, tmp_path, groups_of_5, monkeypatch
):
    whole = tmp_path / "whole"
    run(music, whole)
    replace, unlink, calls = os.replace, os.unlink, []

    def count(do, *arguments, **options):
        if len(calls) == limit:
            raise Killed
        calls.append(arguments)
        return do(*arguments, **options)

    moments = 0
    while True:
        out, limit = tmp_path / str(moments), moments
        calls.clear()
        with monkeypatch.context() as patched:
            patched.setattr(os, "replace", lambda *a, **k: count(replace, *a, **k))
            patched.setattr(os, "unlink", lambda *a, **k: count(unlink, *a, **k))
            try:
                run(music, out)
            except Killed:
                pass
            else:
                break
        kept = rows_on_disk(out)
        done = run(music, out)
        assert done.done == 23 and done.new == 23 - kept and done.failed == 0
        assert parts(out) == parts(whole), f"killed before change {moments}"
        assert not list((out / "_pending").iterdir())
        moments += 7
    assert moments > 40


def start(music, out, log, *more, seconds=0.02):
    paths = os.pathsep.join([str(ROOT), str(TESTS)])
    environment = os.environ | {
        "PYTHONPATH": paths, "FAKE_LOG": str(log), "FAKE_SECONDS": str(seconds), "FAKE_GROUP": "5"
    }  # fmt: skip
    command = [sys.executable, "-c", "from mer_utils.cli import main; main()", "embed", music, out,
               "--encoder", ENCODER, "--layers", "all", *more]  # fmt: skip
    return subprocess.Popen(
        list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def lines(log):
    return len(log.read_text().splitlines()) if log.exists() else 0


def wait_for(log, number, process):
    while lines(log) < number and process.poll() is None:
        time.sleep(0.002)
    assert process.poll() is None, process.communicate()


def test_killed_processes_and_their_successors_write_the_same_bytes(music, tmp_path, groups_of_5):
    run(music, tmp_path / "whole")
    out, log = tmp_path / "store", tmp_path / "log"
    for moment in (2, 9):
        process = start(music, out, log)
        wait_for(log, moment, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    kept = rows_on_disk(out)
    process = start(music, out, log)
    wait_for(log, lines(log) + 1, process)
    process.send_signal(signal.SIGSTOP)  # in the middle of its work
    second = start(music, out, tmp_path / "other")
    stdout, stderr = second.communicate()
    process.send_signal(signal.SIGCONT)
    assert second.returncode == 2 and "another run is writing" in stderr, (stdout, stderr)
    assert "Traceback" not in stderr
    stdout, stderr = process.communicate()
    assert process.returncode == 0 and f"{23 - kept} of them new; 0 failed" in stdout
    assert parts(out) == parts(tmp_path / "whole")
    assert 23 <= lines(log) <= 23 + 2  # each kill costs the one clip in flight at most
