"""Experiments: what decides the key, what is reused, and what happens when the disk misbehaves."""

import multiprocessing
import os
import time
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

import mer_utils.model.run as module
from mer_utils.data.simulated_files import simulated_root
from mer_utils.model.experiment import Experiment
from mer_utils.model.heads import forward
from mer_utils.model.run import key, make_split, run
from mer_utils.model.sampling import mc_dropout
from mer_utils.model.splits import standardise
from mer_utils.model.training import Protocol

TINY = Protocol(epochs=2, hidden=8, batch_size=16)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A small simulated folder in DEAM's layout."""
    return simulated_root(n_songs=60, n_features=6, cache=tmp_path_factory.mktemp("data"))


@pytest.fixture
def tiny(data, tmp_path, monkeypatch):
    """A tiny experiment with an empty cache of its own."""
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "cache"))
    return Experiment(dataset="deam", data=str(data), n_seeds=2, protocol=TINY, split="single")


@pytest.fixture
def no_training(monkeypatch):
    def refuse():
        def train_stack(*args, **kwargs):
            raise AssertionError("trained again")

        monkeypatch.setattr(module.training, "train_stack", train_stack)

    return refuse


def stored(tmp_path):
    return list((tmp_path / "cache" / "experiments").glob("*.npz"))


def same(a, b):
    for name in ("mu", "sigma", "best_epoch"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
    for name, values in a.curves.items():
        np.testing.assert_array_equal(values, b.curves[name])
    assert a.weights.keys() == b.weights.keys() and len(a.weights) == 6
    for name, value in a.weights.items():
        assert torch.equal(value, b.weights[name])


def test_the_second_call_reads_what_the_first_has_kept(tiny, tmp_path, no_training):
    first = run(tiny, progress=False)
    assert len(stored(tmp_path)) == 1
    no_training()
    same(first, run(tiny, progress=False))
    with pytest.raises(AssertionError, match="trained again"):
        run(replace(tiny, seed=5), progress=False)


def test_result_holds_predictions_of_all_songs(tiny):
    result = run(tiny, progress=False)
    n = len(result.songs)
    assert result.mu.shape == result.sigma.shape == (2, n, 2)
    assert {c.shape for c in result.curves.values()} == {(2, 2)}
    x = standardise(result.songs.features, result.split.train)
    mu, sigma = forward(result.weights, torch.from_numpy(x))
    np.testing.assert_allclose(result.mu, mu.numpy(), atol=1e-6)
    np.testing.assert_allclose(result.sigma, sigma.numpy(), atol=1e-6)
    test = result.split.test
    np.testing.assert_array_equal(result.test(result.mu), result.mu[:, test])
    np.testing.assert_array_equal(result.test(result.songs.mean), result.songs.mean[test])
    expected = mc_dropout(result.weights, x[test], passes=4, seed=3, seeds=tiny.seeds)
    for got, wanted in zip(result.mc_dropout(4, seed=3), expected, strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_member_is_the_same_whatever_experiment_it_belongs_to(tiny):
    three = run(replace(tiny, n_seeds=3), progress=False)
    one = run(replace(tiny, seed=2, n_seeds=1), progress=False)
    np.testing.assert_allclose(three.mu[2], one.mu[0], atol=1e-5)


def test_test_songs_teach_nothing(tiny, monkeypatch):
    """Other ratings and features of the test songs leave the weights as they are."""
    songs = tiny.songs()
    split = make_split(tiny, songs)
    rows = split.test
    changed = replace(
        songs,
        rating_mean=songs.rating_mean.copy(),
        rating_sd=songs.rating_sd.copy(),
        features=songs.features.copy(),
    )
    changed.rating_mean[rows], changed.rating_sd[rows] = 9, 0
    changed.features[rows] *= 10
    weights = [module._train(tiny, s, split, False) for s in (songs, changed)]
    for name in ("w:w1", "w:b1", "w:w3", "best_epoch"):
        np.testing.assert_array_equal(weights[0][name], weights[1][name])
    untouched = np.concatenate([split.train, split.validation])
    np.testing.assert_array_equal(*(w["mu"][:, untouched] for w in weights))
    changed.rating_mean[split.train[0]] = 9  # while a training song does teach
    taught = module._train(tiny, changed, split, False)
    assert (taught["w:w1"] != weights[0]["w:w1"]).any()


def test_features_are_standardised_on_training_songs_and_constants_vanish():
    rng = np.random.default_rng(0)
    features = rng.normal(3, 5, (50, 4)).astype(np.float32)
    features[:, 1] = 0.1
    features[:40, 2] = 0.7  # constant where it counts
    train = np.arange(40)
    x = standardise(features, train)
    assert x.dtype == np.float32
    np.testing.assert_allclose(x[train].mean(0), 0, atol=1e-6)
    np.testing.assert_allclose(x[train].std(0), [1, 0, 0, 1], atol=1e-6)
    np.testing.assert_array_equal(x[:, 1:3], 0)
    features[40:] *= 100
    np.testing.assert_array_equal(standardise(features, train)[train], x[train])


# The key -------------------------------------------------------------------------------------

OTHER = {
    "dataset": "simulated",
    "labels": "corrected",
    "disagreement": "none",
    "loss": "mse",
    "seed": 1,
    "n_seeds": 3,
    "split_seed": 1,
    "fold": 0,
    "n_folds": 4,
    "keep_artists_together": True,
}


def test_every_field_but_the_path_changes_the_key(tiny):
    songs = tiny.songs()
    assert key(tiny, songs) == key(replace(tiny, split="auto"), songs)  # the fold says it
    assert key(tiny, songs) == key(replace(tiny, data="/elsewhere"), songs)
    assert key(tiny, songs) == key(replace(tiny, features="table.npz"), songs)
    others = (3, 17, 0.1, 0.5, 1, 0.1, 9, 0.1, False, True)
    changed = [replace(tiny, **{name: value}) for name, value in OTHER.items()]
    changed += [
        replace(tiny, protocol=replace(TINY, **{f.name: value}))
        for f, value in zip(fields(Protocol), others, strict=True)
    ]
    keys = {key(e, songs) for e in [tiny, *changed]}
    assert len(keys) == 1 + len(changed)
    tested = set(OTHER) | {"data", "features", "protocol", "split"}
    assert tested == {f.name for f in fields(Experiment)}, "a new field needs a line here"


def test_the_content_of_the_data_changes_the_key(tiny, tmp_path):
    songs = tiny.songs()
    features = songs.features.copy()
    features[3, 2] += 1e-3
    assert key(tiny, songs) != key(tiny, replace(songs, features=features))
    sd = songs.rating_sd.copy()
    sd[0, 0] += 0.01
    assert key(tiny, songs) != key(tiny, replace(songs, rating_sd=sd))


def test_the_same_data_in_another_folder_are_not_trained_again(tiny, data, tmp_path, no_training):
    first = run(tiny, progress=False)
    os.symlink(data, tmp_path / "moved")
    no_training()
    same(first, run(replace(tiny, data=str(tmp_path / "moved")), progress=False))


def test_a_file_that_moves_does_not_change_the_key(tiny, tmp_path, monkeypatch):
    songs, before = tiny.songs(), key(tiny, tiny.songs())
    for part in module.DECIDE:
        text = Path(part.__file__).read_text().replace("mer_utils.model.", "mer_utils.elsewhere.")
        moved = tmp_path / f"{part.__name__}_moved.py"
        moved.write_text("# moved\n" + text)
        monkeypatch.setattr(part, "__file__", str(moved))
    assert key(tiny, songs) == before


def _other_code(experiment, songs):
    return songs


def test_the_code_that_trains_is_part_of_the_key(tiny, tmp_path, monkeypatch):
    songs, before = tiny.songs(), key(tiny, tiny.songs())
    for part in module.DECIDE:
        text = Path(part.__file__).read_text()
        (tmp_path / "changed.py").write_text(text + "\nEXTRA = 1\n")
        with monkeypatch.context() as patch:
            patch.setattr(part, "__file__", str(tmp_path / "changed.py"))
            assert key(tiny, songs) != before
    for step in ("make_split", "_train"):
        with monkeypatch.context() as patch:
            patch.setattr(module, step, _other_code)
            assert key(tiny, songs) != before
    assert key(tiny, songs) == before
    monkeypatch.setattr(module.torch, "__version__", "0.0")
    assert key(tiny, songs) != before


# The disk ------------------------------------------------------------------------------------


def test_a_damaged_file_is_trained_again_and_mended(tiny, tmp_path, capsys):
    first = run(tiny, progress=False)
    (path,) = stored(tmp_path)
    good = path.read_bytes()
    for bad in (b"", b"text", good[: len(good) // 2], good[:-30], good.replace(b"sigma", b"other")):
        path.write_bytes(bad)
        same(first, run(tiny, progress=False))
        assert f"{path.name} is damaged; training again" in capsys.readouterr().out
        assert path.read_bytes() == good
    run(tiny, progress=False)
    assert capsys.readouterr().out == ""


def test_a_flipped_bit_is_noticed_or_harmless(tiny, tmp_path):
    run(tiny, progress=False)
    (path,) = stored(tmp_path)
    good, whole = path.read_bytes(), module._read(path)
    rng = np.random.default_rng(0)
    heads = [i for i in range(len(good)) if good[i : i + 2] == b"PK"]  # the archive's own records
    places = np.concatenate(
        [rng.integers(0, len(good), 150), rng.choice(heads, 250) + rng.integers(0, 46, 250)]
    )
    noticed = 0
    for place in places % len(good):
        bad = bytearray(good)
        bad[place] ^= 1 << rng.integers(8)
        path.write_bytes(bad)
        read = module._read(path)
        noticed += read is None
        if read is not None:
            assert read.keys() == whole.keys()
            for name, values in whole.items():
                np.testing.assert_array_equal(read[name], values)
    assert noticed > 100


def test_a_cache_that_cannot_be_made_is_named(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MER_CACHE", str(tmp_path / "file"))
    with pytest.raises(ValueError, match="file.*MER_CACHE"):
        run(tiny, progress=False)


def test_a_cache_that_cannot_be_written_is_named_and_read_all_the_same(
    tiny, tmp_path, monkeypatch, no_training
):
    first = run(tiny, progress=False)

    def read_only(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module, "FileLock", read_only)
    no_training()
    same(first, run(tiny, progress=False))
    with pytest.raises(ValueError, match="cannot keep results in .*experiments.*MER_CACHE"):
        run(replace(tiny, seed=9), progress=False)


def test_a_full_disk_leaves_nothing_half_written(tiny, tmp_path, monkeypatch):
    def full(path, **arrays):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.np, "savez", full)
    with pytest.raises(ValueError, match="No space left on device.*MER_CACHE"):
        run(tiny, progress=False)
    left = [p.suffix for p in (tmp_path / "cache" / "experiments").iterdir()]
    assert left in ([], [".lock"])


def _contestant(experiment, cache, start, answers):
    """One of two processes that want the same result; says whether it trained."""
    os.environ["MER_CACHE"] = cache
    trained, train_stack = [], module.training.train_stack

    def slowly(*args, **kwargs):
        trained.append(1)
        time.sleep(1)
        return train_stack(*args, **kwargs)

    module.training.train_stack = slowly
    experiment.songs()
    start.wait(60)
    result = run(experiment, progress=False)
    answers.put((len(trained), result.mu))


def test_two_processes_at_once_train_once_and_agree(tiny, tmp_path):
    context = multiprocessing.get_context("spawn")
    start, answers = context.Barrier(2), context.Queue()
    arguments = (tiny, str(tmp_path / "cache"), start, answers)
    processes = [context.Process(target=_contestant, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    (n_first, first), (n_second, second) = (answers.get(timeout=90) for _ in range(2))
    for process in processes:
        process.join(30)
        assert process.exitcode == 0
    assert n_first + n_second == 1
    np.testing.assert_array_equal(first, second)
    assert len(stored(tmp_path)) == 1


# What is refused -----------------------------------------------------------------------------


def test_artists_stay_together_when_asked_and_are_needed_for_it(tiny):
    songs = tiny.songs()
    together = replace(tiny, keep_artists_together=True)
    for experiment in (together, replace(together, fold=1)):
        split = make_split(experiment, songs)
        sides = [set(songs.artist[s]) for s in (split.train, split.validation, split.test)]
        assert not (sides[0] & sides[1] or sides[0] & sides[2] or sides[1] & sides[2])
    for artist in (None, np.array([""] * len(songs))):
        with pytest.raises(ValueError, match="needs metadata with artists"):
            make_split(together, replace(songs, artist=artist))


def test_folds_of_experiments_cover_all_songs(tiny):
    songs = tiny.songs()
    tests = [make_split(replace(tiny, fold=k), songs).test for k in range(5)]
    np.testing.assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(songs)))
    assert not np.array_equal(
        make_split(tiny, songs).test, make_split(replace(tiny, split_seed=1), songs).test
    )


def test_all_folds_come_as_one_result_and_each_is_kept(tiny, tmp_path):
    whole = run(replace(tiny, split="folds"), progress=False)
    assert [fold.experiment.fold for fold in whole.folds] == [0, 1, 2, 3, 4]
    assert len(stored(tmp_path)) == 5
    same(whole.folds[2], run(replace(tiny, fold=2), progress=False))
    assert sorted(whole.tested) == list(range(60))
    auto = run(replace(tiny, split="auto"), progress=False)  # 60 songs are few
    assert len(auto.folds) == 5 and auto.experiment.keep_artists_together
