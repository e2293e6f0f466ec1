"""SCRUB: the student moves away from its teacher on the target, and stays with it elsewhere.

Source: Kurmanji et al., "Towards Unbounded Machine Unlearning", NeurIPS 2023.
Adapted: a mean absolute difference of images takes the place of the divergence of classes. Steps away are made in the
first part of the training, in turn with steps back. Where the paper rewinds to the step at which the target is as
unknown as unseen examples, the way ends there: differences beyond tau, the error on held-out objects, do not count.
Formula: even steps -min(D(student, teacher; W_r), tau), odd steps D(student, teacher; 1 - W_r) + L(1 - W_r).
"""

from dataclasses import dataclass
from typing import Annotated

import torch

from soulbench.core.values import Bounds, NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod, mean_difference

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of SCRUB.

    Attributes:
        away: share of the training in which every other step moves away.
        strength: weight of the difference that grows, beside the losses that keep the rest.
        task_loss: weight of the configured losses outside of the target's RoI.
    """

    away: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.8
    strength: NotNegative = 1.0
    task_loss: NotNegative = 1.0


class Method(TrainedMethod):
    """The generator is the student, the original model is the teacher."""

    def begin(self) -> None:
        """Measure where an unseen object stands."""
        self.tau = self.task.unseen_error()

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return both differences; the first counts in steps away alone, the second in the others."""
        output, regions = self.model(batch, condition), self.task.regions(batch)
        with torch.no_grad():
            teacher = self.original(batch, condition).images
        away = step % 2 == 0 and step < self.parameters.away * self.task.steps and bool(regions.any())
        on_target = mean_difference(output.images, teacher, regions).clamp(max=self.tau)
        elsewhere = mean_difference(output.images, teacher, 1 - regions)
        kept = self.task.losses(output, batch, condition, 1 - regions)
        back = 0.0 if away else 1.0
        return kept.scaled(back * self.parameters.task_loss).plus(
            away=-(1 - back) * self.parameters.strength * on_target, back=back * elsewhere
        )
