"""How long a training is, how fast it learns, and which images it sees when: pure functions of its settings."""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from soulbench.core.errors import UserError
from soulbench.core.seeds import generator


@dataclass(frozen=True)
class Stage:
    """One training: how long, how fast, from which seed.

    Attributes:
        name: in the reader's words, for the progress.
        steps, batch, learning_rate: as they say; a batch is of all processes together, and never larger than the data.
        schedule: "constant", or "cosine" down to zero.
        seed: of the order of the images and of what is hidden.
        frozen_statistics: True keeps BatchNorm's running statistics and spectral norm's vectors as they are.
        masking: `training.masking` of the configuration.
        checkpoint_seconds: how often the running state is saved.
        accumulate: pieces that a process makes its share of a batch in; BatchNorm sees one at a time.
        ema_decay: decay of the generator's moving average, which takes the weights' place at the end; None for none.
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
    accumulate: int = 1
    ema_decay: float | None = None


def learning_rate(stage: Stage, step: int) -> float:
    """The learning rate of a step."""
    shrunk = 0.5 * (1 + math.cos(math.pi * step / stage.steps)) if stage.schedule == "cosine" else 1.0
    return stage.learning_rate * shrunk


def step_size(stage: Stage, count: int, pieces: int) -> int:
    """Images of a step: the batch, or all there are, in equal pieces.

    Raises:
        UserError: there are fewer images than pieces.
    """
    size = min(stage.batch, count) // pieces * pieces
    if size:
        return size
    if not count:
        raise UserError(
            f"{stage.name}: no image is left to train on; human.size must leave some beside the request's"
        )
    raise UserError(
        f"{stage.name}: {min(stage.batch, count)} images cannot be shared out to {pieces} pieces; "
        "allowed: fewer training.processes or a smaller training.accumulate"
    )


def rows_of_step(rows: Sequence[int], stage: Stage, step: int, pieces: int = 1) -> list[int]:
    """The rows of a step: shuffled epochs one after the other, a pure function of the seed and the step.

    Args:
        rows: the images that take part.
        stage: gives the seed and the batch, of all processes together.
        step: counted from 0.
        pieces: equal ones that the batch is made in; what is left over is taken by the next step.
    """
    size = step_size(stage, len(rows), pieces)
    positions = range(step * size, (step + 1) * size)
    return [rows[_order(stage.seed, stage.name, len(rows), p // len(rows))[p % len(rows)]] for p in positions]


@functools.lru_cache(maxsize=4)
def _order(seed: int, name: str, count: int, epoch: int) -> np.ndarray:
    return generator(seed, "order", name, epoch).permutation(count)
