"""A Dask cluster gives the bytes of a run without one, also when its workers are killed."""

import os
import signal
import sys
from functools import partial

import dask
import fake_encoder
import numpy as np
import pytest
import soundfile

from mer_utils.embed import cluster, store_writer
from mer_utils.embed.extract import extract

distributed = pytest.importorskip("distributed")
N_SONGS = 40


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    folder = tmp_path_factory.mktemp("music")
    rng = np.random.default_rng(0)
    for i in range(N_SONGS):
        soundfile.write(folder / f"{i:02d}.wav", rng.normal(0, 0.1, 4000 + i), 8000)
    (folder / "text.wav").write_text("no music")
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """What the worker processes inherit, and the cluster of two of them."""
    folder = tmp_path_factory.mktemp("workers")
    values = {"FAKE_LOG": str(folder / "log"), "FAKE_SECONDS": "0.03",
              "FAKE_DEADLY": str(folder / "deadly"), "OMP_NUM_THREADS": "1"}  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        for name, value in values.items():
            patched.setenv(name, value)
        few = {"distributed.scheduler.allowed-failures": 1}  # deaths that a task survives
        with dask.config.set(few), distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            host="127.0.0.1", silence_logs=50,
        ) as local:  # fmt: skip
            yield local, folder


@pytest.fixture
def groups_of_8(monkeypatch):
    monkeypatch.setattr("mer_utils.embed.extract.GROUP", 8)
    monkeypatch.setattr(cluster, "SONGS_PER_TASK", 2)


def run(music, out, **options):
    return extract(music, out, encoder="fake_encoder:load", layers="all", progress=False, **options)


def parts(folder):
    return {path.name: path.read_bytes() for path in folder.glob("part-*")}


def pids(address):
    with distributed.Client(address, set_as_default=False) as client:
        return set(client.run(os.getpid).values())


def test_a_worker_that_is_killed_in_the_middle_changes_no_byte(
    music, tmp_path, settings, groups_of_8, monkeypatch
):
    local, folder = settings
    alone = run(music, tmp_path / "alone")
    log = folder / "log"
    log.unlink()
    add, victims = store_writer.Store.add, []

    def add_and_kill(store, row):
        add(store, row)
        if len(store.pending) == 3 and not store.size_of:
            victims.append(int(log.read_text().split()[0]))  # it has worked and is at work
            os.kill(victims[0], signal.SIGKILL)

    monkeypatch.setattr(store_writer.Store, "add", add_and_kill)
    done = run(music, tmp_path / "cluster", scheduler=local.scheduler_address)
    assert len(victims) == 1 and victims[0] not in pids(local.scheduler_address)
    worked = [int(line) for line in log.read_text().split()]
    assert os.getpid() not in worked and 0 < worked.count(victims[0]) < N_SONGS
    assert done == alone and (done.new, done.failed) == (N_SONGS, 1)
    assert parts(tmp_path / "cluster") == parts(tmp_path / "alone")
    assert len(parts(tmp_path / "alone")) == 6
    again = run(music, tmp_path / "cluster", scheduler=local.scheduler_address)
    assert again.new == 0 and parts(tmp_path / "cluster") == parts(tmp_path / "alone")


def test_few_tasks_are_out_at_any_time(music, tmp_path, settings, monkeypatch):
    local, _ = settings
    monkeypatch.setattr(cluster, "SONGS_PER_TASK", 1)
    submitted, submit = [], distributed.Client.submit

    def spy(client, *arguments, **options):
        submitted.append(len(client.futures))
        return submit(client, *arguments, **options)

    monkeypatch.setattr(distributed.Client, "submit", spy)
    run(music, tmp_path / "store", scheduler=local.scheduler_address)
    assert len(submitted) == N_SONGS + 1
    assert max(submitted) <= cluster.TASKS_PER_THREAD * 2


def test_a_song_that_kills_its_worker_each_time_is_a_failure(tmp_path, settings):
    local, folder = settings
    music = tmp_path / "music"
    music.mkdir()
    rng = np.random.default_rng(1)
    for i, length in enumerate((4000, 2000, 4000, 4000, 4000)):
        soundfile.write(music / f"{i}.wav", rng.normal(0, 0.1, length), 8000)
    deadly = folder / "deadly"
    deadly.touch()
    try:
        done = run(music, tmp_path / "store", scheduler=local.scheduler_address)
    finally:
        deadly.unlink()
    assert (done.done, done.failed) == (4, 1)
    assert done.failures[0].path == "1.wav" and "the worker died" in done.failures[0].reason
    assert run(music, tmp_path / "store", scheduler=local.scheduler_address).failed == 0


def test_a_worker_with_another_encoder_is_refused(music, tmp_path, settings, monkeypatch):
    local, _ = settings
    monkeypatch.setattr(fake_encoder.Fake, "checkpoint_sha256", "f" * 64)  # here, not there
    with pytest.raises(ValueError, match="differs from the client's in checkpoint_sha256"):
        run(music, tmp_path / "store", scheduler=local.scheduler_address)
    assert not parts(tmp_path / "store")


def test_a_worker_that_cannot_start_stops_the_run(music, tmp_path, settings, monkeypatch):
    local, _ = settings
    monkeypatch.setitem(sys.modules, "only_here", fake_encoder)
    with pytest.raises(ValueError, match="only_here:load: cannot be imported"):
        extract(music, tmp_path / "s", encoder="only_here:load", progress=False,
                scheduler=local.scheduler_address)  # fmt: skip
    task = partial(cluster.embed_task, [], tmp_path / "gone", {}, {}, 1, 1, 1)
    with pytest.raises(ValueError, match="gone on this worker; the audio must have the same path"):
        task()


def test_no_scheduler_is_a_clear_message(music, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 1)
    with pytest.raises(ValueError, match="no Dask scheduler answers there"):
        run(music, tmp_path / "store", scheduler="tcp://127.0.0.1:9")
