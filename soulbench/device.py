"""Where a job computes, made deterministic, and what it costs there."""

import dataclasses
import os
import platform
import resource
import sys
import time
from pathlib import Path
from typing import Any

import torch

from soulbench.errors import UserError

PEAK_PREFIX = "VmHWM:"


def prepare(name: str) -> torch.device:
    """Choose the device and make torch deterministic on it.

    Args:
        name: `cpu`, `cuda`, or `auto` (the GPU if there is one).

    Raises:
        UserError: `cuda` without a GPU that torch can use.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("device: cuda is asked for, but torch finds no GPU here; allowed: cpu, or auto")
    # cuBLAS reads this at its first call; without it, deterministic algorithms refuse to run there.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    device = torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
    # Some operations have no deterministic form on a GPU; there a warning must do. This call and not
    # use_deterministic_algorithms, which also imports the compiler: seconds of every job, for nothing.
    torch.set_deterministic_debug_mode("warn" if device.type == "cuda" else "error")
    torch.backends.cudnn.benchmark = False
    # Sums depend on the number of threads, so each rule's is fixed; Snakemake sets the variable.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    return device


def describe(device: torch.device) -> str:
    """Return the device in words, for the records."""
    if device.type == "cuda":
        return f"cuda: {torch.cuda.get_device_name(device)}"
    return f"cpu: {platform.machine()}, {torch.get_num_threads()} thread(s)"


def moved(record: Any, device: torch.device | str, dtype: torch.dtype | None = None) -> Any:
    """Return a dataclass of tensors on another device; floating-point ones also in `dtype`."""
    tensors = {
        field.name: value.to(device, dtype if value.is_floating_point() else None, non_blocking=True)
        for field in dataclasses.fields(record)
        if isinstance(value := getattr(record, field.name), torch.Tensor)
    }
    return dataclasses.replace(record, **tensors)


@dataclasses.dataclass
class Meter:
    """Wall-clock seconds and peak memory of a block, without the job's start-up.

    Use as `with Meter(device) as meter: ...`; then `meter.seconds`, and `meter.peak_mib`: on a GPU, of what
    torch allocated in the block; on the CPU, of the process so far, which is what has to fit.
    """

    device: torch.device
    seconds: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> "Meter":
        """Start."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
            torch.cuda.reset_peak_memory_stats(self.device)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop, after everything that was launched has ended."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds = time.perf_counter() - self._started
        self.peak_mib = peak_mib(self.device)

    def timing(self, steps: int) -> dict[str, float]:
        """Return the record of a job's cost."""
        return {"seconds": self.seconds, "peak_mib": self.peak_mib, "steps": steps}


def peak_mib(device: torch.device) -> float:
    """Return the peak memory in MiB: of torch's allocations on a GPU, of the process on the CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: its peak is inherited from the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith(PEAK_PREFIX))
        return int(line.split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
