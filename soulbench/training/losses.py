"""The losses of the generator and of its discriminators: SIMSG's, every weight from the configuration."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    """Return whether any adversarial term has a weight."""
    return any(weights[name] for name in GAN_TERMS)


class Perceptual(nn.Module):
    """L1 between VGG19 activations relu1_1 .. relu5_1 (Johnson et al., 2016), weighted 1/32 .. 1."""

    def __init__(self, weights: str):
        super().__init__()
        backbone = convolutions("vgg19", weights)[: max(PERCEPTUAL_LAYERS) + 1]
        # The generator's images are channels last in memory.
        self.backbone = backbone.to(memory_format=torch.channels_last)

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
    """Return the sum of the parts of a loss."""
    return torch.stack(list(parts.values())).sum()


@dataclass(frozen=True)
class DiscriminatorOutput:
    """What both discriminators return for a batch of images.

    Attributes:
        realness: [R] logits of the redrawn objects' crops.
        categories: [R, K] logits of the redrawn objects' crops.
        scales: activations of every stage at every scale; the last ones of a scale are patch logits.
    """

    realness: Tensor
    categories: Tensor
    scales: list[list[Tensor]]


@dataclass(frozen=True)
class Losses:
    """Losses of a batch.

    Attributes:
        generator: the weighted parts by name.
        discriminators: the sum of both discriminators' losses, None where there are none.
    """

    generator: dict[str, Tensor]
    discriminators: Tensor | None

    def backward(
        self, generator: Sequence[Tensor], discriminators: Sequence[Tensor] = (), share: float = 1.0
    ) -> None:
        """Add `share` times each loss's gradient to the parameters of its own networks, and to no others.

        Args:
            generator: parameters of the generator.
            discriminators: parameters of the discriminators.
            share: what this batch counts in the step: one over the number of micro-batches.
        """
        if self.discriminators is not None:
            # First, while the graph is whole: the generator's backward pass then frees it as it goes.
            (share * self.discriminators).backward(inputs=discriminators, retain_graph=True)
        (share * total(self.generator)).backward(inputs=generator)

    def scaled(self, factor: float) -> "Losses":
        """Return the same losses with the generator's parts multiplied by a factor."""
        return replace(self, generator={name: factor * value for name, value in self.generator.items()})

    def plus(self, **parts: Tensor) -> "Losses":
        """Return the same losses with further parts of the generator's, already weighted."""
        return replace(self, generator=self.generator | parts)

    def values(self) -> dict[str, Tensor]:
        """Return all parts, detached."""
        parts = self.generator | (
            {} if self.discriminators is None else {"discriminators": self.discriminators}
        )
        return {name: value.detach() for name, value in parts.items()}


