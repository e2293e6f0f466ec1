"""Run one method for one request: fine-tune, redact or retrain, by its plan."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soulbench.config import runs
from soulbench.core.device import ExecutionContext
from soulbench.core.errors import UserError
from soulbench.core.log import Log
from soulbench.core.model_record import ModelRecord, write_model_record
from soulbench.core.paths import MOMENTS, at_budget, beside
from soulbench.core.registry import CLASS, Method, suggest
from soulbench.core.running_state import WorkFolder, work_folder
from soulbench.core.terms import ALL_REQUESTS
from soulbench.data.requests.request import Request
from soulbench.training.dataset import BenchmarkData, Changes
from soulbench.training.masking import masking_of
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.parts import LoopParts
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
from soulbench.unlearning.edits import apply_plan, subset_of
from soulbench.unlearning.guard import Guard
from soulbench.unlearning.plan import plan_of
from soulbench.unlearning.redaction import redact
from soulbench.unlearning.replay import replay
from soulbench.unlearning.supervised import SupervisedChange, supervised, with_preparation


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
    retrained: Sequence[str] = (),
) -> None:
    """Run a configured method; write the model, its record and, if it trains, its curves and snapshots.

    The models at further budgets of the method (`soulbench.config.runs.further_budgets`) are written beside the model.

    Args:
        config: the whole configuration.
        method: a key of `methods`.
        request: a request's id; `ALL_REQUESTS` for a method whose one model serves all requests.
        seed: training seed, also of the original model.
        data_dir: `results/<name>/data`.
        original, pretrained: checkpoints of that seed, with their moments beside them where fine-tuning resumes the
            optimiser.
        out_model: the checkpoint to write.
        source: hash of the sources, for the record.
        log: takes a line.
        retrained: checkpoints of retrained models for a reference that declares to see them. A method never gets one.

    Raises:
        UserError: there is no such request, or the method needs one and got `ALL_REQUESTS`.
    """
    data = BenchmarkData.open(config, data_dir)
    code = runs.method(config, method)
    parameters = runs.parameters(config, method)
    planned = planned_request(data.requests, method, code, request)
    settings = code.parameters(**parameters)
    with Guard(f"{code.source.path} (rule {method})")():
        plan = plan_of(code, planned, subset_of(data), settings)
    networks = data.networks(seed)
    facts: dict[str, Any]
    made_by = origin(config, {**config, "method": parameters}, seed, source)
    further = runs.further_budgets(config, method)
    on_the_way = {budget: at_budget(str(out_model), budget) for budget in further}
    with work_folder(out_model, made_by) as work:
        monitor = monitor_for(data, _monitored_rows(data, code, planned), out_model)
        if code.retrains:
            arguments = (data, networks, apply_plan(data, plan), seed, work, log, monitor)
            if code.family == "retrain":
                networks, result = retrain(*arguments)
            else:
                networks, result = replay(*arguments, str(pretrained), str(original))
            facts = vars(result)
        else:
            start = str(original if config["unlearning"]["start"] == "original" else pretrained)
            networks.load(start)
            resumed = config["unlearning"]["optimiser"] == "resumed"
            moments = beside(start, MOMENTS) if resumed else None
            if plan.influence is not None:
                timing, solver = redact(data, networks, plan.influence, seed, log, on_the_way)
                facts = {"timing": timing, "solver": solver}
            elif CLASS not in code.workers:
                changes = apply_plan(data, plan, planned.id)
                steps = {int(step): path for step, path in on_the_way.items()}
                facts = vars(_finetune(data, networks, changes, seed, work, log, monitor, steps, moments))
            else:
                started = (data, networks, method, code, planned, seed, settings, retrained)
                with supervised(*started) as (its, preparation):
                    if isinstance(its, SupervisedChange):
                        facts = its.change(preparation, on_the_way)
                    else:
                        changes = apply_plan(data, plan, planned.id)
                        steps = {int(step): path for step, path in on_the_way.items()}
                        result = _finetune(
                            data, networks, changes, seed, work, log, monitor, steps, moments, its
                        )
                        facts = with_preparation(result, preparation)
        if monitor.batch is None:  # not the first of several processes
            return
        networks.save(out_model, seed=seed, method=method, request=request)
        if code.trains:
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
    """Return the rows that snapshots show: images of primary targets, of all requests served, then other images."""
    served = [request] if code.per_request else data.requests.values()
    targets = [data.scenes.find(one.primary.image_id) for one in served]
    return list(dict.fromkeys([*targets, *data.subset]))[: max(SNAPSHOT_IMAGES, len(targets))]


def retrain(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor,
) -> tuple[Networks, TrainingResult]:
    """Run both stages from scratch under changes; return the networks and both stages' result.

    The work folder keeps the first stage's result if the second is interrupted. The other arguments are those of
    `soulbench.training.stages.train_stage`.
    """
    first = train_stage(data, networks, "pretrain", changes, seed, work, log, monitor, keep=True)
    networks = between_stages(data, networks, seed)
    second = train_stage(data, networks, "finetune", changes, seed, work, log, monitor)
    return networks, first.followed_by(second)


def _finetune(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor,
    saved: Mapping[int, str],
    moments: str | None,
    parts: LoopParts | None = None,
) -> TrainingResult:
    """Fine-tune in place.

    `saved` names the checkpoints of the networks after other numbers of steps, `moments` the file with those that Adam
    starts with.
    """
    settings, training = data.config["unlearning"], data.config["training"]
    # No EMA: it would average a method's weights with those that it starts from.
    specific = {**settings, "name": "unlearning", "ema_decay": None, "optimiser": "adam"}
    specific |= {"masking": masking_of(data.config), "eval_mode_after": None}
    stage = stage_of(specific, training, seed, frozen=settings["norm_statistics"] == "frozen")
    context, rows = ExecutionContext.of(data.config), data.without(data.subset, changes)
    objective = objective_for(data.config, networks, changes)
    batches = data.batches(changes)
    trainer = Trainer(
        networks, objective, batches, rows, stage, context, monitor, moments=moments, parts=parts
    )
    result = trainer.fit(work, log, save_after=saved)
    if context.rank == 0:
        for step, path in saved.items():
            work.networks(step).replace(path)
    return result
