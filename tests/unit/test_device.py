"""The device that a job gets, and how the process is set up for it."""

import ctypes
import resource
import warnings
from pathlib import Path

import pytest
import torch

from soulbench.core import device, processor
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


@pytest.mark.parametrize(
    ("machine", "line", "known"),
    [
        ("x86_64", "flags\t\t: fpu avx2 fma", False),
        ("x86_64", "flags\t\t: fpu avx2 avx512_bf16", True),
        ("aarch64", "Features\t: fp asimd bf16", True),
        ("riscv64", "isa\t: rv64imafdc", None),
    ],
)
def test_a_processor_without_bfloat16_is_named_where_the_configuration_asks_for_it(
    machine, line, known, monkeypatch, tmp_path
):
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{line}\n")
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor.platform, "machine", lambda: machine)
    assert processor.has_bfloat16() is known
    config = {"device": "cpu", "training": {"precision": "bfloat16"}}
    full = {"device": "cpu", "training": {"precision": "float32"}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        device.ExecutionContext.of(full)
        device.ExecutionContext.of(config)
    assert ["13 times" in str(one.message) for one in caught] == [True] * (known is False)
    assert processor.precision_warning(config, on_cpu=False) is None


def test_a_processor_that_nothing_is_known_of_is_not_warned_about(monkeypatch, tmp_path):
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    assert processor.has_bfloat16() is None


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


def test_convolutions_of_a_gpu_are_not_rounded_to_tensorfloat32():
    device.prepare("cpu")
    assert torch.backends.cudnn.conv.fp32_precision == "ieee"


@pytest.mark.parametrize(("name", "channels_last"), [("cpu", True), ("meta", False)])
def test_kernels_are_channels_last_on_a_cpu_alone(name, channels_last):
    layer = torch.nn.Conv2d(4, 8, 3).to(memory_format=torch.channels_last)
    placed = device.place(layer, torch.device(name))
    assert placed is layer and layer.weight.device.type == name
    assert layer.weight.is_contiguous(memory_format=torch.channels_last) == channels_last
    assert layer.weight.is_contiguous() != channels_last
