"""Encoder-Only: the visual branch alone learns to see noise where the target is; the decoder stays.

Source: Li et al., "Machine Unlearning for Image-to-Image Generative Models", ICLR 2024 (arXiv 2402.00351).
Adapted: the encoder is the projection of an object's visual feature. The target's is projected to where the original
projection puts noise: a draw with the mean and deviation of the retained objects' features, channel by channel.
Formula: norm(P(v_target) - P_original(noise))^2 + keep norm(P(v) - P_original(v))^2 over all other objects v.
"""

from dataclasses import dataclass

import torch

from soulbench.core.values import NotNegative
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.unlearning.task import Losses, TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Encoder-Only.

    Attributes:
        keep: weight of the objects that are kept.
    """

    keep: NotNegative = 10.0


class Method(TrainedMethod):
    """Fine-tuning of the projection of visual features."""

    def begin(self) -> None:
        """Train the projection alone; draw the noise that the target is to look like."""
        self.trained = self.model.visual_projection
        pieces = [(one.batch, self.task.targets(one.batch)) for one in self.task.pieces("retain")]
        seen = torch.cat([batch.visual[batch.is_object & ~targets] for batch, targets in pieces])
        drawn = torch.randn(seen.shape[1], generator=self.task.random("noise")).to(seen)
        self.noise = self.original.visual_projection(seen.mean(dim=0) + seen.std(dim=0) * drawn)

    def losses(self, step: int, batch: Batch, condition: Condition) -> Losses:
        """Return the distance of the target to noise, and of all others to where they were."""
        targets, projected = self.task.targets(batch)[:, None], self.trained(batch.visual)
        forget = (projected - self.noise).square() * targets
        kept = (projected - self.original.visual_projection(batch.visual)).square() * ~targets
        parts = {
            "forget": forget.sum() / targets.sum().clamp(min=1),
            "kept": self.parameters.keep * kept.mean(),
        }
        return Losses(parts, None)
