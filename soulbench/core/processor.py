"""What the processor lacks for a configured precision."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CPUINFO = Path("/proc/cpuinfo")
#: Names in /proc/cpuinfo of instructions that multiply in bfloat16: of x86, and of ARM.
INSTRUCTIONS = {"x86_64": {"avx512_bf16", "amx_bf16"}, "aarch64": {"bf16"}}
#: Seconds of a training step in bfloat16 over one in float32 where there are no such instructions (docs/speed.md).
SLOWER = 13


def has_bfloat16() -> bool | None:
    """Return whether the processor multiplies in bfloat16; None where that is not known."""
    known = INSTRUCTIONS.get(platform.machine())
    if known is None or not CPUINFO.is_file():
        return None
    lines = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    listed = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return bool(known & set(listed.split()))


def precision_warning(config: Mapping[str, Any], on_cpu: bool) -> str | None:
    """Return what is to be said of the configured precision on this processor; None for nothing.

    Args:
        config: the whole configuration.
        on_cpu: whether jobs compute on the CPU.
    """
    if config["training"]["precision"] != "bfloat16" or not on_cpu or has_bfloat16() is not False:
        return None
    return (
        f"training.precision: bfloat16 is slower here, about {SLOWER} times the seconds of float32: this processor "
        f"has no instructions for it ({' or '.join(sorted(INSTRUCTIONS[platform.machine()]))})"
    )
