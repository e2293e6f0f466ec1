"""Jobs run no code of the package that the hash of their sources does not hold."""

import sys
from contextlib import contextmanager

import pytest
from scenes_factory import no_log

from soulbench.config import runs
from soulbench.core import sources
from soulbench.evaluation.run import EvaluationRun, evaluate

#: Passes its own log to the jobs that it runs.
HARNESS = "soulbench.unlearning.workbench"


@contextmanager
def recorded(module, function):
    """Record what runs of the package while a function of a module does: pairs of a module and a name in it."""
    ran, depth = set(), 0

    def profile(frame, event, argument):
        nonlocal depth
        name, code = frame.f_globals.get("__name__", ""), frame.f_code
        outer = code.co_qualname.partition(".")[0]
        here = name == module and code.co_qualname == function
        if here and event == "return":
            depth -= 1
        # Code at the top level of modules, and what dataclasses write of classes, has no name in the module.
        if depth and event == "call" and name.startswith("soulbench.") and not outer.startswith(("<", "__")):
            ran.add((name, outer))
        if here and event == "call":
            depth += 1

    sys.setprofile(profile)
    try:
        yield ran
    finally:
        sys.setprofile(None)


def not_counted(ran, *entries):
    """Return what ran and is not among the statements that count."""
    counted = {
        (module, name)
        for module, statements in sources.reachable(*entries).items()
        for one in statements
        for name in one.binds
    }
    return {(module, name) for module, name in ran - counted if module != HARNESS}


@pytest.mark.parametrize("method", ["obj-mk-pa", "feat-if", "retrain", "ssd", "scrub", "lora"])
def test_unlearning(benchmark, tmp_path, method):
    code = runs.method({"methods": {method: {}}}, method)
    with recorded("soulbench.unlearning.run", "unlearn") as ran:
        benchmark.unlearn(method, tmp_path / "model.safetensors", "r1", {"methods": {method: {}}})
    assert len(ran) > 50
    assert not not_counted(ran, "soulbench.unlearning.run", code.source.entry)


def test_evaluation(benchmark, tmp_path):
    original = EvaluationRun("r1", benchmark.original, None, {}, tmp_path / "original")
    with recorded("soulbench.evaluation.run", "evaluate") as ran:
        evaluate(benchmark.config, "original", 1, [original], benchmark.data, "source", no_log)
    queries = [
        f"soulbench.queries.{name.replace('-', '_')}" for name in benchmark.config["evaluation"]["queries"]
    ]
    assert len(ran) > 50
    assert not not_counted(ran, "soulbench.evaluation.run", *queries)
