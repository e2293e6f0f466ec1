"""Settings of a training stage, its learning rates and its order of images: pure functions of the settings."""

import functools
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.seeds import generator


@dataclass(frozen=True)
class Stage:
    """Settings of one training stage.

    Attributes:
        name: as progress, curves and messages show it.
        steps: number of updates.
        batch: images per step, over all processes; never more than there are.
        learning_rate: of Adam, at the first step.
        schedule: "constant", or "cosine" or "linear" down to zero.
        eval_mode_after: step before which the generator goes to eval mode and gets a new optimiser, for good; None for
            never.
        warmup: steps in which the learning rate rises linearly to where the schedule is by then.
        seed: of the order of the images and of what is hidden.
        frozen_statistics: True keeps BatchNorm's running statistics and the spectral norm's vectors as they are.
        masking: `soulbench.training.masking.masking_of` the configuration.
        checkpoint_seconds: seconds between two saves of the running state.
        accumulate: micro-batches per step and process, for gradient accumulation; BatchNorm sees one at a time.
        ema_decay: decay of the generator's moving average, which replaces the weights at the end; None for none.
        optimiser: of the generator, "adam" or "muon".
        matrix_rate: Muon's learning rate of matrices, as a multiple of `learning_rate`.
    """

    name: str
    steps: int
    batch: int
    learning_rate: float
    schedule: Literal["constant", "cosine", "linear"]
    seed: int
    frozen_statistics: bool
    masking: Mapping[str, Any]
    checkpoint_seconds: float
    eval_mode_after: int | None = None
    warmup: int = 0
    accumulate: int = 1
    ema_decay: float | None = None
    optimiser: Literal["adam", "muon"] = "adam"
    matrix_rate: float = 30.0


def learning_rate(stage: Stage, step: int) -> float:
    """Return the learning rate of a step, counted from 0."""
    done = step / stage.steps
    left = {"constant": 1.0, "cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done}[
        stage.schedule
    ]
    warm = (step + 1) / stage.warmup if step < stage.warmup else 1.0
    return stage.learning_rate * min(left, warm)


def step_size(stage: Stage, count: int, micro_batches: int) -> int:
    """Return the images per step: the configured batch, or all there are, in micro-batches of equal size.

    Args:
        stage: gives the batch.
        count: number of images that take part.
        micro_batches: per step, over all processes.

    Raises:
        UserError: there are fewer images than micro-batches.
    """
    size = min(stage.batch, count) // micro_batches * micro_batches
    if size:
        return size
    if not count:
        raise UserError(
            f"{stage.name}: no image is left to train on; human.size must leave some beside the request's"
        )
    raise UserError(
        f"{stage.name}: {min(stage.batch, count)} images cannot be split into {micro_batches} micro-batches; "
        "allowed: fewer training.processes or a smaller training.accumulate"
    )


def rows_of_step(rows: Sequence[int], stage: Stage, step: int, micro_batches: int = 1) -> list[int]:
    """Return the rows of a step; the epochs are shuffled and follow one another without a gap.

    A pure function of the seed and the step.

    Args:
        rows: rows of the packed set whose images take part.
        stage: gives the seed and the batch size, over all processes.
        step: counted from 0.
        micro_batches: per step, of equal size; images left over go to the next step.
    """
    size = step_size(stage, len(rows), micro_batches)
    positions = range(step * size, (step + 1) * size)
    return [rows[_order(stage.seed, stage.name, len(rows), p // len(rows))[p % len(rows)]] for p in positions]


def kept_steps(steps: int) -> list[int]:
    """Return after which of its steps a stage keeps its state for methods that replay it: 1, 2, 4, ... before its end.

    An image is first seen at some step of the first epoch; less than half of the steps before it are replayed, and the
    states of a long training are few.
    """
    return [2**power for power in range(steps.bit_length()) if 2**power < steps]


def first_step(
    rows: Sequence[int], changed: Collection[int], stage: Stage, micro_batches: int = 1
) -> int | None:
    """Return the first step, counted from 0, that sees one of the changed rows; None if the stage sees none.

    The arguments are those of `rows_of_step`; `changed` are rows of the packed set.
    """
    steps = range(stage.steps if changed else 0)
    seen = (
        step for step in steps if not {*changed}.isdisjoint(rows_of_step(rows, stage, step, micro_batches))
    )
    return next(seen, None)


@functools.lru_cache(maxsize=4)
def _order(seed: int, name: str, count: int, epoch: int) -> np.ndarray:
    return generator(seed, "order", name, epoch).permutation(count)
