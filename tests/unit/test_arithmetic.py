"""Portable arithmetic is asked of the libraries where the processor has it, and changes what jobs depend on."""

import os

import pytest

from soulbench.config import files, jobs
from soulbench.core import arithmetic
from soulbench.core.sources import ROOT


def configured(kind, precision="float32"):
    return {"arithmetic": kind, "device": "cpu", "training": {"precision": precision}}


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A function that sets the processor's kind and instructions; afterwards the environment is as before."""
    for name in arithmetic.VARIABLES:
        monkeypatch.setenv(name, "before")

    def chosen(kind, flags):
        (tmp_path / "cpuinfo").write_text(f"model name\t: some\nflags\t\t: {flags}\n")
        monkeypatch.setattr(arithmetic, "CPUINFO", tmp_path / "cpuinfo")
        monkeypatch.setattr(arithmetic.platform, "machine", lambda: kind)

    return chosen


@pytest.mark.parametrize(
    ("kind", "flags", "there"),
    [
        ("x86_64", "fpu avx2 fma", True),
        ("AMD64", "fpu fma avx2 avx512f", True),
        ("x86_64", "fpu avx", False),
        ("aarch64", "fp asimd", False),
    ],
)
def test_it_holds_where_the_processor_has_the_instructions_and_a_warning_says_where_not(
    kind, flags, there, machine
):
    machine(kind, flags)
    arithmetic.restrict(configured("portable"))
    set_ = {name: os.environ[name] for name in arithmetic.VARIABLES}
    assert set_ == (arithmetic.VARIABLES if there else dict.fromkeys(arithmetic.VARIABLES, "before"))
    said = arithmetic.warning(configured("portable"))
    assert (said is None) == there
    assert there or kind in said


def test_native_arithmetic_sets_nothing(machine):
    machine("x86_64", "avx2 fma")
    arithmetic.restrict(configured("native"))
    assert {os.environ[name] for name in arithmetic.VARIABLES} == {"before"}
    assert arithmetic.warning(configured("native", "bfloat16")) is None


@pytest.mark.parametrize(("has", "said"), [(True, True), (False, False), (None, False)])
def test_a_warning_says_that_it_leaves_out_instructions_for_bfloat16(has, said, machine, monkeypatch):
    machine("x86_64", "avx2 fma")
    monkeypatch.setattr(arithmetic, "has_bfloat16", lambda: has)
    assert (arithmetic.warning(configured("portable", "bfloat16")) is not None) == said


def test_jobs_of_another_arithmetic_are_other_jobs_and_native_ones_those_of_earlier_versions():
    config = files.load(ROOT / "config.yaml")
    native, portable = ({**config, "arithmetic": kind} for kind in ("native", "portable"))
    for job in (
        jobs.pretraining,
        jobs.finetuning,
        jobs.bank,
        jobs.evaluation,
        jobs.identity_encoder,
        jobs.ablation,
        lambda config: jobs.unlearning(config, "obj-if"),
        lambda config: jobs.attack(config, "relearn", "obj-mk-pa"),
    ):
        assert job(portable).settings == {**job(native).settings, "arithmetic": "portable"}
        assert "arithmetic" not in job(native).settings
        assert job(portable).source == job(native).source
