"""Oracle-Match: fine-tuned toward models that never saw the target: what the budget allows at best; not allowed.

It is no method, because it is given what unlearning is to do without: half of the bank's out models of the request. The
other half judges it, as it judges all others; the band of errors is that of all out models.
Formula: L(theta) with the target W_r mean of g_retrained + (1 - W_r) g_original.
"""

from dataclasses import dataclass, replace
from typing import Literal

import torch

from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "reference", "finetune", True
SEES_RETRAINED = True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Oracle-Match.

    Attributes:
        elsewhere: whose image is learned outside of the targets' RoIs, that of the "original" model, which keeps the
            rest, or of the "retrained" ones.
    """

    elsewhere: Literal["original", "retrained"] = "original"


class Method(TrainedMethod):
    """Retrained models are the teachers."""

    @torch.no_grad()
    def taught(self, batch: Batch, condition: Condition) -> Batch:
        """Return the batch with the images that are to be learned."""
        images = torch.stack([model(batch, condition).images for model in self.task.retrained]).mean(dim=0)
        if self.parameters.elsewhere == "original":
            before = self.original(batch, condition).images
            images = torch.where(self.task.regions(batch) > 0, images, before)
        return replace(batch, targets=images)

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses toward these images."""
        output = self.model(batch, condition)
        return self.task.losses(output, self.taught(batch, condition), condition)
