"""The objective of the generator and of its discriminators (SIMSG's losses, every weight from the configuration)."""

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.generator.discriminators import Discriminators, hinge
from soulbench.generator.model import Condition, Drawing
from soulbench.generator.trunks import convolutions
from soulbench.scenes.batches import Batch

#: Index of relu1_1 .. relu5_1 in VGG19's convolutional part -> weight.
PERCEPTUAL_LAYERS = {1: 1 / 32, 6: 1 / 16, 11: 1 / 8, 20: 1 / 4, 29: 1.0}
GAN_TERMS = ("object_class", "object_gan", "image_gan", "feature_matching")


def uses_discriminators(weights: Mapping[str, float]) -> bool:
    """Whether any adversarial term has a weight."""
    return any(weights[name] for name in GAN_TERMS)


class Perceptual(nn.Module):
    """L1 between VGG19 activations relu1_1 .. relu5_1 (Johnson et al., 2016), weighted 1/32 .. 1."""

    def __init__(self, weights: str):
        super().__init__()
        self.trunk = convolutions("vgg19", weights)[: max(PERCEPTUAL_LAYERS) + 1]

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the distance of normalised images [B, 3, H, W]; gradients reach `images` only."""
        total = images.new_zeros(())
        for index, layer in enumerate(self.trunk):
            images = layer(images)
            with torch.no_grad():
                targets = layer(targets)
            if index in PERCEPTUAL_LAYERS:
                total = total + PERCEPTUAL_LAYERS[index] * F.l1_loss(images, targets)
        return total


class Objective(nn.Module):
    """Losses of a batch, each part by name, already weighted.

    Args:
        weights: `training.losses` of the configuration; perceptual is computed if it has a weight, the adversarial
            parts together if any of them has.
        discriminators: needed where an adversarial part has a weight.
        perceptual_weights: where VGG19's weights come from, see `soulbench.generator.trunks.convolutions`.
        guidance_while: when negative guidance acts, see `Plan`.
    """

    def __init__(
        self,
        weights: Mapping[str, float],
        discriminators: Discriminators | None,
        perceptual_weights: str | None,
        guidance_while: Literal["always", "hidden"] = "always",
    ):
        super().__init__()
        self.weights = dict(weights)
        self.discriminators = discriminators
        self.guidance_while = guidance_while
        self.perceptual = Perceptual(perceptual_weights or "imagenet") if weights["perceptual"] else None

    def generator_parts(self, drawing: Drawing, batch: Batch, condition: Condition) -> dict[str, Tensor]:
        """Return the weighted parts of the generator's loss."""
        distance = (drawing.images - batch.targets).abs().mean(dim=1, keepdim=True)
        l1 = self.weights["l1"] * (distance * batch.weights).mean(dim=(1, 2, 3))
        boxes = self.weights["boxes"] * per_image_boxes(drawing.boxes, batch)
        guided = batch.guidance * condition.hidden if self.guidance_while == "hidden" else batch.guidance
        parts = {
            "l1": (batch.sign * l1).mean(),
            "boxes": (batch.sign * boxes).mean(),
            "guidance": -(guided * distance).sum() / len(batch.image_ids),
        }
        # A negated image has "nothing else": grey in both pictures, so that these parts see no difference there.
        visible = batch.weights * (batch.sign > 0).view(-1, 1, 1, 1)
        fake, real = drawing.images * visible, batch.targets * visible
        if self.perceptual is not None:
            parts["perceptual"] = self.weights["perceptual"] * self.perceptual(fake, real)
        if self.discriminators is not None:
            parts |= self._adversarial(fake, real, batch)
        return parts

    def _adversarial(self, fake: Tensor, real: Tensor, batch: Batch) -> dict[str, Tensor]:
        judged = self.discriminators
        logits, categories = judged.object(fake, batch.boxes, batch.image_of)
        scales = judged.image(fake)
        with torch.no_grad():
            wanted = judged.image(real)
        matching = [
            torch.stack([F.l1_loss(f, r) for f, r in zip(scale[:-1], goal[:-1], strict=True)]).mean()
            for scale, goal in zip(scales, wanted, strict=True)
        ]
        parts = {
            "object_gan": F.binary_cross_entropy_with_logits(logits, torch.ones_like(logits)),
            "object_class": F.cross_entropy(categories, batch.categories),
            "image_gan": -torch.stack([scale[-1].mean() for scale in scales]).mean(),
            "feature_matching": torch.stack(matching).mean(),
        }
        return {name: self.weights[name] * value for name, value in parts.items()}

    def discriminator_loss(self, images: Tensor, batch: Batch) -> Tensor:
        """Return the loss of both discriminators on detached drawings [B, 3, H, W]."""
        visible = batch.weights * (batch.sign > 0).view(-1, 1, 1, 1)
        fake, real = images.detach() * visible, batch.targets * visible
        judged = self.discriminators
        fake_logits, fake_categories = judged.object(fake, batch.boxes, batch.image_of)
        real_logits, real_categories = judged.object(real, batch.boxes, batch.image_of)
        objects = F.binary_cross_entropy_with_logits(
            real_logits, torch.ones_like(real_logits)
        ) + F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
        classes = F.cross_entropy(real_categories, batch.categories) + F.cross_entropy(
            fake_categories, batch.categories
        )
        image = hinge([s[-1] for s in judged.image(real)], [s[-1] for s in judged.image(fake)])
        return objects + classes + image


def per_image_boxes(predicted: Tensor, batch: Batch) -> Tensor:
    """Mean squared error [B] of predicted boxes, per image."""
    errors = (predicted - batch.boxes).square().mean(dim=1)
    count = len(batch.image_ids)
    total = errors.new_zeros(count).index_add(0, batch.image_of, errors)
    return total / torch.bincount(batch.image_of, minlength=count)
