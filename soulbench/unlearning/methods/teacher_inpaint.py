"""Teacher-Inpaint: in the target's RoI the student learns what the original model paints there without the node.

Source: Chundawat et al., "Can Bad Teaching Induce Forgetting?", AAAI 2023; Kong and Chaudhuri, arXiv 2305.11351.
Adapted: the incompetent teacher is the original model itself, asked for the scene graph without the target and with
the RoI hidden; the competent one is the original model as it is. So nobody is left in the RoI, and no patch either.
Formula: L(theta) with the target W_r g_original(graph without the node) + (1 - W_r) g_original(graph).
"""

from dataclasses import dataclass, replace

import torch

from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Teacher-Inpaint.

    Attributes:
        truth: whether the rest of the image is learned from the photograph, instead of from the original model.
    """

    truth: bool = False


class Method(TrainedMethod):
    """Two questions to the original model are the student's target."""

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses toward what the original model paints."""
        regions = self.task.regions(batch)
        with torch.no_grad():
            inpainted = self.task.absent(batch, condition)
            elsewhere = batch.targets if self.parameters.truth else self.original(batch, condition).images
        taught = replace(batch, targets=torch.where(regions > 0, inpainted, elsewhere))
        return self.task.losses(self.model(batch, condition), taught, condition)
