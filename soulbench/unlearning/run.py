"""Carry out one method for one request: fine-tune, redact, or retrain, by its plan."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from soulbench.config import runs
from soulbench.core import device as devices
from soulbench.core.checkpoint import work_folder
from soulbench.core.device import ExecutionContext, Meter, moved
from soulbench.core.log import Log
from soulbench.core.records import write_json
from soulbench.core.registry import Method
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch
from soulbench.data.requests.request import Request
from soulbench.models.generator import Condition
from soulbench.training.conditions import noise_for, task_condition, training_condition
from soulbench.training.dataset import UNCHANGED, BenchmarkData, Changes
from soulbench.training.losses import Objective
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
from soulbench.training.trainer import fit
from soulbench.unlearning import influence
from soulbench.unlearning.edits import carried_out, subset_view
from soulbench.unlearning.plan import Plan


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
    """Run a configured method; writes the model, and its cost and facts beside it (.json).

    Args:
        config: the whole configuration.
        method: a key of `methods`.
        request: a request's id, or `ALL_REQUESTS` for a method that serves all.
        seed: training seed; which original model is meant.
        data_dir: results/<name>/data.
        original, pretrained: checkpoints of that seed. A method never gets a retrained one.
        out_model: the checkpoint to write.
        source: hash of the sources, for the record.
        log: takes a line.
    """
    data = BenchmarkData.open(config, data_dir)
    code = runs.method(config, method)
    parameters = runs.parameters(config, method)
    asked = data.requests.get(request) or next(iter(data.requests.values()))
    plan = code.plan(asked, subset_view(data), code.parameters(**parameters))
    networks = data.networks(seed)
    with work_folder(out_model) as work:
        monitor = monitor_for(data, _monitored_rows(data, code, asked), out_model)
        if code.family == "retrain":
            networks, facts = _retrain(data, networks, carried_out(data, plan), seed, work, log, monitor)
        else:
            networks.load(original if config["unlearning"]["start"] == "original" else pretrained)
            if plan.influence is not None:
                facts = redact(data, networks, plan, seed, log)
            else:
                changes = carried_out(data, plan, asked.id)
                facts = _finetune(data, networks, changes, seed, work, log, monitor)
        if monitor.batch is None:  # another process than the first
            return
        networks.save(out_model, seed=seed, method=method, request=request)
        if plan.influence is None:
            monitor.save(out_model)
        about = origin(config, {"unlearning": config["unlearning"], "method": parameters}, seed, source)
        timing = {name: facts.pop(name) for name in ("seconds", "peak_mib", "steps")}
        record = {
            "method": method,
            "request": request,
            "seed": seed,
            "family": code.family,
            "level": code.level,
        }
        write_json(
            Path(out_model).with_suffix(".json"),
            {**record, **facts, "timing": timing, **about},
        )


def _monitored_rows(data: BenchmarkData, code: Method, request: Request) -> list[int]:
    """Rows that are drawn while a method trains: its target before others of the subset, or all that it serves."""
    asked = [request] if code.per_request else data.requests.values()
    targets = [data.scenes.find(one.image_id) for one in asked]
    return list(dict.fromkeys([*targets, *data.subset]))[: max(SNAPSHOT_IMAGES, len(targets))]


def _retrain(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: Path,
    log: Log,
    monitor: TrainingMonitor,
) -> tuple[Networks, dict[str, Any]]:
    """Both trainings from scratch, the first one's end kept should the second be interrupted."""
    first = train_stage(data, networks, "pretrain", changes, seed, work, log, monitor)
    networks = between_stages(data, networks, seed)
    second = train_stage(data, networks, "finetune", changes, seed, work, log, monitor)
    peak = max(first["peak_mib"], second["peak_mib"])
    added = {name: first[name] + second[name] for name in ("seconds", "steps", "images")}
    return networks, {**added, "peak_mib": peak, "losses": second["losses"]}


