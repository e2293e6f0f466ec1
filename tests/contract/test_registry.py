import dataclasses
import json
import subprocess
import sys
import textwrap
import typing

import pytest

from soulbench.core import registry, values
from soulbench.core.errors import UserError
from soulbench.core.sources import ROOT
from soulbench.core.terms import Module
from soulbench.core.values import Bounds, Natural
from soulbench.models.generator import MODULES

METHODS, QUERIES = registry.ids("methods"), registry.ids("queries")


def test_ids_are_file_names():
    files = {path.stem for path in (ROOT / "soulbench" / "unlearning" / "methods").glob("[a-z]*.py")}
    assert {name.replace("-", "_") for name in METHODS} == files
    assert {"original", "noop-ft", "retrain", "retrain-sample"} <= set(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_a_method_keeps_the_interface(name):
    method = registry.method(name)
    assert method.level in registry.LEVELS
    assert method.family in registry.FAMILIES
    assert isinstance(method.per_request, bool)
    assert method.workers
    assert all(callable(getattr(registry.module("methods", name), worker)) for worker in method.workers)
    assert len((registry.module("methods", name).__doc__ or "").strip()) > 20


@pytest.mark.parametrize(
    ("kind", "name"), [("methods", m) for m in METHODS] + [("queries", a) for a in QUERIES]
)
def test_parameters_are_a_frozen_dataclass_whose_defaults_fit_their_types(kind, name):
    made = registry.parameters_class(kind, name)
    assert dataclasses.is_dataclass(made)
    assert made.__dataclass_params__.frozen
    defaults = dataclasses.asdict(made())
    assert dataclasses.asdict(registry.parameters(kind, name, defaults)) == defaults
    assert not set(defaults) & {"seeds", "requests", "variant_of"}
    for hint in typing.get_type_hints(made, include_extras=True).values():
        assert "typing" not in values.type_text(hint)


def test_methods_and_checks_need_no_torch():
    code = textwrap.dedent("""
        import json, sys
        from soulbench.config import checks
        from soulbench.core import registry, values
        [registry.method(name) for name in registry.ids("methods")]
        print(json.dumps("torch" in sys.modules))
    """)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False


def test_looking_one_up_imports_no_other():
    code = textwrap.dedent("""
        import json, sys
        from soulbench.core import registry, values
        registry.ids("methods"), registry.method("obj-ng")  # its declarations are read, its code is not run
        print(json.dumps([name for name in sys.modules if name.startswith("soulbench.unlearning.methods.")]))
    """)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []


@pytest.mark.parametrize("kind", ["methods", "queries"])
def test_an_unknown_id_is_refused_with_the_known_ones(kind):
    with pytest.raises(
        UserError, match=rf"there is no {registry.KINDS[kind][0]} 'zzz'; known: {registry.ids(kind)[0]}"
    ):
        registry.module(kind, "zzz")


@dataclasses.dataclass(frozen=True)
class Sample:
    rate: float = 0.5
    steps: Natural = 3
    where: typing.Literal["input", "target"] = "input"
    weights: str | None = None
    widths: typing.Annotated[tuple[int, ...], Bounds(minimum=1)] = (1, 2)
    on: bool = True

    def __post_init__(self):
        if self.rate < 0:
            raise ValueError("rate must not be negative")


@pytest.fixture
def sample(monkeypatch):
    monkeypatch.setattr(registry, "parameters_class", lambda kind, name, plugins: Sample)
    return lambda **given: registry.parameters("methods", "sample", given, "methods.sample")


def test_values_are_taken_over(sample):
    assert sample(rate=1, widths=[4], weights="a.pth") == Sample(1.0, 3, "input", "a.pth", (4,), True)
    assert isinstance(sample(rate=1).rate, float)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"rates": 1}, r"methods\.sample\.rates: sample has no such parameter \(did you mean rate\?\)"),
        (
            {"rate": "0.5"},
            r"methods\.sample\.rate: '0\.5' \(text; as a number it is written 0\.5\) is not allowed; allowed: number",
        ),
        ({"rate": True}, "allowed: number"),
        ({"rate": float("nan")}, r"\.nan is not allowed; allowed: number"),
        ({"rate": float("inf")}, r"\.inf is not allowed; allowed: number"),
        ({"rate": 10**400}, "allowed: number"),
        ({"steps": True}, "true is not allowed; allowed: integer"),
        ({"steps": 2.0}, r"2\.0 is not allowed; allowed: integer"),
        ({"steps": 0}, "0 is not allowed; allowed: integer >= 1"),
        ({"widths": []}, "allowed: list of integer, its length >= 1"),
        ({"steps": 1.5}, r"1\.5 is not allowed; allowed: integer"),
        ({"steps": None}, "null is not allowed; allowed: integer"),
        ({"where": "inputs"}, r"allowed: input \| target \(did you mean input\?\)"),
        ({"weights": 3}, r"allowed: text \| null"),
        ({"widths": [1, "2"]}, "allowed: list of integer"),
        ({"on": 1}, r"allowed: true \| false"),
        ({"rate": -1.0}, "methods.sample: rate must not be negative"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_allowed(sample, given, message):
    with pytest.raises(UserError, match=message):
        sample(**given)


METHOD = """
from dataclasses import dataclass

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    rate: float = 0.5


def plan(request, subset, parameters):
    raise AssertionError
"""


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("LEVEL, FAMILY", "LEVEL, FAMILIES", "a method's file must define FAMILY"),
        ('"object"', '"pixel"', "LEVEL is 'pixel'; allowed: sample, feature, object, reference"),
        ('"object"', "open('x').read()", "cannot be read: FileNotFoundError.* must be literal values"),
        ("True", "1", "PER_REQUEST is 1; allowed: True, False"),
        ('"finetune"', '"one-shot"', "of the family one-shot must define Method"),
        ("def plan", "def plans", "of the family finetune must define plan or Method"),
        ("(frozen=True)", "", "Parameters must be a frozen dataclass"),
        (": float = 0.5", ": float", r"Parameters\.rate: it has no default"),
        (": float = 0.5", ": dict = None", r"Parameters\.rate: a value of type .*dict.* cannot be written"),
        (": float = 0.5", ": float = 'fast'", r"Parameters\.rate: its default 'fast' is not allowed"),
        ("rate:", "seeds:", r"Parameters\.seeds: this name has a meaning of its own"),
        ("def plan", "def plan(", "line 12: not Python"),
    ],
)
def test_a_file_that_is_no_method_is_refused_before_it_runs(tmp_path, old, new, message):
    assert old in METHOD
    path = tmp_path / "mine.py"
    path.write_text(METHOD.replace(old, new))
    with pytest.raises(UserError, match=rf"mine\.py.*{message}"):
        registry.method("mine", (str(path),))


def test_several_wrong_values_are_named_at_once(sample):
    with pytest.raises(UserError) as caught:
        sample(rate="fast", steps=-1)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "methods.sample.rate",
        "methods.sample.steps",
    ]


def test_the_generators_modules_have_the_same_names_everywhere():
    """The terms list them beside the generator, because only the generator may import torch."""
    assert set(typing.get_args(Module)) == set(MODULES)
