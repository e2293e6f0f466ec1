"""The objective of the generator and of its discriminators (SIMSG's losses, every weight from the configuration)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.data.batches import Batch
from soulbench.models.backbones import convolutions
from soulbench.models.discriminators import Discriminators, hinge
from soulbench.models.generator import Condition, GeneratorOutput

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
        backbone = convolutions("vgg19", weights)[: max(PERCEPTUAL_LAYERS) + 1]
        self.backbone = backbone.to(memory_format=torch.channels_last)  # as the drawings lie in memory

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """Return the distance of normalised images [B, 3, H, W]; gradients reach `images` only."""
        total = images.new_zeros(())
        for index, layer in enumerate(self.backbone):
            images = layer(images)
            with torch.no_grad():
                targets = layer(targets)
            if index in PERCEPTUAL_LAYERS:
                total = total + PERCEPTUAL_LAYERS[index] * F.l1_loss(images, targets)
        return total


def total(parts: Mapping[str, Tensor]) -> Tensor:
    """The sum of the parts."""
    return torch.stack(list(parts.values())).sum()


@dataclass(frozen=True)
class Judgement:
    """What the discriminators say of pictures.

    Attributes:
        real: [N] logits of the objects' crops; categories: [N, K] logits.
        scales: activations of every stage at every scale; the last of each are patch logits.
    """

    real: Tensor
    categories: Tensor
    scales: list[list[Tensor]]


@dataclass(frozen=True)
class Losses:
    """Losses of a batch.

    Attributes:
        generator: the weighted parts by name; discriminators: their sum, None where there are none.
    """

    generator: dict[str, Tensor]
    discriminators: Tensor | None

    def backward(
        self, generator: Sequence[Tensor], discriminators: Sequence[Tensor] = (), share: float = 1.0
    ) -> None:
        """Add `share` of each side's gradient to its own parameters, and to none of the other's."""
        if self.discriminators is not None:
            # First, while the graph is whole: the generator's gradient then frees it as it goes.
            (share * self.discriminators).backward(inputs=discriminators, retain_graph=True)
        (share * total(self.generator)).backward(inputs=generator)

    def values(self) -> dict[str, Tensor]:
        """All parts, detached."""
        parts = self.generator | (
            {} if self.discriminators is None else {"discriminators": self.discriminators}
        )
        return {name: value.detach() for name, value in parts.items()}


class Objective(nn.Module):
    """Losses of a batch, each part by name, already weighted.

    Args:
        weights: `training.losses` of the configuration; perceptual is computed if it has a weight, the adversarial
            parts together if any of them has.
        discriminators: needed where an adversarial part has a weight.
        perceptual_weights: where VGG19's weights come from, see `soulbench.models.backbones.convolutions`.
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

    def forward(self, drawing: GeneratorOutput, batch: Batch, condition: Condition) -> Losses:
        """Return both sides' losses, from one pass of the discriminators over each kind of picture."""
        parts = self.plain(drawing, batch, condition)
        # A negated image has "nothing else": grey in both pictures, so that these parts see no difference there.
        visible = batch.weights * (batch.sign > 0).view(-1, 1, 1, 1)
        fake, real = drawing.images * visible, batch.targets * visible
        if self.perceptual is not None:
            parts["perceptual"] = self.weights["perceptual"] * self.perceptual(fake, real)
        if self.discriminators is None:
            return Losses(parts, None)
        of_fake, of_real = (self._judged(pictures, batch) for pictures in (fake, real))
        adversarial = _fooling(of_fake, of_real, batch)
        parts |= {name: self.weights[name] * value for name, value in adversarial.items()}
        return Losses(parts, _telling_apart(of_fake, of_real, batch))

    def plain(self, drawing: GeneratorOutput, batch: Batch, condition: Condition) -> dict[str, Tensor]:
        """Return the weighted parts that no further network judges: pixels, boxes, guidance."""
        distance = (drawing.images - batch.targets).abs().mean(dim=1, keepdim=True)
        l1 = self.weights["l1"] * (distance * batch.weights).mean(dim=(1, 2, 3))
        boxes = self.weights["boxes"] * per_image_boxes(drawing.boxes, batch)
        guided = batch.guidance * condition.hidden if self.guidance_while == "hidden" else batch.guidance
        return {
            "l1": (batch.sign * l1).mean(),
            "boxes": (batch.sign * boxes).mean(),
            "guidance": -(guided * distance).sum() / len(batch.image_ids),
        }

    def _judged(self, pictures: Tensor, batch: Batch) -> Judgement:
        logits, categories = self.discriminators.object(pictures, batch.boxes, batch.image_of)
        return Judgement(logits, categories, self.discriminators.image(pictures))


def _fooling(fake: Judgement, real: Judgement, batch: Batch) -> dict[str, Tensor]:
    """The generator's adversarial parts, unweighted."""
    matching = [
        torch.stack([F.l1_loss(f, r.detach()) for f, r in zip(mine[:-1], goal[:-1], strict=True)]).mean()
        for mine, goal in zip(fake.scales, real.scales, strict=True)
    ]
    return {
        "object_gan": _says(fake.real, True, batch),
        "object_class": _names(fake.categories, batch),
        "image_gan": -torch.stack([scale[-1].mean() for scale in fake.scales]).mean(),
        "feature_matching": torch.stack(matching).mean(),
    }


def _telling_apart(fake: Judgement, real: Judgement, batch: Batch) -> Tensor:
    """The loss of both discriminators."""
    objects = _says(real.real, True, batch) + _says(fake.real, False, batch)
    classes = _names(real.categories, batch) + _names(fake.categories, batch)
    image = hinge([scale[-1] for scale in real.scales], [scale[-1] for scale in fake.scales])
    return objects + classes + image


def _says(logits: Tensor, real: bool, batch: Batch) -> Tensor:
    """Mean binary cross-entropy of objects."""
    wanted = torch.full_like(logits, float(real))
    return F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / batch.object_count


def _names(logits: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of objects' categories."""
    return F.cross_entropy(logits, batch.categories, reduction="sum") / batch.object_count


def per_image_boxes(predicted: Tensor, batch: Batch) -> Tensor:
    """Mean squared error [B] of predicted boxes, per image."""
    errors = (predicted - batch.boxes).square().mean(dim=1)
    total, objects = (
        values.new_zeros(len(batch.image_ids)).index_add(0, batch.image_of, values)
        for values in (errors, torch.ones_like(errors))
    )
    return total / objects
