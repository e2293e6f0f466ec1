"""Fine-tuning in place by the `unlearning` section's settings: methods that train, and attackers who do, share it."""

from collections.abc import Mapping, Sequence
from typing import Any

from soulbench.core.device import ExecutionContext
from soulbench.core.log import Log
from soulbench.core.running_state import WorkFolder
from soulbench.training.dataset import BenchmarkData, Changes
from soulbench.training.masking import masking_of
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.parts import LoopParts
from soulbench.training.stages import objective_for, stage_of
from soulbench.training.trainer import Trainer, TrainingResult


def finetune(
    data: BenchmarkData,
    networks: Networks,
    rows: Sequence[int],
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor | None = None,
    saved: Mapping[int, str] | None = None,
    moments: str | None = None,
    parts: LoopParts | None = None,
    **settings: Any,
) -> TrainingResult:
    """Fine-tune networks in place.

    Args:
        data: the benchmark's data.
        networks: hold the initial weights, and afterwards the trained ones.
        rows: rows of the packed set whose images take part, unless `changes` excludes them.
        changes: what changes in training.
        seed: training seed.
        work: keeps the running state.
        log: takes a line.
        monitor: records losses and snapshots; None for neither.
        saved: checkpoints of the networks after other numbers of steps.
        moments: the file with those that Adam starts with; None for none.
        parts: what is replaced in the training loop; None for nothing.
        **settings: replace those of the `unlearning` section; `name` is the stage's.
    """
    settings = {"name": "unlearning", **data.config["unlearning"], **settings}
    # No EMA: it would average the weights with those that fine-tuning starts from.
    specific = {**settings, "ema_decay": None, "optimiser": "adam"}
    specific |= {"masking": masking_of(data.config), "eval_mode_after": None}
    frozen = settings["norm_statistics"] == "frozen"
    stage = stage_of(specific, data.config["training"], seed, frozen=frozen)
    context, batches = ExecutionContext.of(data.config), data.batches(changes)
    objective, taking_part = objective_for(data.config, networks, changes), data.without([*rows], changes)
    trainer = Trainer(
        networks, objective, batches, taking_part, stage, context, monitor, moments=moments, parts=parts
    )
    saved = saved or {}
    result = trainer.fit(work, log, save_after=saved)
    if context.rank == 0:
        for step, path in saved.items():
            work.networks(step).replace(path)
    return result
