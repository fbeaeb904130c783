"""The benchmark reports what it measured; times themselves are not tested."""

import pandas as pd
import pytest

from mer_utils import bench_musicfm as bench

SMALL = {"layers": 1, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
         "neighbours": 2}  # fmt: skip


def test_report(capsys, tmp_path):
    rows = bench.bench_musicfm([1, 2], repeats=2, **SMALL)
    table = pd.DataFrame(rows)
    assert table.seconds.tolist() == [1, 1, 1, 2, 2, 2]
    plain = table[table.variant == "plain"]
    assert (plain.ratio == 1).all() and (plain.error == 0).all()
    for variant, limit in (("ours, float32", 5e-6), ("ours, bfloat16", 1e-2)):
        ours = table[table.variant == variant]
        assert (ours.error > 0).all() and (ours.error < limit).all()
        wanted = plain.best_s.to_numpy() / ours.best_s.to_numpy()
        assert ours.ratio.tolist() == pytest.approx(wanted.tolist())
    text = capsys.readouterr().out
    assert "1 s clip" in text and "2 s clip" in text and "matmul peak" in text

    bench.write_bench(rows, tmp_path / "new" / "bench.csv")
    back = pd.read_csv(tmp_path / "new" / "bench.csv")
    assert back.best_s.tolist() == pytest.approx(table.best_s.tolist(), rel=0.01)
    assert "threads, torch" in (tmp_path / "new" / "bench.txt").read_text()


def test_random_weights_are_those_of_the_seed_and_keep_the_size_of_numbers():
    a, b, c = (bench.random_weights(seed, **SMALL) for seed in (1, 1, 2))
    assert all((a[k] == b[k]).all() for k in a)
    assert (a["linear.weight"] != c["linear.weight"]).any()
