"""The device that a job gets, and how the process is set up for it."""

import ctypes
import resource
from pathlib import Path

import pytest
import torch

from soulbench.core import device
from soulbench.core.errors import UserError


@pytest.fixture(autouse=True)
def as_before():
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_reported(monkeypatch):
    with pytest.raises(UserError, match="device: gpu"):
        device.prepare("gpu")
    assert device.prepare("auto").type == "cpu"


def test_torch_uses_the_threads_of_the_job(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    chosen = device.prepare("cpu")
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert "2 thread(s)" in device.describe(chosen)


def test_the_meter_measures_time_and_memory():
    with device.Meter(torch.device("cpu")) as meter:
        held = torch.ones(40 * 2**18)
    timing = meter.timing(steps=5)
    assert timing["seconds"] > 0
    assert timing["peak_mib"] > held.nbytes / 2**20
    assert timing["steps"] == 5


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_freed_memory_stays_with_the_process():
    device.prepare("cpu")

    def resident():
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    size = 256 * 2**20
    block = torch.ones(size // 4)
    held = resident()
    del block
    assert resident() > held - size / 2
