"""Run one method for one request: fine-tune, redact or retrain, by its plan."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from soulbench.config import runs
from soulbench.core import device as devices
from soulbench.core.device import ExecutionContext, Meter, moved
from soulbench.core.errors import UserError
from soulbench.core.log import Log
from soulbench.core.model_record import ModelRecord, Solver, Timing, write_model_record
from soulbench.core.registry import Method, suggest
from soulbench.core.running_state import WorkFolder, work_folder
from soulbench.core.seeds import derive_seed
from soulbench.core.terms import ALL_REQUESTS
from soulbench.data.batches import Batch
from soulbench.data.requests.request import Request
from soulbench.models.generator import Condition
from soulbench.training.conditions import noise_for, task_condition, training_condition
from soulbench.training.dataset import UNCHANGED, BenchmarkData, Changes
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.stages import (
    SNAPSHOT_IMAGES,
    between_stages,
    monitor_for,
    objective_for,
    origin,
    stage_of,
    train_stage,
)
from soulbench.training.trainer import Trainer, TrainingResult
from soulbench.unlearning import influence
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.plan import Influence


def unlearn(
    config: Mapping[str, Any],
    method: str,
    request: str,
    seed: int,
    data_dir: str,
    original: str,
    pretrained: str,
    out_model: str,
    source: str,
    log: Log,
) -> None:
    """Run a configured method; write the model, its record and, if it trains, its curves and snapshots.

    Args:
        config: the whole configuration.
        method: a key of `methods`.
        request: a request's id; `ALL_REQUESTS` for a method whose one model serves all requests.
        seed: training seed, also of the original model.
        data_dir: `results/<name>/data`.
        original, pretrained: checkpoints of that seed. A method never gets a retrained model.
        out_model: the checkpoint to write.
        source: hash of the sources, for the record.
        log: takes a line.

    Raises:
        UserError: there is no such request, or the method needs one and got `ALL_REQUESTS`.
    """
    data = BenchmarkData.open(config, data_dir)
    code = runs.method(config, method)
    parameters = runs.parameters(config, method)
    planned = planned_request(data.requests, method, code, request)
    plan = code.plan(planned, subset_of(data), code.parameters(**parameters))
    networks = data.networks(seed)
    facts: dict[str, Any]
    made_by = origin(config, {**config, "method": parameters}, seed, source)
    with work_folder(out_model, made_by) as work:
        monitor = monitor_for(data, _monitored_rows(data, code, planned), out_model)
        if code.family == "retrain":
            changes = apply_plan(data, plan)
            networks, result = _retrain(data, networks, changes, seed, work, log, monitor)
            facts = vars(result)
        else:
            networks.load(original if config["unlearning"]["start"] == "original" else pretrained)
            if plan.influence is not None:
                timing, solver = redact(data, networks, plan.influence, seed, log)
                facts = {"timing": timing, "solver": solver}
            else:
                changes = apply_plan(data, plan, planned.id)
                result = _finetune(data, networks, changes, seed, work, log, monitor)
                facts = vars(result)
        if monitor.batch is None:  # not the first of several processes
            return
        networks.save(out_model, seed=seed, method=method, request=request)
        if plan.influence is None:
            monitor.save(out_model)
        record = ModelRecord(
            method=method,
            request=request,
            seed=seed,
            level=code.level,
            family=code.family,
            **facts,
            **made_by,
        )
        write_model_record(Path(out_model).with_suffix(".json"), record)


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


def _monitored_rows(data: BenchmarkData, code: Method, request: Request) -> list[int]:
    """Return the rows that snapshots show: the target image or those of all requests served, then other images."""
    served = [request] if code.per_request else data.requests.values()
    targets = [data.scenes.find(one.image_id) for one in served]
    return list(dict.fromkeys([*targets, *data.subset]))[: max(SNAPSHOT_IMAGES, len(targets))]


def _retrain(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor,
) -> tuple[Networks, TrainingResult]:
    """Run both stages from scratch; the work folder keeps the first one's result if the second is interrupted."""
    first = train_stage(data, networks, "pretrain", changes, seed, work, log, monitor, keep=True)
    networks = between_stages(data, networks, seed)
    second = train_stage(data, networks, "finetune", changes, seed, work, log, monitor)
    timing = Timing(
        first.timing.seconds + second.timing.seconds,
        max(first.timing.peak_mib, second.timing.peak_mib),
        first.timing.steps + second.timing.steps,
    )
    return networks, TrainingResult(timing, first.images + second.images, second.losses)


