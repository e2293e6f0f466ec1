"""One tiny benchmark with an original model, shared by all contract tests of a process."""

import sys

import pytest

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from benchmark_factory import Benchmark

from soulbench.core.checkpoint import load


@pytest.fixture(scope="session")
def benchmark(tmp_path_factory):
    """A tiny benchmark; no test writes to it."""
    return Benchmark(tmp_path_factory.mktemp("benchmark")).write().train()


@pytest.fixture(scope="session")
def original(benchmark):
    """The original model's tensors."""
    return load(benchmark.original)[0]
