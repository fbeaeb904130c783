"""The plan follows from the rates; measured times themselves are not tested."""

import pandas as pd
import pytest
import time_extraction
import torch

from mer_utils.embed.fast_layers import has_products

COSTS = {"encoder_s": 8.0, "decode_s": 0.05, "write_s": 0.001, "audio_bytes": 500_000,
         "row_bytes": 50_000}  # fmt: skip


def plan(**changes):
    return time_extraction.plan(**{**COSTS, "songs": 1000, "workers": 4} | changes)


def test_the_smallest_rate_decides():
    assert plan() | {"songs": 0} == {
        "songs": 0, "workers": 4, "songs per second": "0.5", "takes": "33 minutes",
        "full first": "encoders",
    }  # fmt: skip
    assert plan(encoder_s=0.01)["full first"] == "decoding"
    assert plan(encoder_s=0.01, workers=64)["full first"] == "the network"
    assert plan(encoder_s=0.01, workers=64, audio_bytes=0)["full first"] == "the writer"
    assert float(plan(workers=8)["songs per second"]) == 2 * float(plan()["songs per second"])


@pytest.mark.parametrize(
    "seconds, text",
    [(5, "5 seconds"), (119, "119 seconds"), (120, "2.0 minutes"), (7199, "120 minutes"),
     (7200, "2.0 hours"), (36e4, "4.2 days"), (36e5, "42 days")],
)  # fmt: skip
def test_times_in_words(seconds, text):
    assert time_extraction.duration(seconds) == text


def test_tables(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(time_extraction, "SECONDS", 2)
    small = {"layers": 1, "dim": 32, "channels": 8, "wide": 64, "classes": 16, "half_head": 4,
             "neighbours": 2}  # fmt: skip
    measured, plans = time_extraction.bench_extraction(tmp_path, **small)
    encoders = 2 + has_products(torch.bfloat16)
    assert len(plans) == encoders * 2 * 3
    assert (plans["workers"] * 0 + 1).all() and plans["takes"].str.len().all()
    assert "assumed" in plans.iloc[-1, 0]
    for name, table in (("extraction", measured), ("extraction_plans", plans)):
        assert len(pd.read_csv(tmp_path / f"{name}.csv")) == len(table)
    assert len(pd.read_csv(tmp_path / "extraction_deam.csv")) == encoders
    assert "full first" in capsys.readouterr().out
