"""The device that a job computes on, set up to be deterministic; the cost of a job in time and memory."""

import contextlib
import ctypes
import dataclasses
import os
import platform
import resource
import sys
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn

from soulbench.core.errors import UserError
from soulbench.core.processor import precision_warning

PEAK_PREFIX = "VmHWM:"
Module = TypeVar("Module", bound=nn.Module)
#: Options of mallopt, from glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def prepare(name: str) -> torch.device:
    """Choose the device and make torch deterministic on it.

    Args:
        name: `cpu`, `gpu` (whatever accelerator torch was built for), or `auto` (the GPU if there is one).

    Raises:
        UserError: `gpu`, but torch can use none.
    """
    accelerator = None if name == "cpu" else torch.accelerator.current_accelerator(check_available=True)
    if name == "gpu" and accelerator is None:
        raise UserError("device: gpu is requested, but torch finds none; allowed: cpu, or auto")
    # cuBLAS reads this at its first call; deterministic mode refuses to use it otherwise.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    device = torch.device("cpu")
    if accelerator is not None:
        device = torch.device(accelerator.type, int(os.environ.get("LOCAL_RANK", "0")))
        torch.accelerator.set_device_index(device.index)
    # Some operations have no deterministic form on a GPU: a warning must do there. use_deterministic_algorithms would
    # also import the compiler, which costs every job seconds.
    torch.set_deterministic_debug_mode("error" if device.type == "cpu" else "warn")
    # Deterministic mode also fills all new memory with NaN; no code here reads memory before it writes it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    # By default, GPUs convolve float32 tensors in TensorFloat-32, which has ten bits of mantissa. PyTorch 2.11 does not
    # pass the common setting on to convolutions.
    torch.backends.fp32_precision = "ieee"  # type: ignore[attr-defined]
    torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    # Sums depend on the number of threads, so each rule's is fixed; Snakemake sets the variable.
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    _keep_memory()
    return device


def _keep_memory() -> None:
    """Have glibc keep freed memory for the next step instead of returning it to the system (`mallopt(3)`).

    Every step allocates and frees the same feature maps. By default, glibc returns blocks above 32 MiB and free memory
    at the end of the heap to the system each time, and the system then zeroes every page again. The peak hardly
    grows, because the next step needs the same memory (docs/speed.md).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**30)
        mallopt(M_TRIM_THRESHOLD, -1)  # never


def describe(device: torch.device) -> str:
    """Return a description of the device for the records."""
    if device.type == "cpu":
        return f"cpu: {platform.machine()}, {torch.get_num_threads()} thread(s)"
    return f"{device.type}: {torch.get_device_module(device).get_device_name(device)}"


@dataclasses.dataclass(frozen=True)
class ExecutionContext:
    """The device, the precision and the processes of a training run.

    It uses PyTorch's own layers (`torch.accelerator`, `torch.autocast`, `torch.distributed`). Lightning Fabric and
    Accelerate would add 8 and 3 seconds of imports to each of the demo's 150 jobs.

    Attributes:
        device: where tensors are.
        precision: `float32`, or `bfloat16`: products in half the bits, sums and parameters in full precision.
        rank: the index of this process.
        processes: the number of processes; each trains on its share of every batch.
    """

    device: torch.device
    precision: str = "float32"
    rank: int = 0
    processes: int = 1

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "ExecutionContext":
        """Return the configured context for this process, which `soulbench.core.processes` may have started."""
        rank, processes = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
        device = prepare(config["device"])
        warning = precision_warning(config, device.type == "cpu")
        if warning is not None:  # goes to the job's log
            warnings.warn(warning, stacklevel=2)
        return cls(device, config["training"]["precision"], rank, processes)

    def autocast(self) -> torch.autocast:
        """Return the context manager of a forward pass."""
        full = self.precision == "float32"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=not full)

    def all_reduce_mean(self, tensors: Sequence[torch.Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in one exchange."""
        if self.processes == 1:
            return
        flat = torch.cat([tensor.flatten() for tensor in tensors])
        dist.all_reduce(flat)
        parts = (flat / self.processes).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))


def full_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """Return the context manager in which an autocast has no effect; the meta device has none."""
    return contextlib.nullcontext() if device.type == "meta" else torch.autocast(device.type, enabled=False)


@contextlib.contextmanager
def explained_memory(advice: str) -> Iterator[None]:
    """Raise a failed allocation as a `UserError` that ends with advice on what to change."""
    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        text = str(error)
        # The CPU's allocator raises a plain RuntimeError.
        if type(error) is RuntimeError and "can't allocate memory" not in text:
            raise
        raise UserError(
            f"out of memory ({text.splitlines()[0] if text else 'allocation failed'}). {advice}"
        ) from None


def place(module: Module, device: torch.device) -> Module:
    """Move a network to a device, in place, and return it.

    On a GPU its kernels become channels first in memory: with the decoder's channels last, gradients in float32 were
    wrong by a quarter on an H100 (PyTorch 2.11, cuDNN 9.19), with right images and losses. tests/gpu compares them.
    """
    if device.type != "cpu":
        module.to(memory_format=torch.contiguous_format)
    return module.to(device)


def moved(record: Any, device: torch.device | str, dtype: torch.dtype | None = None) -> Any:
    """Return a copy of a dataclass with its tensors on a device, floating-point tensors also in `dtype`."""

    def on_device(value: torch.Tensor) -> torch.Tensor:
        # Only pinned memory is copied asynchronously.
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
    """A context manager that measures the wall-clock seconds and the peak memory of its block.

    The job's start-up is not included.

    Attributes:
        device: the device that the block computes on.
        seconds: duration of the block.
        peak_mib: on a GPU, the peak of torch's allocations in the block; on the CPU, the peak of the process so far,
            which is what has to fit into memory.
    """

    device: torch.device
    seconds: float = 0.0
    peak_mib: float = 0.0

    def __enter__(self) -> "Meter":
        """Start the measurement."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
            torch.accelerator.reset_peak_memory_stats(self.device)
        self._started = time.perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the measurement after the device has finished."""
        if self.device.type != "cpu":
            torch.accelerator.synchronize(self.device)
        self.seconds = time.perf_counter() - self._started
        self.peak_mib = peak_mib(self.device)

    def timing(self, steps: int) -> dict[str, float]:
        """Return the cost of a job for its record."""
        return {"seconds": self.seconds, "peak_mib": self.peak_mib, "steps": steps}


def peak_mib(device: torch.device) -> float:
    """Return the peak memory in MiB: torch's allocations on a GPU, the process's memory on the CPU."""
    if device.type != "cpu":
        return torch.accelerator.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.is_file():
        # getrusage would also count the process that started this one.
        line = next(line for line in status.read_text().splitlines() if line.startswith(PEAK_PREFIX))
        return int(line.split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
