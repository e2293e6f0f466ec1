"""What every method keeps to: the checks that `soulbench check-method` runs on one file, and the tests on all files.

Each check runs the method on the tiny benchmark (`soulbench.unlearning.workbench`) and raises a `Broken` that says what
to do about it. A model that was trained before is used again where it can be.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from soulbench.config import runs
from soulbench.core import registry
from soulbench.core.checkpoint import load
from soulbench.core.errors import UserError
from soulbench.core.model_record import read_model_record
from soulbench.core.paths import at_budget
from soulbench.core.records import file_hash
from soulbench.core.terms import ALL_REQUESTS
from soulbench.training.dataset import BenchmarkData
from soulbench.unlearning.edits import subset_of
from soulbench.unlearning.plan import Plan, plan_of
from soulbench.unlearning.workbench import Workbench

#: A plain fine-tuning at this learning rate, and with fixed statistics, moves nothing.
STANDING_STILL = {"learning_rate": 0.0, "norm_statistics": "frozen"}
Tensors = Mapping[str, Tensor]


class Broken(UserError):
    """A method does not keep to the contract; the message says what to do."""


@dataclass
class Trial:
    """Methods on a tiny benchmark with a trained original model; each is run once for all checks.

    Attributes:
        bench: the benchmark; nothing writes to its folder.
        folder: where models are written.
    """

    bench: Workbench
    folder: Path
    _done: dict[str, Tensors] = field(default_factory=dict)

    def method(self, name: str) -> registry.Method:
        """Return a method of the benchmark's configuration or of its plug-ins."""
        return registry.method(name, runs.plugins(self.bench.config))

    def request(self, name: str) -> str:
        """Return the request that a method is run for."""
        return "r1" if self.method(name).per_request else ALL_REQUESTS

    def path(self, name: str) -> Path:
        """Return the checkpoint of a method's model."""
        return self.folder / name / "model.safetensors"

    def model(self, name: str) -> Tensors:
        """Return the tensors of a method's model."""
        if name not in self._done:
            self._done[name] = self.bench.unlearn(name, self.path(name), self.request(name))
        return self._done[name]

    def again(self, name: str, what: str, request: str | None = None, **overlay: Any) -> Tensors:
        """Run a method another time, into a folder `what`; return the tensors of its model."""
        path = self.again_path(name, what)
        return self.bench.unlearn(name, path, request or self.request(name), overlay)

    def again_path(self, name: str, what: str) -> Path:
        """Return the checkpoint that `again` writes."""
        return self.folder / name / what / "model.safetensors"

    @property
    def original(self) -> Tensors:
        """The tensors of the original model."""
        return load(self.bench.original)[0]


