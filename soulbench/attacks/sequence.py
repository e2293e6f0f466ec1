"""Sequences: requests unlearned one after the other. Do earlier ones come back, and what is left of the rest?

Each step starts from the model of the step before, as with a model in use; methods are described, and tested, for a
single request (for large language models: Shi et al., "MUSE: Machine Unlearning Six-Way Evaluation for Language
Models", ICLR 2025, sustainability). Nobody attacks here: whoever has the model after more requests has got more than
before.
"""

import itertools
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np

from soulbench.config import runs
from soulbench.core.errors import UserError
from soulbench.core.running_state import WorkFolder
from soulbench.core.seeds import generator
from soulbench.core.terms import TASKS
from soulbench.core.values import Bounds
from soulbench.data.regions import inside, region
from soulbench.evaluation.attacked import Attacked, Outcome
from soulbench.unlearning.edits import after_requests
from soulbench.unlearning.in_place import Unlearning

#: What the budget counts.
BUDGET = "requests unlearned"
#: Its jobs run methods: they get the settings, the code and the inputs of the method whose models they attack.
UNLEARNS = True
#: Requests of a sequence at most.
MOST = 32
#: Metric -> unit, and the side on which the attacker is better off.
METRICS = {
    "error": ("grey levels", "smaller"),
    **{f"error-{position}": ("grey levels", "smaller") for position in range(1, MOST + 1)},
    "rest": ("grey levels", "smaller"),
    "re-emergence": ("grey levels", "greater"),
}
#: The metric of the verdict, at its greatest budget: after all requests. What a destroyed model loses again on the way
#: is much, and yet no target.
JUDGED = "error"


@dataclass(frozen=True)
class Parameters:
    """In how many orders the requests are unlearned: that of the configuration, and random ones."""

    orders: Annotated[int, Bounds(minimum=1, maximum=1000)] = 3


def work(parameters: Parameters) -> dict[str, float]:
    """Return what is done for one request: the method unlearns it in every order, but for the step that is there."""
    return {"unlearnings": parameters.orders}


@dataclass(frozen=True)
class Measured:
    """What is measured of the networks after a step.

    Attributes:
        errors: by (request, task), grey levels.
        rest: by task, grey levels, in the subset's images where no request's target is.
    """

    errors: dict[tuple[str, str], float]
    rest: dict[str, float]


def attack(models: Sequence[Attacked], parameters: Parameters) -> Iterator[Outcome]:
    """Yield the errors after each step, means over the orders.

    `error` is that of a request's target after so many requests; `error-2` is the same in those orders in which the
    request was the second. `rest` is the error where no request's target is, the same number for all requests.
    `re-emergence` is a target's error right after its own step minus that at the end, in those orders in which another
    request follows.
    """
    first = models[0]
    if len(first.requests) > MOST:
        raise UserError(
            f"attacks.sequence.requests: {len(first.requests)} requests; allowed: at most {MOST} one after another"
        )
    if not runs_method(first):
        for model in models:
            yield from _unchanged(model)
        return
    start = _measured(models, first.original)
    if not runs.method(first.config, first.method).per_request:
        yield from _in_one_step(models, start, _measured(models, first.checkpoint))
        return
    by_id = {model.request.id: model for model in models}
    sequences = {
        order: [start, *steps(models, order)]
        for order in orders([*by_id], parameters.orders, first.config["seed"])
    }
    for request, task in itertools.product(by_id, TASKS):
        yield from _of_request(sequences, request, task)


def runs_method(model: Attacked) -> bool:
    """Tell whether a model was made by a method that unlearns; of the others, nothing is unlearned."""
    config, method = model.config, model.method
    return method in config.get("methods", {}) and runs.described_budget(config, method) is not None


def orders(requests: Sequence[str], number: int, seed: int) -> list[tuple[str, ...]]:
    """Return different orders of requests: as they are, and random ones; fewer where there are not so many."""
    random, found = generator(seed, "attack-sequence", "orders"), {tuple(requests): None}
    while len(found) < min(number, math.factorial(len(requests))):
        found[tuple(requests[index] for index in random.permutation(len(requests)))] = None
    return [*found]


