"""What a training step sees of its images: pieces of a batch and their conditions, on the device."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from soulbench.core.device import moved
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.models.sampling import boxes_as_masks
from soulbench.models.visual_features import VisualFeatures
from soulbench.training.conditions import training_condition


def masking_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `training.masking` of the configuration, and what it needs of `generator`."""
    generator = config["generator"]
    needed = {"image_node": generator["synthesis"]["image_node"], "visual": generator["visual"]}
    return config["training"]["masking"] | needed


class Masking:
    """Hides random parts of the images of a batch.

    Args:
        settings: `masking_of` the configuration.
        device: where the batches go.
    """

    def __init__(self, settings: Mapping[str, Any], device: torch.device):
        self.settings, self.device = settings, device
        self.features = VisualFeatures(settings["visual"]).to(device) if settings["grey_features"] else None

    def __call__(
        self, batches: Sequence[Batch], seeds: Sequence[Sequence[int]]
    ) -> list[tuple[Batch, Condition]]:
        """Return the pieces of a larger batch with their conditions; their losses add up to that of the whole batch.

        Args:
            batches: the pieces, on the CPU.
            seeds: one per image of each piece, as in `training_condition`.
        """
        conditions = [
            training_condition(batch, self.settings, own) for batch, own in zip(batches, seeds, strict=True)
        ]
        redrawn = torch.stack([condition.redrawn_count for condition in conditions]).sum()
        per_image = redrawn / sum(map(len, seeds))
        return [
            self._inputs(batch, replace(condition, redrawn_count=per_image * len(batch.image_ids)))
            for batch, condition in zip(batches, conditions, strict=True)
        ]

    def _inputs(self, batch: Batch, condition: Condition) -> tuple[Batch, Condition]:
        batch, condition = moved(batch, self.device), moved(condition, self.device)
        if self.features is None:
            return batch, condition
        images = torch.where(_of_dropped(batch, condition), 0, batch.images)
        return replace(batch, visual=self.features(images[batch.image_of], batch.boxes)), condition


def _of_dropped(batch: Batch, condition: Condition) -> Tensor:
    """Return masks [B, 1, H, W] of the objects whose visual feature or box prior is dropped."""
    dropped = condition.features * condition.boxes == 0
    masks = boxes_as_masks(batch.boxes, batch.images.shape[-1]) & dropped[:, :, None]
    return (
        torch.zeros_like(batch.images[:, 0]).index_add(0, batch.image_of, masks.to(batch.images))[:, None] > 0
    )
