"""EWC-Mask: Obj-MK-PA with an elastic penalty on the weights that the retained data need.

Source: Heng and Soh, "Selective Amnesia", NeurIPS 2023; elastic weight consolidation, Kirkpatrick et al., PNAS 2017.
Adapted: the Fisher information is that of the loss with the weights 1 - W_r, in units of its mean over all weights.
Formula: L(theta) on the masked scene + strength / 2 sum_i F_i (theta_i - theta_i of the original)^2.
"""

from dataclasses import dataclass

import torch

from soulbench.core.values import NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.fisher import diagonal
from soulbench.unlearning.plan import Plan, Request, Subset
from soulbench.unlearning.task import Losses, TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of EWC-Mask.

    Attributes:
        strength: of the penalty.
    """

    strength: NotNegative = 1.0


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Set the targets' RoIs to the mean colour in the loss, as Obj-MK-PA does."""
    return Plan(edits=subset.edit_targets(request, fill="zero"))


class Method(TrainedMethod):
    """Fine-tuning on a spring."""

    def begin(self) -> None:
        """Compute how much the retained images depend on each weight."""
        fisher = diagonal(self.task, "retain")
        mean = torch.cat([value.flatten() for value in fisher.values()]).mean()
        self.stiffness = {name: value / mean.clamp(min=1e-30) for name, value in fisher.items()}
        self.start = dict(self.original.named_parameters())

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses and the penalty."""
        parts = [
            (self.stiffness[name] * (value - self.start[name]).square()).sum()
            for name, value in self.model.named_parameters()
            if name in self.stiffness
        ]
        usual = super().losses(step, batch, condition)
        return usual.plus(elastic=self.parameters.strength / 2 * torch.stack(parts).sum())
