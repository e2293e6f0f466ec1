"""Ascent: the error of the targets grows to that of unseen objects; the losses of everything else stay.

Source: gradient ascent with a retain term, as in Jang et al., "Knowledge Unlearning for Mitigating Privacy Risks in
Language Models", ACL 2023 (arXiv 2210.01504), and the gradient difference of Maini et al., "TOFU", COLM 2024 (arXiv
2401.06121). Adapted: what is forgotten is a region of an image, and the ascent ends where an unseen object stands.
Formula: losses outside of the targets' RoIs - weight min(mean |output - true pixels| within them, unseen error).
"""

from dataclasses import dataclass

from soulbench.core.values import NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod, mean_difference

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Ascent.

    Attributes:
        weight: of the error that grows.
    """

    weight: NotNegative = 0.1


class Method(TrainedMethod):
    """One loss."""

    def begin(self) -> None:
        """Measure where an unseen object stands."""
        self.unseen = self.task.unseen_error()

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the losses outside of the targets' RoIs, and the error within them, which grows."""
        output, regions = self.model(batch, condition), self.task.regions(batch)
        kept = self.task.losses(output, batch, condition, 1 - regions)
        error = mean_difference(output.images, batch.targets, regions)
        return kept.plus(ascent=-self.parameters.weight * error.clamp(max=self.unseen))