def same(first: Tensors, second: Tensors) -> bool:
    """Return whether two models are equal to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def _empty_plan(trial: Trial, name: str) -> None:
    code, data = trial.method(name), BenchmarkData.open(trial.bench.config, trial.bench.data)
    plan = plan_of(code, next(iter(data.requests.values())), subset_of(data), code.parameters())
    if plan != Plan():
        raise Broken(
            "a method of the family none is never run, but its plan asks for something: return Plan()"
        )


def _changes(trial: Trial, name: str) -> None:
    files = sorted(path for path in trial.bench.folder.rglob("*") if path.is_file())
    before = [file_hash(path) for path in files]
    tensors = trial.model(name)
    if [file_hash(path) for path in files] != before:
        raise Broken("it changes files of the data or the original model: write to copies")
    if tensors.keys() != trial.original.keys():
        raise Broken(
            "its model has other tensors than the original: change the values of weights, not their names"
        )
    if same(tensors, trial.original):
        raise Broken(
            "it changes no weight: an edit without `fill`, a loss without gradients, an empty mask, or weights() that "
            "are the old ones"
        )
    if not all(value.isfinite().all() for value in tensors.values()):
        raise Broken("a weight is not finite: bound the loss or clip the gradient")
    if list(trial.path(name).parent.glob("*.work")):
        raise Broken("its work folder is left behind")


def _same_bits(trial: Trial, name: str) -> None:
    trial.model(name)
    torch.manual_seed(123)
    trial.again(name, "again")
    if trial.again_path(name, "again").read_bytes() != trial.path(name).read_bytes():
        raise Broken(
            "run twice, it gives other bits: draw random numbers from `task.random(role)` alone, never from PyTorch's "
            "or NumPy's global state, and iterate over nothing unordered"
        )


def _other_request(trial: Trial, name: str) -> None:
    per_request = trial.method(name).per_request
    if same(trial.again(name, "r2", request="r2"), trial.model(name)) == per_request:
        raise Broken(
            "another request gives the same model: use `request`, or set PER_REQUEST = False"
            if per_request
            else "another request gives another model: set PER_REQUEST = True"
        )


def _still(trial: Trial, name: str) -> None:
    family = trial.method(name).family
    if family == "finetune":
        tensors = trial.again(name, "still", unlearning=STANDING_STILL)
        where = "at a learning rate of 0: write to no weight yourself; let the optimiser do it"
    elif family == "redaction":
        tensors = trial.again(name, "still", methods={name: {"alpha": 0.0}})
        where = "at alpha 0"
    else:
        trial.again(name, "still", unlearning={"strengths": [0.0]})
        tensors = load(at_budget(str(trial.again_path(name, "still")), 0.0))[0]
        where = "at strength 0: weights(0.0) must return the old weights"
    if not same(tensors, trial.original):
        changed = next(key for key in tensors if not torch.equal(tensors[key], trial.original[key]))
        raise Broken(f"it changes weights ({changed}) {where}")


def _budgets(trial: Trial, name: str) -> None:
    trial.model(name)
    config, code = trial.bench.config, trial.method(name)
    record = read_model_record(trial.path(name).with_suffix(".json"))
    steps = config["unlearning"]["steps"]
    if code.family == "finetune" and record.timing.steps != steps:
        raise Broken(f"it made {record.timing.steps} steps of {steps}")
    settings = {**config, "methods": {**config["methods"], name: config["methods"].get(name) or {}}}
    for budget in runs.further_budgets(settings, name):
        if not Path(at_budget(str(trial.path(name)), budget)).is_file():
            raise Broken(f"there is no model at the budget {budget:g}")


def _record(trial: Trial, name: str) -> None:
    trial.model(name)
    record, code = read_model_record(trial.path(name).with_suffix(".json")), trial.method(name)
    about = (record.method, record.request, record.seed, record.family, record.level)
    if about != (name, trial.request(name), 1, code.family, code.level):
        raise Broken(f"its record is of something else: {about}")
    if record.parameters["method"].keys() != {one.name for one in fields(code.parameters)}:
        raise Broken("its record does not hold its parameters")
    if min(record.timing.seconds, record.timing.peak_mib, record.timing.steps) <= 0:
        raise Broken("its record holds no cost")
    if code.trains and not all(map(math.isfinite, (record.losses or {"none": math.nan}).values())):
        raise Broken("its record holds no losses")


class Check(NamedTuple):
    """One rule of the contract.

    Attributes:
        rule: in words.
        families: of the methods that it applies to.
        run: raises a `UserError` if a method breaks it.
    """

    rule: str
    families: Sequence[str]
    run: Callable[[Trial, str], None]


TRAINED = ("finetune", "redaction", "one-shot", "retrain", "replay")
UNLEARNING = ("finetune", "redaction", "one-shot")
CHECKS = (
    Check("is never run, and its plan is empty", ("none",), _empty_plan),
    Check("changes weights, reads no file and leaves its inputs alone", TRAINED, _changes),
    Check("gives the same bits for the same seed", TRAINED, _same_bits),
    Check("depends on the request as it says", UNLEARNING, _other_request),
    Check("changes nothing at learning rate, alpha or strength 0", UNLEARNING, _still),
    Check("keeps its budget, and gives its models at further budgets", UNLEARNING, _budgets),
    Check("leaves a record of what it did and what it cost", TRAINED, _record),
)


def applying(code: registry.Method) -> list[Check]:
    """Return the checks that apply to a method."""
    return [check for check in CHECKS if code.family in check.families]


def check(trial: Trial, name: str) -> Iterator[str]:
    """Run all checks that apply to a method; yield a line for each.

    Raises:
        UserError: after the last line, if one was broken.
    """
    failed = 0
    for one in applying(trial.method(name)):
        try:
            one.run(trial, name)
        except UserError as error:
            failed += 1
            yield f"✗ {one.rule}\n  {error}"
        else:
            yield f"✓ {one.rule}"
    if failed:
        raise UserError(f"{name} does not keep to {failed} of {len(applying(trial.method(name)))} rules")
