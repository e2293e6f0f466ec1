"""Training stops at the first loss or weight that is not finite, and says where."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from soulbench.core.device import ExecutionContext
from soulbench.core.errors import UserError
from soulbench.core.running_state import RunningState


@dataclass(frozen=True)
class StepLosses:
    """Losses of one step that have not been read from the device yet."""

    step: int
    image_ids: tuple[int, ...]
    losses: Mapping[str, Tensor]


def finite_losses(
    unread: Sequence[StepLosses], state: RunningState, context: ExecutionContext
) -> dict[str, float]:
    """Return the last losses, means over the processes; raise a UserError at the first that is not finite."""
    values = torch.stack([torch.stack(list(step.losses.values())) for step in unread])
    context.all_reduce_mean([values])
    losses: dict[str, float] = {}
    for step, row in zip(unread, values.tolist(), strict=True):
        losses = dict(zip(step.losses, row, strict=True))
        for name, value in losses.items():
            if not math.isfinite(value):
                images = ", ".join(map(str, step.image_ids))
                what = f"the loss part `{name}` is {value}, on the images {images}"
                raise _stopped(step.step + 1, what, state)
    return losses


def check_weights(weights: Mapping[str, Tensor], step: int, state: RunningState) -> None:
    """Raise a UserError if a weight is not finite: then the last good state is worth more than these weights."""
    for name, value in weights.items():
        if not value.isfinite().all():
            raise _stopped(step, f"{name} is not finite any more", state)


def _stopped(step: int, what: str, state: RunningState) -> UserError:
    kept = f"; the state before is kept in {state.path}" if state.path.exists() else ""
    return UserError(f"training stopped at step {step}: {what}{kept}. A lower learning rate may help.")
