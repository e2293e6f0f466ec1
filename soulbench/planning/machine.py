"""What this machine has: the device that jobs compute on, the speed of its matrix products, and cores."""

import os
import time

import torch

from soulbench.core import device as devices
from soulbench.core.errors import UserError

SIDE = (
    384  # of the matrices on a CPU: large enough for full speed, small enough for a cache that others use too
)
MEASURED_SECONDS = 1.5


def computing_device(name: str) -> torch.device:
    """Return the configured device, or the CPU where this machine has no such device."""
    try:
        return devices.prepare(name)
    except UserError:
        return devices.prepare("cpu")


def matrix_speed(device: torch.device, dtype: torch.dtype = torch.float32) -> float:
    """Return how many multiply-adds per second a matrix product does: on a CPU per core, on a GPU on all of it.

    The best of the products within `MEASURED_SECONDS`. On a CPU its core-seconds are measured, so that other work on
    the machine counts less.
    """
    on_cpu = device.type == "cpu"
    side, clock = (SIDE, time.process_time) if on_cpu else (8 * SIDE, time.perf_counter)
    matrix, result = (torch.ones(side, side, dtype=dtype, device=device) for _ in range(2))
    best, until = float("inf"), time.perf_counter() + MEASURED_SECONDS
    while time.perf_counter() < until:
        started = clock()
        torch.mm(matrix, matrix, out=result)
        if not on_cpu:
            torch.accelerator.synchronize(device)
        best = min(best, clock() - started)
    return side**3 / best


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
