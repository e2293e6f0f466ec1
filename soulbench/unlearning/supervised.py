"""A method of the second level at work: what it may do is guarded, and what it did is checked."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from soulbench.core.device import Meter, prepare
from soulbench.core.errors import UserError
from soulbench.core.model_record import Timing
from soulbench.core.registry import Method
from soulbench.data.batches import Batch
from soulbench.data.requests.request import Request
from soulbench.models.generator import Condition, Generator
from soulbench.training.dataset import BenchmarkData
from soulbench.training.losses import Losses
from soulbench.training.networks import Networks
from soulbench.training.parts import LoopParts
from soulbench.training.trainer import TrainingResult
from soulbench.unlearning.guard import Guard
from soulbench.unlearning.task import OneShotMethod, Task, TrainedMethod


class SupervisedParts(LoopParts):
    """The parts of a method, each of which runs under the guard.

    Args:
        method: the parts.
        guard: refuses files.
    """

    def __init__(self, method: TrainedMethod, guard: Guard):
        super().__init__(method.networks, method.objective)
        self.method, self.task, self.guard = method, method.task, guard
        self.masks, self.trained = method.masks, method.trained

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the method's losses."""
        with self.guard():
            return self.method.losses(step, batch, condition)

    def gradients(self, step: int) -> None:
        """Have the method change the gradients."""
        with self.guard():
            self.method.gradients(step)

    def updated(self, step: int) -> None:
        """Have the method follow an update."""
        with self.guard():
            self.method.updated(step)

    def state_dict(self) -> dict[str, Any]:
        """Return the method's state."""
        return self.method.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from the method's saved state."""
        self.method.load_state_dict(state)


class SupervisedChange:
    """A one-shot method at work.

    Args:
        method: the method.
        task: what it was made for.
        guard: refuses files while it runs.
        who: names it in messages.
    """

    def __init__(self, method: OneShotMethod, task: Task, guard: Guard, who: str):
        self.method, self.task, self.guard, self.who = method, task, guard, who

    def change(self, preparation: Meter, saved: Mapping[float, str]) -> dict[str, Any]:
        """Give the generator the method's weights, in place.

        Args:
            preparation: has measured what the method did before.
            saved: checkpoints to write, of the networks at other strengths; they are not part of what it costs.

        Returns:
            What the model's record holds: `timing` and `images`.
        """
        networks, model = self.task.networks, self.task.model
        with Meter(preparation.device) as meter:
            described = self._weights(1.0)
        images = self.task.budget.used
        start = {name: value.detach().clone() for name, value in model.named_parameters()}
        for strength, path in saved.items():
            _assign(model, start | self._weights(strength))
            check_finite(networks, f"{self.who}, strength {strength:g}")
            networks.save(path)
        _assign(model, start | described)
        seconds, peak = preparation.seconds + meter.seconds, max(preparation.peak_mib, meter.peak_mib)
        return {"timing": Timing(seconds, peak, 1, self.task.shareable), "images": images}

    def _weights(self, strength: float) -> dict[str, Tensor]:
        """Return copies of the weights that the method gives, checked."""
        with self.guard():
            given = self.method.weights(strength)
        known = dict(self.task.model.named_parameters())
        for name, value in given.items():
            if name not in known or value.shape != known[name].shape:
                there = (
                    f"its shape is {tuple(known[name].shape)}"
                    if name in known
                    else "there is no such parameter"
                )
                raise UserError(
                    f"{self.who}: weights() gives {name} {tuple(value.shape)}, but {there}; give names and shapes of "
                    "`task.model.named_parameters()`"
                )
        return {name: value.detach().clone() for name, value in given.items()}


@torch.no_grad()
def _assign(model: nn.Module, values: Mapping[str, Tensor]) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(values[name])


@contextmanager
def supervised(
    data: BenchmarkData,
    networks: Networks,
    name: str,
    code: Method,
    request: Request,
    seed: int,
    parameters: Any,
    retrained: Sequence[str] = (),
) -> Iterator[tuple[SupervisedParts | SupervisedChange, Meter]]:
    """Yield a method at work, and what its preparation took; when the block ends, check what it did.

    Args:
        data: the benchmark's data.
        networks: hold the weights that the method starts from.
        name: its name in the configuration, which is that of its rule.
        code: the method.
        request: what is to be forgotten.
        seed: training seed.
        parameters: the method's `Parameters`.
        retrained: checkpoints of retrained models, which only a reference is given that declares to see them.

    Raises:
        UserError: the class is of the other kind, or the method broke a rule; names file, rule and remedy.
    """
    who = f"{code.source.path} (rule {name})"
    device = prepare(data.config["device"])
    given = [_retrained(data, path, seed) for path in retrained if code.sees_retrained]
    guard, task = Guard(who), Task(data, networks, request, seed, who, device, given)
    before = data.batches().digest(data.subset)
    with guard():
        made = code.programmatic
        kind = TrainedMethod if code.family == "finetune" else OneShotMethod
        if not isinstance(made, type) or not issubclass(made, kind):
            raise UserError(
                f"{who}: a method of the family {code.family} defines `class Method({kind.__name__})`"
            )
        with Meter(device) as preparation:
            method = made(task, parameters)
    try:
        if isinstance(method, OneShotMethod):
            yield SupervisedChange(method, task, guard, who), preparation
        else:
            yield SupervisedParts(method, guard), preparation
    except UserError as error:
        raise UserError(str(error) if str(error).startswith(who) else f"{who}: {error}") from None
    if not task.unchanged() or data.batches().digest(data.subset) != before:
        what = "the data" if task.unchanged() else "the original model"
        raise UserError(
            f"{who}: changes its inputs: {what}; work on copies (`clone()`), and train `task.model` alone"
        )
    check_finite(networks, who)


def _retrained(data: BenchmarkData, path: str, seed: int) -> Generator:
    networks = data.networks(seed)
    networks.load(path)
    return networks.generator


def check_finite(networks: Networks, who: str) -> None:
    """Raise a `UserError` if a weight is not finite."""
    for name, value in networks.modules().state_dict().items():
        if not value.isfinite().all():
            raise UserError(
                f"{who}: the weight {name} is not finite; a smaller unlearning.learning_rate, a bounded loss or a "
                "smaller strength may help"
            )


def with_preparation(result: TrainingResult, preparation: Meter, shareable: float) -> dict[str, Any]:
    """Return what the record of a trained model holds, the method's preparation counted with it.

    Args:
        result: of the training.
        preparation: has measured what the method did before.
        shareable: seconds of that which other requests could share.
    """
    timing = result.timing
    seconds, peak = timing.seconds + preparation.seconds, max(timing.peak_mib, preparation.peak_mib)
    return vars(replace(result, timing=Timing(seconds, peak, timing.steps, shareable)))
