"""Under portable arithmetic, every x86 processor makes the same models of a tiny benchmark."""

import platform
from importlib.metadata import version

import pytest

from benchmarks.arithmetic import worker
from soulbench.core import arithmetic
from soulbench.core.sources import ROOT

#: The libraries whose kernels these are. With those of other versions, the digests may be others.
VERSIONS = {"torch": "2.15.0", "numpy": "2.4.6"}
GOLDEN = {
    "visual features": "9912dae16fe9",
    "pretrained": "40385515d74b",
    "original": "0e269cd12ddf",
    "obj-mk-pa": "087fdb3c24d5",
    "obj-if": "841f8f6896a3",
    "NumPy": "b627a2d62837",
}


def test_the_digests_are_of_the_versions_in_the_lock_file():
    locked = (ROOT / "envs" / "requirements.txt").read_text()
    assert [name for name, number in VERSIONS.items() if f"\n{name}=={number} " not in locked] == []


@pytest.mark.skipif(not arithmetic.is_available(), reason=f"{platform.machine()} without AVX2")
@pytest.mark.skipif(
    any(version(name) != number for name, number in VERSIONS.items()), reason="other versions than the lock's"
)
def test_models_have_the_bits_that_they_have_on_every_processor():
    made = worker(arithmetic.PORTABLE, "tiny")
    made.pop("seconds")
    assert made == GOLDEN
