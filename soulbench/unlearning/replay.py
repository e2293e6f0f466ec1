"""Repeat the training of an original model from the last kept state before what is changed is first seen."""

from soulbench.core.device import ExecutionContext
from soulbench.core.errors import UserError
from soulbench.core.log import Log
from soulbench.core.paths import at_step
from soulbench.core.running_state import WorkFolder
from soulbench.training.dataset import UNCHANGED, BenchmarkData, Changes
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.schedule import first_step, kept_steps
from soulbench.training.stages import between_stages, seen_in, train_stage
from soulbench.training.trainer import TrainingResult


def replay(
    data: BenchmarkData,
    networks: Networks,
    changes: Changes,
    seed: int,
    work: WorkFolder,
    log: Log,
    monitor: TrainingMonitor,
    pretrained: str,
    original: str,
) -> tuple[Networks, TrainingResult]:
    """Return the networks that the whole training under changes gives, to the bit, and the result of what was run.

    Everything before the first changed image is as it was. The orders of images and what is hidden of them depend on
    the seed and the step alone (Bourtoule et al., "Machine Unlearning", IEEE S&P 2021, have shards besides).

    Args:
        data: the benchmark's data.
        networks: hold the initial weights of the seed.
        changes: what is changed in training.
        seed: training seed.
        work: keeps the running state.
        log: takes a line.
        monitor: records losses and snapshots.
        pretrained, original: checkpoints of the seed, beside which the two stages kept their states.
    """

    def run(which: str, start: str | None, keep: bool) -> TrainingResult:
        arguments = (data, networks, which, changes, seed, work, log, monitor)
        return train_stage(*arguments, keep=keep, start=start)

    first = _first_change(data, "pretrain", changes, seed)
    if first is not None:
        before = run("pretrain", _last_kept(data, "pretrain", pretrained, first, log), keep=True)
        networks = between_stages(data, networks, seed)
        return networks, before.followed_by(run("finetune", None, keep=False))
    log("replay: pre-training never saw what changes, and stays")
    networks.load(pretrained)
    networks, later = between_stages(data, networks, seed), _first_change(data, "finetune", changes, seed)
    return networks, run("finetune", _last_kept(data, "finetune", original, later, log), keep=False)


def _first_change(data: BenchmarkData, which: str, changes: Changes, seed: int) -> int | None:
    """Return the first step, counted from 0, of a stage that sees a changed image; None for none."""
    rows, stage = seen_in(data, which, changes, seed)
    if rows != seen_in(data, which, UNCHANGED, seed)[0]:
        raise UserError("a replay keeps the order of images, so its plan excludes none; edit them instead")
    micro_batches = ExecutionContext.of(data.config).processes * stage.accumulate
    return first_step(rows, changes.edited, stage, micro_batches)


def _last_kept(data: BenchmarkData, which: str, checkpoint: str, change: int | None, log: Log) -> str | None:
    """Return the last state of a stage from before its first change (None: it has none); None if there is no such."""
    steps = data.config["training"][which]["steps"]
    kept = [step for step in kept_steps(steps) if step <= (steps if change is None else change)]
    log(
        f"replay: {which} is repeated from step {max(kept, default=0) + 1}; step {change} (from 0) changes first"
    )
    return at_step(checkpoint, kept[-1]) if kept else None
