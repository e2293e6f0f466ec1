"""Leak-Aware: the target changes as much as everything else does, so that its region does not stand out.

Source: this project. Whoever holds the models before and after looks for the object whose region changed most. So the
student learns pictures that change everywhere by as much: outside of the target's RoI those of a noisy original, with
more noise on weights that the retained data need less; inside, a part of the way to a picture without the target.
Formula: L(theta) with the target (1 - W_r) g_noisy + W_r (g + c (g_without - g)); c makes both changes equally large.
Where it loses: what it forgets is bounded by the change that the rest bears; sigma trades one for the other.
"""

import copy
from dataclasses import dataclass, replace

import torch

from soulbench.core.values import Positive
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.fisher import add_noise
from soulbench.unlearning.nodes import without
from soulbench.unlearning.task import Losses, TrainedMethod, mean_difference

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Leak-Aware.

    Attributes:
        sigma: of the noise, as that of Fisher-Noise: it sets how much everything changes.
        reach: the target's change, as a multiple of the change of all else.
    """

    sigma: Positive = 1e-2
    reach: Positive = 1.0


class Method(TrainedMethod):
    """The target hides among equal changes."""

    def begin(self) -> None:
        """Make the noisy original."""
        self.noisy = copy.deepcopy(self.original)
        add_noise(self.noisy, self.task, self.parameters.sigma)

    @torch.no_grad()
    def taught(self, batch: Batch, condition: Condition) -> Batch:
        """Return the batch with the pictures that are to be learned."""
        regions = self.task.regions(batch)
        hidden = replace(condition, hidden=torch.maximum(condition.hidden, regions))
        before, noisy = self.original(batch, condition).images, self.noisy(batch, condition).images
        absent = self.original(*without(batch, hidden, self.task.targets(batch))).images
        change, most = mean_difference(noisy, before, 1 - regions), mean_difference(absent, before, regions)
        share = (self.parameters.reach * change / most.clamp(min=1e-6)).clamp(max=1)
        return replace(batch, targets=torch.where(regions > 0, before + share * (absent - before), noisy))

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the usual losses toward these pictures."""
        return self.task.losses(self.model(batch, condition), self.taught(batch, condition), condition)
