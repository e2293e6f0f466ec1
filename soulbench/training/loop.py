"""The one training loop: pre-training, fine-tuning, retraining and every unlearning method that trains."""

import functools
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from soulbench.checkpoint import load_state, save_state
from soulbench.device import Meter, moved
from soulbench.errors import UserError
from soulbench.joblog import Log, Progress
from soulbench.records import canonical_json
from soulbench.scenes.batches import Batch, SceneBatches
from soulbench.seeds import derive_seed, generator
from soulbench.training.adam import Adam
from soulbench.training.losses import Objective
from soulbench.training.masking import training_condition
from soulbench.training.networks import Networks

CHECK_EVERY = 10  # steps between looks at the losses; a look waits for the device


@dataclass(frozen=True)
class Stage:
    """One training: how long, how fast, from which seed.

    Attributes:
        name: in the reader's words, for the progress.
        steps, batch, learning_rate: as they say; a batch is never larger than the data.
        schedule: "constant", or "cosine" down to zero.
        seed: of the order of the images and of what is hidden.
        frozen_statistics: True keeps BatchNorm's running statistics and spectral norm's vectors as they are.
        masking: `training.masking` of the configuration.
        checkpoint_seconds: how often the running state is saved.
    """

    name: str
    steps: int
    batch: int
    learning_rate: float
    schedule: str
    seed: int
    frozen_statistics: bool
    masking: Mapping[str, float]
    checkpoint_seconds: float


def fit(
    networks: Networks,
    objective: Objective,
    batches: SceneBatches,
    rows: Sequence[int],
    stage: Stage,
    device: torch.device,
    work: Path,
    log: Log,
) -> dict[str, Any]:
    """Train the networks in place; takes up an interrupted run of the same stage where its state was saved.

    Args:
        networks: start values; hold the result afterwards.
        objective: the losses.
        batches: makes batches of (edited) scenes; rows: the images that take part.
        stage: how to train.
        device: where to.
        work: folder of the running state; survives a killed job.
        log: takes a line.

    Returns:
        steps, images, seconds (spent in steps, over all attempts), peak_mib, last losses by part.

    Raises:
        UserError: a loss is not finite; names the step, the part and the images.
    """
    if not rows:
        raise UserError(
            f"{stage.name}: no image is left to train on; human.size must leave some beside the request's"
        )
    run = _Run(networks, objective, stage, device)
    state_file = work / f"{stage.name.replace(' ', '-')}.safetensors"
    first = run.resume(state_file)
    with Meter(device) as meter, Progress(stage.name, stage.steps, log, done=first) as progress:
        losses = _steps(run, batches, rows, range(first, stage.steps), state_file, progress)
    images = stage.steps * min(stage.batch, len(rows))
    timing = meter.timing(stage.steps)
    return {"images": images, "losses": losses, **timing, "seconds": run.spent + meter.seconds}


def _steps(
    run: "_Run",
    batches: SceneBatches,
    rows: Sequence[int],
    steps: range,
    state_file: Path,
    progress: Progress,
) -> dict[str, float]:
    seen: list[tuple[int, Batch, dict[str, Tensor]]] = []
    losses: dict[str, float] = {}
    saved = started = time.perf_counter()
    for step in steps:
        batch = batches.batch(rows_of_step(rows, run.stage, step))
        seen.append((step, batch, run.step(step, batch)))
        if (step + 1) % CHECK_EVERY == 0 or step + 1 == steps.stop:
            losses = _finite(seen, state_file)
            seen.clear()
            now = time.perf_counter()
            if now - saved > run.stage.checkpoint_seconds:
                run.save(state_file, step + 1, run.spent + now - started)
                saved = now
        progress.advance(images=len(batch.image_ids), **({"loss": sum(losses.values())} if losses else {}))
    return losses


