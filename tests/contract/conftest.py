"""One tiny benchmark with an original model, for all contract tests of a process."""

import sys

import pytest

from soulbench.core.sources import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))  # the factories

from benchmark_factory import Benchmark

from soulbench.core.checkpoint import load


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    """Never written to by a test."""
    return Benchmark(tmp_path_factory.mktemp("world")).write().train()


@pytest.fixture(scope="session")
def original(world):
    """The original model's tensors."""
    return load(world.original)[0]