def _finetune(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: Path,
    log: Log,
    monitor: TrainingMonitor,
) -> dict[str, Any]:
    settings, training = data.config["unlearning"], data.config["training"]
    # A method is what it is: no averaging of its weights with those it started from.
    own = {**settings, "name": "unlearning", "ema_decay": None}
    stage = stage_of(own, training, seed, frozen=settings["norm_statistics"] == "frozen")
    context, rows = ExecutionContext.of(data.config), data.without(data.subset, changes)
    objective = objective_for(data.config, networks, changes)
    return fit(networks, objective, data.batches(changes), rows, stage, context, work, log, monitor)


def redact(data: BenchmarkData, networks: Networks, plan: Plan, seed: int, log: Log) -> dict[str, Any]:
    """Solve for the influence of the plan's objects and apply it in place; returns cost and solver's facts."""
    device = devices.prepare(data.config["device"])
    with Meter(device) as meter:
        redaction, solution = solve_influence(data, networks, plan, seed, device, log)
        redaction.apply(plan.influence.settings.alpha * solution.step)
    return {**meter.timing(solution.iterations), "solver": influence.summary(solution, redaction)}


def solve_influence(
    data: BenchmarkData, networks: Networks, plan: Plan, seed: int, device: torch.device, log: Log
) -> tuple[influence.Redaction, influence.Solution]:
    """The influence of the plan's objects on the generator, not yet applied."""
    settings = plan.influence.settings
    networks.modules().to(device).eval()
    redaction = influence.Redaction(networks.generator, settings.module)
    chosen = {image_id for image_id, _ in plan.influence.objects}
    rows = data.subset if settings.hessian == "subset" else [data.scenes.find(i) for i in sorted(chosen)]
    objective = objective_for(data.config, networks, UNCHANGED).to(device)
    losses = list(_learning_losses(data, networks, objective, rows, settings.chunk, seed, device))
    v = _difference(data, redaction, plan, device) / len(rows)
    return redaction, influence.solve(redaction.hessian(*losses), v, settings, log)


def _learning_losses(
    data: BenchmarkData,
    networks: Networks,
    objective: Objective,
    rows: list[int],
    chunk: int,
    seed: int,
    device: torch.device,
) -> Iterator[Callable[[], torch.Tensor]]:
    """The learning loss of some images as a sum, chunk by chunk: in eval mode no image sees another."""
    batches = data.batches()
    for start in range(0, len(rows), chunk):
        own = rows[start : start + chunk]
        share = len(own) / len(rows)
        batch = replace(batches.batch(own), object_count=batches.objects(rows) * share)
        seeds = [derive_seed(seed, "hide", "hessian", image) for image in batch.image_ids]
        hide = training_condition(batch, data.config["training"]["masking"], seeds)

        def loss(batch: Batch = batch, hide: Condition = hide, share: float = share) -> torch.Tensor:
            seen = moved(batch, device), moved(hide, device)
            return share * influence.learning_loss(objective, networks.generator, *seen)

        yield loss


def _difference(
    data: BenchmarkData, redaction: influence.Redaction, plan: Plan, device: torch.device
) -> torch.Tensor:
    """V of the plan: the objects' discrepancies in reconstruction, where visual features are given."""
    image_ids = sorted({image_id for image_id, _ in plan.influence.objects})
    batch = data.batches().batch([data.scenes.find(image_id) for image_id in image_ids])
    image_of = batch.image_of.tolist()
    owners = [(batch.image_ids[i], o) for i, o in zip(image_of, batch.object_ids, strict=True)]
    objects = [owners.index(pair) for pair in plan.influence.objects]
    noise = noise_for(batch.image_ids, batch.images.shape[-1], data.config["seed"], 0)
    condition = task_condition(batch, "reconstruction", noise, data.config["generator"]["synthesis"])
    batch, condition = moved(batch, device), moved(condition, device)
    return influence.difference_of_gradients(redaction, batch, condition, objects, plan.influence.settings)
