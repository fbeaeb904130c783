"""The format of "auto" follows from a measurement, which the tests bring along."""

import pytest
import torch

from mer_utils.embed import number_format
from mer_utils.embed.number_format import choose_dtype, slow_dtype, speed_up


@pytest.fixture
def measured(monkeypatch):
    """Say how many times as fast bfloat16 is."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    return lambda times: monkeypatch.setattr(number_format, "speed_up", lambda: times)


@pytest.mark.parametrize("times, chosen", [(0.4, "float32"), (1.4, "float32"), (0.0, "float32"),
                                           (1.6, "bfloat16"), (8.0, "bfloat16")])  # fmt: skip
def test_bfloat16_only_where_it_is_clearly_faster(measured, times, chosen):
    measured(times)
    for device in ("cpu", "auto"):
        assert choose_dtype("musicfm", device) == chosen
    for other in ("musicnn", "logmel", "my_module:load"):
        assert choose_dtype(other) == "float32"


@pytest.mark.parametrize("capability, chosen", [((7, 5), "float32"), ((8, 0), "bfloat16"),
                                                ((9, 0), "bfloat16")])  # fmt: skip
@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0"])
def test_a_gpu_is_asked(monkeypatch, device, capability, chosen):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert choose_dtype("musicfm", device) == chosen
    assert slow_dtype("musicfm", "float32", device) == ""


def test_the_slow_one_is_named(measured):
    measured(1 / 2.3)
    assert slow_dtype("musicfm", "bfloat16") == (
        "bfloat16 is slow on this processor: a matrix product takes 2.3 times as long as in float32"
    )
    measured(4.0)
    assert slow_dtype("musicfm", "float32").endswith("4.0 times as long as in bfloat16")
    for fine in (("musicfm", "bfloat16"), ("musicfm", "auto"),
                 ("musicnn", "float32"), ("logmel", "float32")):  # fmt: skip
        assert slow_dtype(*fine) == ""
    assert "made for GPUs" in slow_dtype("musicnn", "float16")
    for close in (1.2, 0.8, 0.0):
        measured(close)
        assert slow_dtype("musicfm", "float32") == slow_dtype("musicfm", "bfloat16") == ""


def test_it_is_measured_once_and_the_threads_stay():
    threads = torch.get_num_threads()
    speed_up.cache_clear()
    assert 0 <= speed_up() < 100 and speed_up() == speed_up()
    assert speed_up.cache_info().misses == 1 and torch.get_num_threads() == threads


def test_a_processor_without_bfloat16(monkeypatch):
    def refuse(weight, dtype):
        raise RuntimeError("bf16 path needs the cpu support avx512bw")

    speed_up.cache_clear()
    monkeypatch.setattr(number_format, "Linear", refuse)
    assert speed_up() == 0
    speed_up.cache_clear()
