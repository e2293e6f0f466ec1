"""The one training loop: pre-training, fine-tuning, retraining and every unlearning method that trains."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soulbench.core.checkpoint import checksum
from soulbench.core.device import ExecutionContext, Meter, explained_memory, place
from soulbench.core.errors import UserError
from soulbench.core.log import Log, Progress
from soulbench.core.model_record import Timing
from soulbench.core.running_state import RunningState, WorkFolder
from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch, SceneBatches
from soulbench.models.generator import Condition
from soulbench.training.adam import Adam
from soulbench.training.early_stop import EarlyStop
from soulbench.training.finite import StepLosses, check_weights, finite_losses
from soulbench.training.losses import Objective
from soulbench.training.masking import Masking
from soulbench.training.moments import load_moments, save_moments
from soulbench.training.monitor import TrainingMonitor
from soulbench.training.networks import Networks
from soulbench.training.optimiser import generator_optimiser
from soulbench.training.parts import LoopParts
from soulbench.training.schedule import Stage, learning_rate, rows_of_step, step_size

CHECK_EVERY = 10  # steps between two reads of the losses; reading them waits for the device
#: What a kept state holds: all that the further steps depend on.
REWOUND = ("networks", "optimisers", "ema", "early_stop", "step")
LESS_MEMORY = "A smaller batch, a larger training.accumulate or training.precision: bfloat16 needs less."


@dataclass(frozen=True)
class TrainingResult:
    """What a training run did.

    Attributes:
        timing: cost of its steps, over all attempts of an interrupted run.
        images: images seen, repetitions counted.
        losses: the last losses by part.
    """

    timing: Timing
    images: int
    losses: dict[str, float]

    def followed_by(self, other: "TrainingResult") -> "TrainingResult":
        """Return the result of both, one after the other."""
        timing = Timing(
            self.timing.seconds + other.timing.seconds,
            max(self.timing.peak_mib, other.timing.peak_mib),
            self.timing.steps + other.timing.steps,
        )
        return TrainingResult(timing, self.images + other.images, other.losses)


class Trainer:
    """Trains networks in place.

    Args:
        networks: hold the initial weights, and after `fit` the trained ones.
        objective: the losses.
        batches: makes batches of (edited) scenes.
        rows: rows of the packed set whose images take part.
        stage: how to train.
        context: where to train.
        monitor: records losses and snapshots; None for neither.
        early_stop: ends the training run early and restores the best weights; None for all steps.
        parts: what a method replaces in this loop; None for nothing.
        moments: file with the moments that Adam starts with; None for none.

    Raises:
        UserError: there are fewer images than micro-batches in a step, or there are no such moments.
    """

    def __init__(
        self,
        networks: Networks,
        objective: Objective,
        batches: SceneBatches,
        rows: Sequence[int],
        stage: Stage,
        context: ExecutionContext,
        monitor: TrainingMonitor | None = None,
        early_stop: EarlyStop | None = None,
        parts: LoopParts | None = None,
        moments: str | Path | None = None,
    ):
        self.networks, self.objective, self.batches, self.rows = networks, objective, batches, rows
        self.stage, self.context, self.early_stop = stage, context, early_stop
        self.monitor = monitor or TrainingMonitor.off()
        self.parts = parts or LoopParts(networks, objective)
        self.micro_batch_count = context.processes * stage.accumulate  # of one step, over all processes
        self.step_size = step_size(stage, len(rows), self.micro_batch_count)  # images
        self.step, self.seconds = 0, 0.0  # made and spent so far, over all attempts
        self.start = 0  # the step that the training goes on from, if it is a replay
        self.losses: dict[str, float] = {}  # when they were last read
        place(networks.modules(), context.device).train()
        place(objective, context.device)
        self.masking = Masking(stage.masking, context.device)
        if stage.frozen_statistics:
            networks.modules().eval()
        place(self.parts.trained, context.device)
        self.optimisers = {"generator": generator_optimiser(self.parts.trained, stage)}
        if networks.discriminators is not None:
            self.optimisers["discriminators"] = Adam(networks.discriminators.parameters())
        self.moments = None if moments is None else load_moments(moments, networks, self.optimisers)
        averaged = {} if stage.ema_decay is None else networks.generator.state_dict()
        self.ema = {name: value.clone() for name, value in averaged.items()} or None

    def fit(
        self,
        work: WorkFolder,
        log: Log,
        keep: bool = False,
        save_after: Collection[int] = (),
        keep_after: Collection[int] = (),
    ) -> TrainingResult:
        """Train to the last step, from where an interrupted run of the same training saved its state.

        Args:
            work: keeps the running state, which survives a killed job.
            log: takes a line.
            keep: whether the last state is saved, too. A stage that follows in the same job can then go on even where
                the device is not deterministic, because it starts from exactly these weights again.
            save_after: numbers of steps after which the networks are saved as well, to `work.networks(step)`.
            keep_after: the same for what `rewind` goes on from, to `work.kept(step)`; where the training stops before
                such a step, it is its last state.

        Raises:
            UserError: a loss or weight is not finite (names the step, the part and the images), or memory ran out.
        """
        state = work.state(self.stage.name, self.inputs())
        self._resume(state, log)
        saved = {step: work.networks(step) for step in save_after}
        kept = {step: work.kept(step) for step in keep_after}
        beside = [*saved.items(), *kept.items()]
        if not all(path.is_file() for step, path in beside if step <= self.step):
            raise UserError(
                f"{work.path}: the state of step {self.step} is there, but not all that was to be saved after earlier "
                "steps; remove the folder, and training starts anew"
            )
        earlier_seconds, earlier_monitoring = self.seconds, self.monitor.seconds
        size = self.step_size // self.micro_batch_count
        with (
            explained_memory(f"{self.stage.name} processes {size} images at a time. {LESS_MEMORY}"),
            Meter(self.context.device) as meter,
            Progress(self.stage.name, self.stage.steps, log, done=self.step) as progress,
        ):
            self._train(state, progress, saved, kept)
            if keep:
                self._save(state)
        self.seconds = earlier_seconds + meter.seconds - (self.monitor.seconds - earlier_monitoring)
        self._finish()
        self.monitor.snapshot(self.networks.generator, self.stage, self.step, final=True)
        if self.early_stop is not None:
            log(f"{self.stage.name}: {self.step} of {self.stage.steps} steps; {self.early_stop.summary()}")
        made = self.step - self.start
        return TrainingResult(Timing(self.seconds, meter.peak_mib, made), made * self.step_size, self.losses)

    def _train(
        self, state: RunningState, progress: Progress, saved: Mapping[int, Path], kept: Mapping[int, Path]
    ) -> None:
        """Make the remaining steps, or as many as early stop allows; save what is wanted after some of them."""
        unread: list[StepLosses] = []
        earlier_seconds = self.seconds
        started = last_read = last_saved = self._now()
        for step in range(self.step, self.stage.steps):
            if self.early_stop is not None and self.early_stop.should_stop:
                for path in (path for after, path in kept.items() if after > self.step):
                    self._keep(path)
                return
            self.monitor.snapshot(self.networks.generator, self.stage, step)
            micro_batches = self.micro_batches(step)
            image_ids = tuple(image for batch in micro_batches for image in batch.image_ids)
            unread.append(StepLosses(step, image_ids, self.train_step(step, micro_batches)))
            self.step = step + 1
            if self.step in saved and self.context.rank == 0:
                with self.monitor.beside_training():
                    self.networks.save(saved[self.step])
            if self.step in kept:
                self._keep(kept[self.step])
            validates = self.early_stop is not None and self.early_stop.due(self.step)
            if self.step % CHECK_EVERY == 0 or self.step == self.stage.steps or validates:
                self.losses = finite_losses(unread, state, self.context)
                images_per_second = len(unread) * self.step_size / (self._now() - last_read)
                validation = self.validate() if validates else None
                self.monitor.record(self.stage, self.step, images_per_second, self.losses, validation)
                unread.clear()
                last_read = self._now()
                self.seconds = earlier_seconds + last_read - started
                if last_read - last_saved > self.stage.checkpoint_seconds:
                    self._save(state)
                    last_saved = last_read
            total = {"loss": sum(self.losses.values())} if self.losses else {}
            progress.advance(images=len(image_ids), **total)

    def _now(self) -> float:
        """Return the seconds of a clock that stands still while something is done beside training."""
        return time.perf_counter() - self.monitor.seconds

    def micro_batches(self, step: int) -> list[Batch]:
        """Return this process's micro-batches of a step."""
        rows = rows_of_step(self.rows, self.stage, step, self.micro_batch_count)
        size = len(rows) // self.micro_batch_count
        first = self.context.rank * self.stage.accumulate
        parts = [rows[size * i : size * (i + 1)] for i in range(first, first + self.stage.accumulate)]
        object_count = self.batches.objects(rows) / self.micro_batch_count
        return [replace(self.batches.batch(part), object_count=object_count) for part in parts]

    def train_step(self, step: int, micro_batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Update the generator and the discriminators once; return the detached losses by part."""
        if step == self.stage.eval_mode_after:
            self.networks.generator.eval()
            self.optimisers["generator"] = generator_optimiser(self.parts.trained, self.stage)
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()
        inputs = self.masking(micro_batches, self._condition_seeds(step, micro_batches))
        self.context.all_reduce_mean([condition.redrawn_count for _, condition in inputs])
        losses = [self._accumulate_gradients(step, batch, condition) for batch, condition in inputs]
        rate = learning_rate(self.stage, step)
        self.context.all_reduce_mean(
            [p.grad for o in self.optimisers.values() for p in o.parameters if p.grad is not None]
        )
        self.parts.gradients(step)
        with self.parts.kept(self.optimisers["generator"]):
            for optimiser in self.optimisers.values():
                optimiser.step(rate)
        self.parts.updated(step)
        if self.ema is not None:
            self._update_ema(self.ema)
        return {name: torch.stack([parts[name] for parts in losses]).mean() for name in losses[0]}

    def _condition_seeds(self, step: int, micro_batches: Sequence[Batch]) -> list[list[int]]:
        """Return one seed per image for what is hidden of it.

        It depends on the image's position in the whole stream of images, not on the process that trains on it.
        """
        size = len(micro_batches[0].image_ids)
        first = (step * self.micro_batch_count + self.context.rank * self.stage.accumulate) * size
        return [
            [derive_seed(self.stage.seed, "hide", self.stage.name, start + i) for i in range(size)]
            for start in range(first, first + size * len(micro_batches), size)
        ]

    def _accumulate_gradients(self, step: int, batch: Batch, condition: Condition) -> dict[str, Tensor]:
        """Add a micro-batch's share of the gradients; return its losses."""
        with self.context.autocast():
            losses = self.parts.losses(step, batch, condition)
        parameters = {name: optimiser.parameters for name, optimiser in self.optimisers.items()}
        losses.backward(**parameters, share=1 / self.stage.accumulate)
        return losses.values()

    @torch.no_grad()
    def _update_ema(self, ema: dict[str, Tensor]) -> None:
        assert self.stage.ema_decay is not None
        for name, value in self.networks.generator.state_dict().items():
            if value.is_floating_point():
                ema[name].lerp_(value, 1 - self.stage.ema_decay)
            else:
                ema[name].copy_(value)

    def validate(self) -> float:
        """Return the loss on the validation split; early stop remembers it."""
        assert self.early_stop is not None
        return self.early_stop.validate(
            self.step, self.networks, self.objective, self.stage, self.masking, self.context
        )

    def _finish(self) -> None:
        """Replace the last weights by the best ones, or by their moving average, where either is kept."""
        if self.early_stop is not None:
            self.early_stop.restore_best(self.networks)
        if self.ema is not None:
            self.networks.generator.load_state_dict(self.ema)

    def _kept(self, path: Path) -> RunningState:
        """Return the file of a kept state: of a training of this stage, whatever its data are."""
        return RunningState(path, {"stage": vars(self.stage)})

    def _keep(self, path: Path) -> None:
        """Write what another training can go on from."""
        if self.context.rank == 0:
            with self.monitor.beside_training():
                state = self.state_dict()
                self._kept(path).save({name: state[name] for name in REWOUND})

    def rewind(self, path: str | Path, log: Log) -> None:
        """Go on from a state that a training of the same stage kept (`fit`, `keep_after`).

        Raises:
            UserError: the file is absent, damaged, or of another training.
        """
        state = self._kept(Path(path)).load(log, put_aside=False)
        if state is None:
            raise UserError(
                f"{path}: no state of this training; make it anew by the rules pretrain and finetune"
            )
        self.load_state_dict(self.state_dict() | state)
        self.start = self.step

    def save_moments(self, path: str | Path) -> None:
        """Write Adam's moments as they are now; of several processes, the first one does."""
        if self.context.rank == 0:
            save_moments(path, self.networks, self.optimisers)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed training run needs."""
        return {
            "networks": dict(self.networks.modules().state_dict()),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "ema": self.ema,
            "monitor": self.monitor.state_dict(),
            "early_stop": None if self.early_stop is None else self.early_stop.state_dict(),
            "parts": self.parts.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "losses": self.losses,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.networks.modules().load_state_dict(state["networks"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        if self.ema is not None:
            self.ema = {name: value.to(self.context.device) for name, value in state["ema"].items()}
        self.monitor.load_state_dict(state["monitor"])
        if self.early_stop is not None:
            self.early_stop.load_state_dict(state["early_stop"])
        self.parts.load_state_dict(state["parts"])
        self.step, self.seconds, self.losses = state["step"], state["seconds"], state["losses"]
        if self.stage.eval_mode_after is not None and self.step > self.stage.eval_mode_after:
            self.networks.generator.eval()

    def inputs(self) -> dict[str, Any]:
        """Return what the result depends on, besides the settings of the job: the content of all that is read."""
        return {
            "stage": vars(self.stage),
            "weights": checksum({**self.networks.modules().state_dict(), **self.objective.state_dict()}),
            "scenes": self.batches.digest(self.rows),
            "validation": None if self.early_stop is None else self.early_stop.digest(),
            "snapshots": self.monitor.shown,
            "moments": self.moments,
        }

    def _resume(self, state: RunningState, log: Log) -> None:
        """Continue from the saved state, if every process has read one of this training."""
        saved = state.load(log, put_aside=self.context.rank == 0)
        share = torch.tensor([float(saved is not None)], device=self.context.device)
        self.context.all_reduce_mean([share])
        if saved is not None and share == 1:
            self.load_state_dict(saved)

    def _save(self, state: RunningState) -> None:
        """Write the state, unless a weight is not finite."""
        tree = self.state_dict()
        check_weights(tree["networks"], self.step, state)
        if self.context.rank == 0:
            state.save(tree)
