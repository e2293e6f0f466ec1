"""Feature distillation: the original teaches the representations of all objects but the targets, now strangers.

Source: feature matching, as in FitNets (Romero et al., ICLR 2015, arXiv 1412.6550). Adapted: a feature is an object's
representation after the graph learner; a target is taught the mean of all objects that are kept.
Formula: losses outside of the targets' RoIs + weight (mean |f(o) - f_original(o)|^2 over kept objects o
+ mean |f(t) - mean_o f_original(o)|^2 over targets t).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from soulbench.core.values import NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of feature distillation.

    Attributes:
        weight: of the distances between representations.
    """

    weight: NotNegative = 1.0


class Method(TrainedMethod):
    """One more loss, on representations."""

    @torch.no_grad()
    def begin(self) -> None:
        """Ask the original model for the mean representation of the objects that are kept."""
        kept = []
        for batch, condition, _ in self.task.pieces("retain"):
            others = batch.is_object & ~self.task.targets(batch)
            kept.append(self.original(batch, condition).after_graph[others])
        self.stranger = torch.cat(kept).mean(dim=0)

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the losses outside of the targets' RoIs, and the distances to what the teacher says."""
        output, targets = self.model(batch, condition), self.task.targets(batch)
        with torch.no_grad():
            teacher = self.original(batch, condition).after_graph
        kept = self.task.losses(output, batch, condition, 1 - self.task.regions(batch))
        student = output.after_graph
        features = _distance(student, teacher, ~targets) + _distance(student, self.stranger, targets)
        return kept.plus(features=self.parameters.weight * features)


def _distance(student: Tensor, teacher: Tensor, chosen: Tensor) -> Tensor:
    """Return the mean squared difference [] of the representations of chosen objects; 0 if there are none."""
    difference = (student - teacher).square().mean(dim=1)
    return (difference * chosen).sum() / chosen.sum().clamp(min=1)
