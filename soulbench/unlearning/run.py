"""Run one method for one request: make its model and what is recorded of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from soulbench.config import runs
from soulbench.core.log import Log
from soulbench.core.model_record import ModelRecord, write_model_record
from soulbench.core.paths import MOMENTS, at_budget, beside
from soulbench.core.registry import Method
from soulbench.core.running_state import WorkFolder, work_folder
from soulbench.data.requests.request import Request
from soulbench.training.dataset import BenchmarkData, Changes
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.stages import (
    SNAPSHOT_IMAGES,
    between_stages,
    monitor_for,
    origin,
    train_stage,
)
from soulbench.training.trainer import TrainingResult
from soulbench.unlearning.edits import apply_plan
from soulbench.unlearning.in_place import Unlearning
from soulbench.unlearning.replay import replay


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
    its = Unlearning.of(data, method, request)
    code, networks = its.code, data.networks(seed)
    facts: dict[str, Any]
    made_by = origin(config, {**config, "method": runs.parameters(config, method)}, seed, source)
    on_the_way = {
        budget: at_budget(str(out_model), budget) for budget in runs.further_budgets(config, method)
    }
    with work_folder(out_model, made_by) as work:
        monitor = monitor_for(data, _monitored_rows(data, code, its.request), out_model)
        if code.retrains:
            arguments = (data, networks, apply_plan(data, its.plan), seed, work, log, monitor)
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
            facts = its.carry_out(networks, seed, moments, work, log, monitor, on_the_way, retrained)
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
