"""Where a job computes, made deterministic, and what it costs there."""

import contextlib
import ctypes
import dataclasses
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from soulbench.core.errors import UserError

PEAK_PREFIX = "VmHWM:"
#: Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def prepare(name: str) -> torch.device:
    """Choose the device and make torch deterministic on it.

    Args:
        name: `cpu`, `gpu` (whatever accelerator torch was built for), or `auto` (the GPU if there is one).

    Raises:
        UserError: `gpu` without one that torch can use.
    """
    found = None if name == "cpu" else torch.accelerator.current_accelerator(check_available=True)
    if name == "gpu" and found is None:
        raise UserError("device: gpu is asked for, but torch finds none here; allowed: cpu, or auto")
    # cuBLAS reads this at its first call; without it, deterministic algorithms refuse to run there.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    device = found or torch.device("cpu")
    if found is not None:
        device = torch.device(found.type, int(os.environ.get("LOCAL_RANK", "0")))
        torch.accelerator.set_device_index(device.index)
    # Some operations have no deterministic form on a GPU; there a warning must do. This call and not
    # use_deterministic_algorithms, which also imports the compiler: seconds of every job, for nothing.
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "warn")
    # Deterministic mode would also fill all new memory with NaN; nothing here reads what it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    # What is called float32 is float32: GPUs would convolve in TensorFloat-32, with ten bits.
    torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]
    # Sums depend on the number of threads, so each rule's is fixed; Snakemake sets the variable.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    _keep_memory()
    return device


def _keep_memory() -> None:
    """Have the C library keep freed memory for the next step instead of returning it to the system.

    A step frees and asks for the same maps again and again; by default glibc returns those above 32 MiB, and what
    is free at the end of the heap, each time, and the system then zeroes every page anew. The peak hardly grows, for
    the next step needs it all again (docs/speed.md). Other C libraries do without; see `mallopt(3)`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, -1)  # never


def describe(device: torch.device) -> str:
    """Return the device in words, for the records."""
    if device.type == "cpu":
        return f"cpu: {platform.machine()}, {torch.get_num_threads()} thread(s)"
    return f"{device.type}: {torch.get_device_module(device).get_device_name(device)}"


@dataclasses.dataclass(frozen=True)
class ExecutionContext:
    """Where a training computes: a device, in which precision, and as which of how many processes.

    PyTorch's own layers carry it (`torch.accelerator`, `torch.autocast`, `torch.distributed`). Lightning Fabric and
    Accelerate would add 8 and 3 seconds of imports to each of the demo's 150 jobs.

    Attributes:
        precision: `float32`, or `bfloat16`: products in half the bits, sums and parameters in full.
        rank, processes: which of how many; each has its share of every batch.
    """

    device: torch.device
    precision: str = "float32"
    rank: int = 0
    processes: int = 1

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "ExecutionContext":
        """The configured one, in a process that `soulbench.core.processes` may have started."""
        rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        return cls(prepare(config["device"]), config["training"]["precision"], rank, processes)

    def autocast(self) -> torch.autocast:
        """The context of a forward pass."""
        wide = self.precision == "float32"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=not wide)

    def all_reduce_mean(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace tensors by their means over the processes, in one exchange."""
        if self.processes == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = (flat / self.processes).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


@contextlib.contextmanager
def explained_memory(advice: str) -> Iterator[None]:
    """Turn an allocation that failed into an error that says what to change."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        text = str(error)
        # The CPU's allocator raises a plain RuntimeError.
        if type(error) is RuntimeError and "can't allocate memory" not in text:
            raise
        raise UserError(f"out of memory ({text.splitlines()[0] if text else 'no room'}). {advice}") from None


def moved(record: Any, device: torch.device | str, dtype: torch.dtype | None = None) -> Any:
    """Return a dataclass of tensors on another device; floating-point ones also in `dtype`."""

    def on_device(value: torch.Tensor) -> torch.Tensor:
        # Only pinned memory is copied while the program goes on.
        pinned = (
            value if torch.device(device).type == "cpu" or value.device.type != "cpu" else value.pin_memory()
        )
        return pinned.to(device, dtype if value.is_floating_point() else None, non_blocking=True)

    tensors = {
        field.name: on_device(value)
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
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
            torch.accelerator.reset_peak_memory_stats(self.device)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop, after everything that was launched has ended."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        self.seconds = time.perf_counter() - self._started
        self.peak_mib = peak_mib(self.device)

    def timing(self, steps: int) -> dict[str, float]:
        """Return the record of a job's cost."""
        return {"seconds": self.seconds, "peak_mib": self.peak_mib, "steps": steps}


def peak_mib(device: torch.device) -> float:
    """Return the peak memory in MiB: of torch's allocations on a GPU, of the process on the CPU."""
    if device.type != "cpu":
        return torch.accelerator.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: its peak is inherited from the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith(PEAK_PREFIX))
        return int(line.split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
