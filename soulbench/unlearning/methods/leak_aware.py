"""Leak-Aware: the target is forgotten as far as the median of all other objects changes, so that it does not stand out.

Source: This project. The attack ranks objects by how much their regions change; at chance, half of the others do more.
So these learn a noisy original, with more noise on weights that the retained data need less. The RoI learns the image
without the target while its change D_r is below the median and its error below tau, that of held-out objects.
Formula: L(theta) with the target (1 - W_r) g_noisy + W_r (g_without if D_r < reach median D and error < tau else g).
Where it loses: the others change as much as the target; sigma trades forgetting for their harm.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from soulbench.core.values import Positive
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.fisher import noisy
from soulbench.unlearning.task import Losses, TrainedMethod, mean_by_image, mean_by_object

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Leak-Aware.

    Attributes:
        sigma: of the noise, as that of Fisher-Noise: it sets how much everything changes.
        reach: the target's change at most, as a multiple of the others' median.
    """

    sigma: Positive = 1e-2
    reach: Positive = 1.0


class Method(TrainedMethod):
    """The target hides among equal changes."""

    def begin(self) -> None:
        """Make the noisy original; measure where an unseen object stands."""
        self.noisy, self.tau = noisy(self.task, self.parameters.sigma), self.task.unseen_error()

    @torch.no_grad()
    def taught(self, images: Tensor, batch: Batch, condition: Condition) -> Tensor:
        """Return what is to be learned, given the student's images."""
        regions, others = self.task.regions(batch), batch.is_object & ~self.task.targets(batch)
        before, noisy = (model(batch, condition).images for model in (self.original, self.noisy))
        median = mean_by_object(images - before, batch)[others].quantile(0.5)
        forgets = mean_by_image(images - before, regions) < self.parameters.reach * median
        forgets &= mean_by_image(images - batch.targets, regions) < self.tau
        absent = self.task.absent(batch, condition) if forgets.any() else before
        return torch.where(regions > 0, torch.where(forgets[:, None, None, None], absent, before), noisy)

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses toward these images."""
        output = self.model(batch, condition)
        taught = replace(batch, targets=self.taught(output.images, batch, condition))
        return self.task.losses(output, taught, condition)