class Objective(nn.Module):
    """The losses of a batch, each part by name and already weighted.

    Args:
        weights: `training.losses` of the configuration. The perceptual part is computed if it has a weight, the
            adversarial parts all together if any of them has.
        discriminators: needed where an adversarial part has a weight.
        perceptual_weights: where VGG19's weights come from, see `soulbench.models.backbones.convolutions`.
        guidance_while: when negative guidance acts, see `soulbench.unlearning.plan.Plan`.
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

    def forward(self, output: GeneratorOutput, batch: Batch, condition: Condition) -> Losses:
        """Return the generator's and the discriminators' losses.

        Both losses share the discriminators' passes over the generated and the real images.
        """
        parts = self.direct_losses(output, batch, condition)
        # A negated image's loss is L1 and boxes alone, so both images are grey there and these parts see no difference.
        visible = batch.weights * (batch.sign > 0).view(-1, 1, 1, 1)
        generated, real = output.images * visible, batch.targets * visible
        if self.perceptual is not None:
            parts["perceptual"] = self.weights["perceptual"] * self.perceptual(generated, real)
        if self.discriminators is None:
            return Losses(parts, None)
        of_generated, of_real = discriminate(self.discriminators, generated, real, batch, condition)
        categories = batch.categories[condition.redrawn]
        adversarial = generator_adversarial_losses(of_generated, of_real, categories, condition.redrawn_count)
        parts |= {name: self.weights[name] * value for name, value in adversarial.items()}
        return Losses(parts, discriminator_loss(of_generated, of_real, categories, condition.redrawn_count))

    def direct_losses(self, output: GeneratorOutput, batch: Batch, condition: Condition) -> dict[str, Tensor]:
        """Return the weighted parts that need no further network: pixels, boxes, guidance."""
        distance = (output.images - batch.targets).abs().mean(dim=1, keepdim=True)
        l1 = self.weights["l1"] * (distance * batch.weights).mean(dim=(1, 2, 3))
        boxes = (output.boxes - batch.boxes).square().mean(dim=1)
        guided = batch.guidance * condition.hidden if self.guidance_while == "hidden" else batch.guidance
        return {
            "l1": (batch.sign * l1).mean(),
            "boxes": self.weights["boxes"] * (batch.sign[batch.image_of] * boxes).sum() / batch.object_count,
            "guidance": -(guided * distance).sum() / len(batch.image_ids),
        }


def discriminate(
    discriminators: Discriminators, generated: Tensor, real: Tensor, batch: Batch, condition: Condition
) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
    """Run both discriminators on images [B, 3, H, W], generated and real, and on the crops of the redrawn objects.

    As in SIMSG, the image discriminator sees both kinds in one pass, so its BatchNorm has statistics over both, and
    the object discriminator sees one kind at a time.
    """
    boxes, image_of = batch.boxes[condition.redrawn], batch.image_of[condition.redrawn]
    activations = discriminators.image(torch.cat([generated, real]))

    def output(images: Tensor, half: int) -> DiscriminatorOutput:
        realness, categories = discriminators.object(images, boxes, image_of)
        scales = [[stage.chunk(2)[half] for stage in stages] for stages in activations]
        return DiscriminatorOutput(realness, categories, scales)

    return output(generated, 0), output(real, 1)


def generator_adversarial_losses(
    generated: DiscriminatorOutput, real: DiscriminatorOutput, categories: Tensor, count: Tensor
) -> dict[str, Tensor]:
    """Return the generator's adversarial parts, unweighted.

    Args:
        generated, real: what the discriminators return.
        categories: [R] of the redrawn objects.
        count: `Condition.redrawn_count`.
    """
    matching = [
        torch.stack(
            [F.l1_loss(g, r.detach()) for g, r in zip(of_generated[:-1], of_real[:-1], strict=True)]
        ).sum()
        for of_generated, of_real in zip(generated.scales, real.scales, strict=True)
    ]
    return {
        "object_gan": _realness_loss(generated.realness, True) / count,
        "object_class": _category_loss(generated.categories, categories) / count,
        "image_gan": -torch.stack([scale[-1].mean() for scale in generated.scales]).mean(),
        "feature_matching": torch.stack(matching).mean(),
    }


def discriminator_loss(
    generated: DiscriminatorOutput, real: DiscriminatorOutput, categories: Tensor, count: Tensor
) -> Tensor:
    """Return the sum of both discriminators' losses; arguments as in `generator_adversarial_losses`."""
    objects = _realness_loss(real.realness, True) + _realness_loss(generated.realness, False)
    classes = _category_loss(real.categories, categories) + _category_loss(generated.categories, categories)
    image = hinge([scale[-1] for scale in real.scales], [scale[-1] for scale in generated.scales])
    return (objects + classes) / count + image


def _realness_loss(logits: Tensor, real: bool) -> Tensor:
    """Return the objects' summed binary cross-entropy with the label `real`."""
    labels = torch.full_like(logits, float(real))
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="sum")


def _category_loss(logits: Tensor, categories: Tensor) -> Tensor:
    """Return the objects' summed cross-entropy with their categories."""
    return F.cross_entropy(logits, categories, reduction="sum")
