"""With which instructions a CPU computes: all that it has, or only those that every x86 processor with AVX2 has.

Libraries choose kernels by the instructions and the maker of the processor. Each kernel adds in an order of its own, so
the last digits differ, and training amplifies them. Restricted to the same kernels everywhere, all such processors give
the same bits (benchmarks/arithmetic.py). The libraries read their variables when they are loaded or first used, so
these are set before a job starts.
"""

import os
import platform
from collections.abc import Mapping
from typing import Any

from soulbench.core.processor import CPUINFO, SLOWER, has_bfloat16

NATIVE, PORTABLE = "native", "portable"
X86 = ("x86_64", "AMD64")
INSTRUCTIONS = {"avx2", "fma"}
#: The variables of the portable arithmetic.
VARIABLES = {
    # PyTorch's matrix products (MKL). Only these kernels are the same for all makers: with AVX2, too, MKL has some for
    # its own maker's processors alone.
    "MKL_CBWR": "COMPATIBLE",
    # Its convolutions (oneDNN), and all other operations.
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    # Linear algebra of NumPy and SciPy (OpenBLAS), and NumPy's functions.
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}


def is_available() -> bool:
    """Return whether this is an x86 processor with AVX2; true where its instructions are not known."""
    known = CPUINFO.is_file()
    words = set(CPUINFO.read_text(encoding="utf-8", errors="replace").split()) if known else INSTRUCTIONS
    return platform.machine() in X86 and words >= INSTRUCTIONS


def restrict(config: Mapping[str, Any]) -> None:
    """Set the variables for the processes that this one starts, if they are to compute portably and can."""
    if config["arithmetic"] == PORTABLE and is_available():
        os.environ.update(VARIABLES)


def warning(config: Mapping[str, Any]) -> str | None:
    """Return what is to be said of the configured arithmetic on this processor; None for nothing."""
    if config["arithmetic"] != PORTABLE:
        return None
    if not is_available():
        return (
            f"arithmetic: portable needs an x86 processor with AVX2, and this is none ({platform.machine()}); it "
            "computes with its own instructions, so expect equal verdicts, not equal numbers (docs/reproducing.md)"
        )
    if config["training"]["precision"] == "bfloat16" and config["device"] == "cpu" and has_bfloat16():
        return (
            "arithmetic: portable leaves out this processor's instructions for training.precision: bfloat16, which is "
            f"about {SLOWER} times slower without; use arithmetic: native"
        )
    return None