class _Run:
    """Networks, optimisers and the step they are at."""

    def __init__(self, networks: Networks, objective: Objective, stage: Stage, device: torch.device):
        self.networks, self.objective, self.stage, self.device = networks, objective, stage, device
        self.spent = 0.0
        networks.modules().to(device).train()
        objective.to(device)
        if stage.frozen_statistics:
            networks.modules().eval()
        self.optimisers = {"generator": Adam(networks.generator.parameters())}
        if networks.discriminators is not None:
            self.optimisers["discriminators"] = Adam(networks.discriminators.parameters())

    def step(self, step: int, batch: Batch) -> dict[str, Tensor]:
        """One update of the generator, then one of the discriminators; returns the detached losses by part."""
        stage = self.stage
        condition = training_condition(
            batch, stage.masking, derive_seed(stage.seed, "hide", stage.name, step)
        )
        batch, condition = moved(batch, self.device), moved(condition, self.device)
        drawing = self.networks.generator(batch, condition)
        parts = self.objective.generator_parts(drawing, batch, condition)
        self._update("generator", torch.stack(list(parts.values())).sum(), step)
        if self.networks.discriminators is not None:
            parts["discriminators"] = self.objective.discriminator_loss(drawing.images, batch)
            self._update("discriminators", parts["discriminators"], step)
        return {name: value.detach() for name, value in parts.items()}

    def _update(self, name: str, loss: Tensor, step: int) -> None:
        # The generator's pass leaves gradients in the discriminators: each update clears its own before.
        self.optimisers[name].zero_grad()
        loss.backward()
        self.optimisers[name].step(self.stage.learning_rate * _factor(self.stage, step))

    def _key(self) -> str:
        return canonical_json({"stage": vars(self.stage), "signature": self.networks.signature})

    def save(self, path: Path, step: int, seconds: float) -> None:
        optimisers = {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()}
        state = {"networks": dict(self.networks.modules().state_dict()), "optimisers": optimisers}
        save_state(path, {**state, "step": step, "seconds": seconds}, self._key())

    def resume(self, path: Path) -> int:
        state = load_state(path, self._key())
        if state is None:
            return 0
        self.networks.modules().load_state_dict(state["networks"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])
        self.spent = state["seconds"]
        return state["step"]


def _factor(stage: Stage, step: int) -> float:
    return 0.5 * (1 + math.cos(math.pi * step / stage.steps)) if stage.schedule == "cosine" else 1.0


def _finite(seen: list[tuple[int, Batch, dict[str, Tensor]]], state_file: Path) -> dict[str, float]:
    """The last losses as numbers; stops at the first that is not finite."""
    for step, batch, parts in seen:
        losses = dict(zip(parts, torch.stack(list(parts.values())).tolist(), strict=True))
        for name, value in losses.items():
            if not math.isfinite(value):
                kept = f"; the state before is kept in {state_file}" if state_file.exists() else ""
                raise UserError(
                    f"training stopped at step {step + 1}: the loss part `{name}` is {value}, on the images "
                    f"{', '.join(map(str, batch.image_ids))}{kept}. A lower learning rate may help."
                )
    return losses


def rows_of_step(
    rows: Sequence[int], stage: Stage, step: int, rank: int = 0, processes: int = 1
) -> list[int]:
    """The rows of a step: shuffled epochs one after the other, a pure function of the seed and the step.

    Args:
        rows: the images that take part.
        stage: gives the seed, and the size of one process's batch.
        step: counted from 0.
        rank, processes: which of how many; together they take every row once an epoch, none of them another's.
    """
    assert 0 <= rank < processes <= len(rows), (rank, processes, len(rows))
    batch = min(stage.batch, len(rows) // processes)
    first = (step * processes + rank) * batch
    positions = range(first, first + batch)
    return [rows[_order(stage.seed, stage.name, len(rows), p // len(rows))[p % len(rows)]] for p in positions]


@functools.lru_cache(maxsize=4)
def _order(seed: int, name: str, count: int, epoch: int) -> np.ndarray:
    return generator(seed, "order", name, epoch).permutation(count)