def steps(models: Sequence[Attacked], order: Sequence[str]) -> Iterator[Measured]:
    """Yield what is measured after each step; the first step's model is the one that the benchmark has made.

    Later steps have data without the earlier targets, which nobody may keep.
    """
    by_id, first = {model.request.id: model for model in models}, models[0]
    yield _measured(models, by_id[order[0]].checkpoint)
    for done, request in enumerate(order[1:], 1):
        # Fresh ones, as in a job of its own: a method may leave hooks in the networks that it changes.
        networks = first.data.networks(first.seed)
        networks.modules().load_state_dict(first.networks.modules().state_dict())
        with tempfile.TemporaryDirectory() as folder:
            where = first.seed, first.moments, WorkFolder(Path(folder), {}), lambda line: None
            served = [first.data.requests[earlier] for earlier in order[:done]]
            data = after_requests(first.data, served, first.data.requests[request])
            Unlearning.of(data, first.method, request).carry_out(networks, *where)
        first.networks.modules().load_state_dict(networks.modules().state_dict())
        yield _measured(models)


def _of_request(
    sequences: dict[tuple[str, ...], list[Measured]], request: str, task: str
) -> Iterator[Outcome]:
    """Yield the rows of a request and task."""
    last = len(next(iter(sequences)))
    for done in range(last + 1):
        errors = {order: found[done].errors[request, task] for order, found in sequences.items()}
        yield Outcome(request, task, done, "error", float(np.mean([*errors.values()])))
        rest = [found[done].rest[task] for found in sequences.values()]
        yield Outcome(request, task, done, "rest", float(np.mean(rest)))
        for position in range(1, last + 1):
            own = [error for order, error in errors.items() if order[position - 1] == request]
            if own:
                yield Outcome(request, task, done, f"error-{position}", float(np.mean(own)))
    back = [
        found[order.index(request) + 1].errors[request, task] - found[last].errors[request, task]
        for order, found in sequences.items()
        if order[-1] != request
    ]
    value, status = (float(np.mean(back)), "ok") if back else (None, "no other request follows in any order")
    yield Outcome(request, task, last, "re-emergence", value, status)


def _unchanged(model: Attacked) -> Iterator[Outcome]:
    """Yield the rows of a model that unlearns nothing."""
    request, last, measured = model.request.id, len(model.requests), _measured([model], model.checkpoint)
    for task in TASKS:
        for done in range(last + 1):
            yield Outcome(request, task, done, "error", measured.errors[request, task])
            yield Outcome(request, task, done, "rest", measured.rest[task])
        yield Outcome(request, task, last, "re-emergence", 0.0)


def _in_one_step(models: Sequence[Attacked], start: Measured, end: Measured) -> Iterator[Outcome]:
    """Yield the rows of a method whose one model serves all requests."""
    last = len(models)
    for model, task in itertools.product(models, TASKS):
        request = model.request.id
        for done, measured in ((0, start), (last, end)):
            yield Outcome(request, task, done, "error", measured.errors[request, task])
            yield Outcome(request, task, done, "rest", measured.rest[task])
        status = "one model serves all requests: there is no later step"
        yield Outcome(request, task, last, "re-emergence", None, status)


def _measured(models: Sequence[Attacked], checkpoint: str | None = None) -> Measured:
    """Measure a checkpoint, or the networks as they are."""
    first = models[0]
    if checkpoint is not None:
        first.networks.load(checkpoint)
    errors = {
        (model.request.id, task): model.error(model.generate([model.scene], [model.visual], task))[0]
        for model, task in itertools.product(models, TASKS)
    }
    return Measured(errors, {task: _rest(first, task) for task in TASKS})


def _rest(model: Attacked, task: str) -> float:
    """Return the mean absolute error [grey levels] of the subset's images outside the RoIs of all requests."""
    data, context = model.data, model.context
    scenes = [data.scenes.scene(row) for row in data.subset]
    visual = [data.visual[one.first_row : one.first_row + len(one.categories)] for one in scenes]
    images = model.generate(scenes, visual, task).astype(np.int16)
    size, margin = data.scenes.image_size, model.config["unlearning"]["roi_margin"]
    kept = []
    for scene in scenes:
        requested = np.isin(scene.object_ids, [*context.requested.get(scene.image_id, ())])
        kept.append(~inside([region(box, size, margin) for box in scene.boxes[requested].tolist()], size))
    truth = np.stack([scene.pixels for scene in scenes])
    return float(np.abs(images - truth)[np.stack(kept)].mean())