def _finetune(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor,
) -> TrainingResult:
    settings, training = data.config["unlearning"], data.config["training"]
    # No EMA: it would average a method's weights with those that it starts from.
    specific = {**settings, "name": "unlearning", "ema_decay": None, "optimiser": "adam"}
    stage = stage_of(specific, training, seed, frozen=settings["norm_statistics"] == "frozen")
    context, rows = ExecutionContext.of(data.config), data.without(data.subset, changes)
    objective = objective_for(data.config, networks, changes)
    trainer = Trainer(networks, objective, data.batches(changes), rows, stage, context, monitor)
    return trainer.fit(work, log)


def redact(
    data: BenchmarkData, networks: Networks, removed: Influence, seed: int, log: Log
) -> tuple[Timing, Solver]:
    """Solve for the influence of objects and remove it from the generator in place."""
    device = devices.prepare(data.config["device"])
    with Meter(device) as meter:
        redaction, solution = solve_influence(data, networks, removed, seed, device, log)
        redaction.apply(removed.settings.alpha * solution.step)
    timing = Timing(meter.seconds, meter.peak_mib, solution.iterations)
    return timing, influence.summary(solution, redaction)


def solve_influence(
    data: BenchmarkData, networks: Networks, removed: Influence, seed: int, device: torch.device, log: Log
) -> tuple[influence.Redaction, influence.Solution]:
    """Return the parameter change that removes the influence of objects, not yet applied.

    Args:
        data: the benchmark's data.
        networks: moved to the device and put in eval mode.
        removed: whose influence, and how it is solved for.
        seed: of what is hidden of the images whose loss the Hessian is of.
        device: where to compute.
        log: takes a line.
    """
    settings = removed.settings
    networks.modules().to(device).eval()
    redaction = influence.Redaction(networks.generator, settings.module)
    chosen = {image_id for image_id, _ in removed.objects}
    rows = data.subset if settings.hessian == "subset" else [data.scenes.find(i) for i in sorted(chosen)]
    losses = list(_learning_losses(data, networks, rows, settings.chunk, seed, device))
    v = _difference(data, redaction, removed, device) / len(rows)
    return redaction, influence.solve(redaction.hessian(*losses), v, settings, log)


def _learning_losses(
    data: BenchmarkData, networks: Networks, rows: list[int], chunk: int, seed: int, device: torch.device
) -> Iterator[Callable[[], torch.Tensor]]:
    """Yield the learning loss of some images chunk by chunk; the chunks' losses add up to the mean over all images.

    In eval mode the images of a batch are independent of each other, so the sum does not depend on the chunks.
    """
    objective = objective_for(data.config, networks, UNCHANGED).to(device)
    batches = data.batches()
    for start in range(0, len(rows), chunk):
        part = rows[start : start + chunk]
        share = len(part) / len(rows)
        batch = replace(batches.batch(part), object_count=batches.objects(rows) * share)
        seeds = [derive_seed(seed, "hide", "hessian", image) for image in batch.image_ids]
        condition = training_condition(batch, data.config["training"]["masking"], seeds)

        def loss(
            batch: Batch = batch, condition: Condition = condition, share: float = share
        ) -> torch.Tensor:
            inputs = moved(batch, device), moved(condition, device)
            return share * influence.learning_loss(objective, networks.generator, *inputs)

        yield loss


def _difference(
    data: BenchmarkData, redaction: influence.Redaction, removed: Influence, device: torch.device
) -> torch.Tensor:
    """Return n v: the difference of gradients in reconstruction, where visual features are inputs."""
    image_ids = sorted({image_id for image_id, _ in removed.objects})
    batch = data.batches().batch([data.scenes.find(image_id) for image_id in image_ids])
    image_of = batch.image_of.tolist()
    pairs = [(batch.image_ids[i], o) for i, o in zip(image_of, batch.object_ids, strict=True)]
    objects = [pairs.index(pair) for pair in removed.objects]
    noise = noise_for(batch.image_ids, batch.images.shape[-1], data.config["seed"], 0)
    condition = task_condition(batch, "reconstruction", noise, data.config["generator"]["synthesis"])
    batch, condition = moved(batch, device), moved(condition, device)
    return influence.difference_of_gradients(redaction, batch, condition, objects, removed.settings)
