"""Leak-Aware: forget no more than to where unseen objects stand, and change the target no more than decoys change.

Source: this project. Whoever holds the models before and after looks for the object whose region changed most. So the
region of the target may change only as much as those of decoys, which are objects that go on learning their own
photographs with more weight: they change toward the truth, and nobody is harmed by it.
Formula: L(1 - W_r) + decoys E(W_d) - forget min(E(W_r), tau) [D(W_r) < D(W_d)] + cover max(D(W_r) - D(W_d), 0); E is
the error against the photograph, D the difference to the original model, tau the error on held-out objects.
Where it loses: with few decoys, or a small budget in which these hardly move, it forgets little.
"""

from dataclasses import dataclass

import torch

from soulbench.core.values import NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod, mean_difference

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Leak-Aware.

    Attributes:
        forget: weight of the target's error, which grows.
        decoys: weight of the decoys' error, which falls.
        cover: weight of what the target changes beyond the decoys.
    """

    forget: NotNegative = 0.5
    decoys: NotNegative = 1.0
    cover: NotNegative = 2.0


class Method(TrainedMethod):
    """The target hides among decoys."""

    def begin(self) -> None:
        """Measure where an unseen object stands."""
        self.tau = self.task.unseen_error()

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the losses of the rest and of the decoys, and the target's within the bounds of both."""
        output, regions = self.model(batch, condition), self.task.regions(batch)
        with torch.no_grad():
            before = self.original(batch, condition).images
        decoys = self.task.maps(batch, batch.is_object & ~self.task.targets(batch)) * (1 - regions)
        error, change = (mean_difference(output.images, other, regions) for other in (batch.targets, before))
        bound = mean_difference(output.images, before, decoys).detach()
        forgets = (change < bound).float() * error.clamp(max=self.tau)
        p = self.parameters
        return self.task.losses(output, batch, condition, 1 - regions).plus(
            decoys=p.decoys * mean_difference(output.images, batch.targets, decoys),
            forget=-p.forget * forgets,
            cover=p.cover * (change - bound).clamp(min=0),
        )
