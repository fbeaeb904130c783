"""The benchmark reports what it measured; times themselves are not tested."""

import pandas as pd
import pytest
import time_musicfm
import torch

from mer_utils.embed.fast_layers import has_products

SMALL = {"layers": 1, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
         "neighbours": 2}  # fmt: skip


def test_report(capsys, tmp_path):
    rows = time_musicfm.bench_musicfm([1, 2], repeats=2, **SMALL)
    table = pd.DataFrame(rows)
    variants = ["plain", "ours, float32"] + ["ours, bfloat16"] * has_products(torch.bfloat16)
    assert table.variant.tolist() == variants * 2
    assert table.seconds.tolist() == [1] * len(variants) + [2] * len(variants)
    plain = table[table.variant == "plain"]
    assert (plain.ratio == 1).all() and (plain.error == 0).all()
    for variant, limit in zip(variants[1:], (5e-6, 1e-2)[: len(variants) - 1], strict=True):
        ours = table[table.variant == variant]
        assert (ours.error > 0).all() and (ours.error < limit).all()
        wanted = plain.best_s.to_numpy() / ours.best_s.to_numpy()
        assert ours.ratio.tolist() == pytest.approx(wanted.tolist())
    text = capsys.readouterr().out
    assert "1 s clip" in text and "2 s clip" in text and "matmul peak" in text

    time_musicfm.write_bench(rows, tmp_path / "new" / "bench.csv")
    back = pd.read_csv(tmp_path / "new" / "bench.csv")
    assert back.best_s.tolist() == pytest.approx(table.best_s.tolist(), rel=0.01)
    assert "threads, torch" in (tmp_path / "new" / "bench.txt").read_text()


def test_random_weights_are_those_of_the_seed_and_keep_the_size_of_numbers():
    a, b, c = (time_musicfm.random_weights(seed, **SMALL) for seed in (1, 1, 2))
    assert all((a[k] == b[k]).all() for k in a)
    assert (a["linear.weight"] != c["linear.weight"]).any()


def test_the_command_fails_where_the_numbers_differ(monkeypatch, tmp_path):
    rows = [{"seconds": 10, "variant": "plain", "error": 0.0, "best_s": 1.0},
            {"seconds": 10, "variant": "ours, float32", "error": 1e-6, "best_s": 0.5}]  # fmt: skip
    asked = []
    monkeypatch.setattr(time_musicfm, "bench_musicfm", lambda *how: asked.append(how) or rows)
    assert time_musicfm.main([]) == 0 and asked == [([10, 45], 5)]
    rows[1]["error"] = 1e-5
    out = tmp_path / "musicfm.csv"
    assert time_musicfm.main(["--seconds", "3", "--repeats", "9", "--out", str(out)]) == 1
    assert asked[1] == ([3], 9) and len(pd.read_csv(out)) == 2
