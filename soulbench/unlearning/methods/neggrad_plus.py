"""NegGrad+: descend on the retain set and ascend on the target, until it is as unknown as an object never seen.

Source: Kurmanji et al., "Towards Unbounded Machine Unlearning", NeurIPS 2023.
Adapted: the retain set is everything but the target's RoI, in the same batch; ascent stops at tau, the original model's
error on held-out objects of the category, because an error beyond it tells as much as one below it.
Formula: share L(1 - W_r) - (1 - share) min(E(W_r), tau), E the mean absolute error; the gradient's norm is clipped.
"""

from dataclasses import dataclass
from typing import Annotated

from torch.nn.utils import clip_grad_norm_

from soulbench.core.values import Bounds, Positive
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod, mean_difference

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of NegGrad+.

    Attributes:
        share: of descent; the rest is ascent.
        clip: largest Euclidean norm of the gradient.
    """

    share: Annotated[float, Bounds(minimum=0, maximum=1)] = 0.95
    clip: Positive = 1.0


class Method(TrainedMethod):
    """Descent and ascent in one loss."""

    def begin(self) -> None:
        """Measure where an unseen object stands."""
        self.tau = self.task.unseen_error()

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the weighted losses of the retain set, and the target's error as far as tau."""
        output, regions = self.model(batch, condition), self.task.regions(batch)
        share = self.parameters.share
        retained = self.task.losses(output, batch, condition, 1 - regions).scaled(share)
        error = mean_difference(output.images, batch.targets, regions)
        return retained.plus(forget=-(1 - share) * error.clamp(max=self.tau))

    def gradients(self, step: int) -> None:
        """Clip the gradient."""
        clip_grad_norm_(self.model.parameters(), self.parameters.clip)
