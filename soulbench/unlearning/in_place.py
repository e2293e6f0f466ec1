"""A configured method, run on networks in place: what makes an unlearned model, and each step of a sequence of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soulbench.config import runs
from soulbench.core.errors import UserError
from soulbench.core.log import Log
from soulbench.core.registry import CLASS, Method, suggest
from soulbench.core.running_state import WorkFolder
from soulbench.core.terms import ALL_REQUESTS
from soulbench.data.requests.request import Request
from soulbench.training.dataset import BenchmarkData
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.finetuning import finetune
from soulbench.unlearning.guard import Guard
from soulbench.unlearning.plan import Plan, plan_of
from soulbench.unlearning.redaction import redact
from soulbench.unlearning.supervised import SupervisedChange, supervised, with_preparation


@dataclass(frozen=True)
class Unlearning:
    """A method and a request; the plan is made, and nothing is changed yet.

    Attributes:
        data: the benchmark's data.
        method: a key of `methods`.
        code: the method.
        request: the request that the plan is made for.
        parameters: the method's.
        plan: what it changes.
    """

    data: BenchmarkData
    method: str
    code: Method
    request: Request
    parameters: Any
    plan: Plan

    @classmethod
    def of(cls, data: BenchmarkData, method: str, request: str) -> "Unlearning":
        """Plan a configured method for a request, or for `ALL_REQUESTS` if one model serves them.

        Raises:
            UserError: there is no such request, or the method needs one and got `ALL_REQUESTS`.
        """
        code = runs.method(data.config, method)
        planned = planned_request(data.requests, method, code, request)
        parameters = code.parameters(**runs.parameters(data.config, method))
        with Guard(f"{code.source.path} (rule {method})")():
            plan = plan_of(code, planned, subset_of(data), parameters)
        return cls(data, method, code, planned, parameters, plan)

    def carry_out(
        self,
        networks: Networks,
        seed: int,
        moments: str | None,
        work: WorkFolder,
        log: Log,
        monitor: TrainingMonitor | None = None,
        saved: Mapping[float, str] | None = None,
        retrained: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Fine-tune, redact or change by itself, as the method does; return what its record holds of that.

        Methods that retrain start from no model: `soulbench.unlearning.run.retrain`.

        Args:
            networks: hold the weights that the method starts from, and afterwards the unlearned ones.
            seed: training seed.
            moments: the file with those that fine-tuning's Adam starts with; None for none.
            work: keeps the running state.
            log: takes a line.
            monitor: records losses and snapshots of training; None for neither.
            saved: checkpoints of the networks at other budgets of the method.
            retrained: checkpoints of retrained models, for a reference that declares to see them.
        """
        saved = saved or {}
        if self.plan.influence is not None:
            timing, solver = redact(self.data, networks, self.plan.influence, seed, log, saved)
            return {"timing": timing, "solver": solver}

        def trained(parts: Any = None) -> Any:
            changes = apply_plan(self.data, self.plan, self.request.id)
            steps = {int(step): path for step, path in saved.items()}
            where = work, log, monitor, steps, moments, parts
            return finetune(self.data, networks, self.data.subset, changes, seed, *where)

        if CLASS not in self.code.workers:
            return vars(trained())
        arguments = networks, self.method, self.code, self.request, seed, self.parameters, retrained
        with supervised(self.data, *arguments) as (its, preparation):
            if isinstance(its, SupervisedChange):
                return its.change(preparation, saved)
            return with_preparation(trained(its), preparation, its.task.shareable)


def planned_request(requests: Mapping[str, Request], method: str, code: Method, request: str) -> Request:
    """Return the request that a method's plan is made for.

    With `ALL_REQUESTS` it is the first one: such a method's plan is the same for every request.

    Args:
        requests: the benchmark's requests by id.
        method: the configured id, for messages.
        code: the method.
        request: a request's id, or `ALL_REQUESTS`.

    Raises:
        UserError: there is no such request, or the method needs one and got `ALL_REQUESTS`.
    """
    known = f"known: {', '.join(requests)}"
    if request == ALL_REQUESTS:
        if code.per_request:
            raise UserError(f"request: {method} unlearns one request at a time, not {ALL_REQUESTS}; {known}")
        return next(iter(requests.values()))
    if request not in requests:
        raise UserError(f"request: there is no request {request!r}{suggest(request, requests)}; {known}")
    return requests[request]
