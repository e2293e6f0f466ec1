"""The one training loop: pre-training, fine-tuning, retraining and every unlearning method that trains."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soulbench.core.checkpoint import load_state, save_state
from soulbench.core.device import ExecutionContext, Meter, explained_memory, moved
from soulbench.core.errors import UserError
from soulbench.core.log import Log, Progress
from soulbench.core.records import canonical_json
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch, SceneBatches
from soulbench.training.adam import Adam
from soulbench.training.conditions import training_condition
from soulbench.training.early_stop import EarlyStop
from soulbench.training.losses import Objective
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.schedule import Stage, learning_rate, rows_of_step, step_size

CHECK_EVERY = 10  # steps between looks at the losses; a look waits for the device


def fit(
    networks: Networks,
    objective: Objective,
    batches: SceneBatches,
    rows: Sequence[int],
    stage: Stage,
    context: ExecutionContext,
    work: Path,
    log: Log,
    monitor: TrainingMonitor | None = None,
    early: EarlyStop | None = None,
) -> dict[str, Any]:
    """Train the networks in place; takes up an interrupted run of the same stage where its state was saved.

    Args:
        networks: start values; hold the result afterwards.
        objective: the losses.
        batches: makes batches of (edited) scenes; rows: the images that take part.
        stage: how to train.
        context: where to.
        work: folder of the running state; survives a killed job.
        log: takes a line.
        monitor: keeps losses and sample pictures; None for neither.
        early: may stop it, and then gives the best weights that it saw; None for all steps.

    Returns:
        steps (that were made), images, seconds (spent in steps, over all attempts), peak_mib, last losses by part.

    Raises:
        UserError: a loss or weight is not finite (names the step, the part and the images), or memory ran out.
    """
    pieces = context.processes * stage.accumulate
    size = step_size(stage, len(rows), pieces)
    run = _Run(networks, objective, stage, context, monitor or TrainingMonitor.off(), early)
    state_file = work / f"{stage.name.replace(' ', '-')}.safetensors"
    first, watched = run.resume(state_file), run.monitor.seconds
    advice = (
        "A smaller training batch, a larger training.accumulate or training.precision: bfloat16 needs less."
    )
    with (
        explained_memory(f"{stage.name} makes {size // pieces} images at a time. {advice}"),
        Meter(context.device) as meter,
        Progress(stage.name, stage.steps, log, done=first) as progress,
    ):
        made = _steps(run, batches, rows, range(first, stage.steps), state_file, progress)
    spent = run.spent + meter.seconds - (run.monitor.seconds - watched)
    run.finish()
    run.monitor.draw(networks.generator, stage.name, made, made)
    if early is not None:
        ended = f"{stage.name}: {made} of {stage.steps} steps; the weights of step {early.best_step} are kept"
        log(f"{ended}, with the best validation loss, {early.best:.4g}")
    return {"images": made * size, "losses": run.losses, **meter.timing(made), "seconds": spent}


def _steps(
    run: "_Run",
    batches: SceneBatches,
    rows: Sequence[int],
    steps: range,
    state_file: Path,
    progress: Progress,
) -> int:
    """Make them, or as many as are wanted; returns how many were made, over all attempts."""
    seen: list[tuple[int, list[Batch], dict[str, Tensor]]] = []
    saved = looked = started = run.now()
    for step in steps:
        if run.early is not None and run.early.over:
            return step
        run.monitor.draw(run.networks.generator, run.stage.name, step, run.stage.steps)
        pieces = run.pieces(batches, rows, step)
        seen.append((step, pieces, run.step(step, pieces)))
        judged = run.early is not None and run.early.due(step + 1)
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == steps.stop or judged:
            run.losses = _finite(seen, state_file, run.context)
            made = len(seen) * step_size(run.stage, len(rows), run.piece_count)
            rate = learning_rate(run.stage, step)
            speed = made / (run.now() - looked)
            validation = run.judged(step + 1) if judged else None
            run.monitor.note(run.stage.name, step + 1, run.stage.steps, rate, speed, run.losses, validation)
            seen.clear()
            looked = run.now()
            if looked - saved > run.stage.checkpoint_seconds:
                run.save(state_file, step + 1, run.spent + looked - started)
                saved = looked
        images = sum(len(piece.image_ids) for piece in pieces)
        progress.advance(images=images, **({"loss": sum(run.losses.values())} if run.losses else {}))
    return steps.stop


class _Run:
    """Networks, optimisers and the step they are at."""

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        stage: Stage,
        context: ExecutionContext,
        monitor: TrainingMonitor,
        early: EarlyStop | None,
    ):
        self.networks, self.objective, self.stage, self.monitor = networks, objective, stage, monitor
        self.context, self.spent, self.early = context, 0.0, early
        self.losses: dict[str, float] = {}  # at the last look
        self.piece_count = context.processes * stage.accumulate
        networks.modules().to(context.device).train()
        objective.to(context.device)
        if stage.frozen_statistics:
            networks.modules().eval()
        self.optimisers = {"generator": Adam(networks.generator.parameters())}
        if networks.discriminators is not None:
            self.optimisers["discriminators"] = Adam(networks.discriminators.parameters())
        self.ema = None
        if stage.ema_decay is not None:
            self.ema = {name: value.clone() for name, value in networks.generator.state_dict().items()}

    def now(self) -> float:
        """A clock that stands still while the training is only watched."""
        return time.perf_counter() - self.monitor.seconds

    def pieces(self, batches: SceneBatches, rows: Sequence[int], step: int) -> list[Batch]:
        """This process's pieces of a step's batch, one after the other."""
        whole = rows_of_step(rows, self.stage, step, self.piece_count)
        size = len(whole) // self.piece_count
        first = self.context.rank * self.stage.accumulate
        shares = [whole[size * i : size * (i + 1)] for i in range(first, first + self.stage.accumulate)]
        count = batches.objects(whole) / self.piece_count
        return [replace(batches.batch(share), object_count=count) for share in shares]

    def step(self, step: int, pieces: Sequence[Batch]) -> dict[str, Tensor]:
        """One update of the generator and of the discriminators; returns the detached losses by part."""
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        found = [
            self._losses(batch, seeds) for batch, seeds in zip(pieces, self._seeds(step, pieces), strict=True)
        ]
        rate = learning_rate(self.stage, step)
        self.context.all_reduce_mean(
            [p.grad for o in self.optimisers.values() for p in o.parameters if p.grad is not None]
        )
        for optimiser in self.optimisers.values():
            optimiser.step(rate)
        if self.ema is not None:
            self._update_ema()
        return {name: torch.stack([parts[name] for parts in found]).mean() for name in found[0]}

    def _seeds(self, step: int, pieces: Sequence[Batch]) -> list[list[int]]:
        """A seed for what is hidden of each image: of its place in the stream, whoever makes it."""
        size = len(pieces[0].image_ids)
        first = (step * self.piece_count + self.context.rank * self.stage.accumulate) * size
        places = [range(first + size * i, first + size * (i + 1)) for i in range(len(pieces))]
        return [
            [derive_seed(self.stage.seed, "hide", self.stage.name, place) for place in own] for own in places
        ]

    def _losses(self, batch: Batch, seeds: Sequence[int]) -> dict[str, Tensor]:
        """Leave a piece's share of the gradients in the parameters."""
        condition = training_condition(batch, self.stage.masking, seeds)
        batch, condition = moved(batch, self.context.device), moved(condition, self.context.device)
        with self.context.autocast():
            losses = self.objective(self.networks.generator(batch, condition), batch, condition)
        parameters = {name: optimiser.parameters for name, optimiser in self.optimisers.items()}
        losses.backward(**parameters, share=1 / self.stage.accumulate)
        return losses.values()

    @torch.no_grad()
    def _update_ema(self) -> None:
        for name, value in self.networks.generator.state_dict().items():
            if value.is_floating_point():
                self.ema[name].lerp_(value, 1 - self.stage.ema_decay)
            else:
                self.ema[name].copy_(value)

    def judged(self, step: int) -> float:
        """The validation loss."""
        return self.early.look(step, self.networks, self.objective, self.stage, self.context)

    def finish(self) -> None:
        """Put the moving average, or the best weights, in the last ones' place, where they are kept."""
        if self.early is not None:
            self.early.finish(self.networks)
        if self.ema is not None:
            self.networks.generator.load_state_dict(self.ema)

    def _key(self) -> str:
        about = {"stage": vars(self.stage), "precision": self.context.precision}
        if self.early is not None:
            about["early_stop"] = {"every": self.early.every, "patience": self.early.patience}
        return canonical_json({**about, "signature": self.networks.signature})

    def save(self, path: Path, step: int, seconds: float) -> None:
        """Write the state; one that is not finite is not worth keeping, and the last good one is."""
        networks = dict(self.networks.modules().state_dict())
        broken = [name for name, value in networks.items() if not value.isfinite().all()]
        if broken:
            raise UserError(
                f"training stopped at step {step}: {broken[0]} is not finite any more{_kept(path)}. "
                "A lower learning rate may help."
            )
        optimisers = {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}
        state = {"networks": networks, "optimisers": optimisers, "ema": self.ema}
        if self.context.rank == 0:
            seen = {"monitor": self.monitor.state(), "step": step, "seconds": seconds, "losses": self.losses}
            seen["early"] = None if self.early is None else self.early.state()
            save_state(path, {**state, **seen}, self._key())

    def resume(self, path: Path) -> int:
        state = load_state(path, self._key())
        if state is None:
            return 0
        self.networks.modules().load_state_dict(state["networks"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        if self.ema is not None:
            self.ema = {name: value.to(self.context.device) for name, value in state["ema"].items()}
        self.monitor.restore(state["monitor"])
        if self.early is not None:
            self.early.restore(state["early"])
        self.spent, self.losses = state["seconds"], state.get("losses", {})
        return state["step"]


def _finite(
    seen: list[tuple[int, list[Batch], dict[str, Tensor]]], state_file: Path, context: ExecutionContext
) -> dict[str, float]:
    """The last losses as numbers, means over the processes; stops at the first that is not finite."""
    values = torch.stack([torch.stack(list(parts.values())) for _, _, parts in seen])
    context.all_reduce_mean([values])
    for (step, pieces, parts), row in zip(seen, values.tolist(), strict=True):
        losses = dict(zip(parts, row, strict=True))
        for name, value in losses.items():
            if not math.isfinite(value):
                images = ", ".join(str(image) for piece in pieces for image in piece.image_ids)
                raise UserError(
                    f"training stopped at step {step + 1}: the loss part `{name}` is {value}, on the images "
                    f"{images}{_kept(state_file)}. A lower learning rate may help."
                )
    return losses


def _kept(state_file: Path) -> str:
    return f"; the state before is kept in {state_file}" if state_file.exists() else ""
