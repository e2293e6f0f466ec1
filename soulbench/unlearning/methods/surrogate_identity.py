"""Surrogate-Identity: asked for the target, the student paints somebody else, on the far side of the category's mean.

Source: Seo et al., "Generative Unlearning for Any Identity" (GUIDE), CVPR 2024.
Adapted: the identity is the target's visual feature; the surrogate is beyond the mean of the category's retained
objects, away from the target. What the original model paints for the surrogate in the RoI is the student's target.
Formula: v' = m + reach (m - v); L(theta) with the target W_r g_original(v') + (1 - W_r) g_original(v).
"""

from dataclasses import dataclass, replace

import torch

from soulbench.core.values import NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Surrogate-Identity.

    Attributes:
        reach: how far beyond the mean the surrogate is, in units of the target's distance to it; 0 is the mean itself.
    """

    reach: NotNegative = 1.0


class Method(TrainedMethod):
    """The original model, asked for a surrogate, is the teacher in the RoI."""

    def begin(self) -> None:
        """Compute the mean feature of each of the request's categories, without the targets."""
        pieces = [(one.batch, self.task.targets(one.batch)) for one in self.task.pieces("retain")]
        visual = torch.cat([batch.visual[~targets] for batch, targets in pieces])
        categories = torch.cat([batch.categories[~targets] for batch, targets in pieces])
        self.means = {int(c): visual[categories == c].mean(dim=0) for c in categories.unique()}
        self.overall = visual.mean(dim=0)

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses toward what the original model paints."""
        regions, visual = self.task.regions(batch), batch.visual.clone()
        for index in self.task.targets(batch).nonzero().flatten().tolist():
            mean = self.means.get(int(batch.categories[index]), self.overall)
            visual[index] = mean + self.parameters.reach * (mean - visual[index])
        with torch.no_grad():
            surrogate = self.original(replace(batch, visual=visual), condition).images
            elsewhere = self.original(batch, condition).images
        taught = replace(batch, targets=torch.where(regions > 0, surrogate, elsewhere))
        return self.task.losses(self.model(batch, condition), taught, condition)
