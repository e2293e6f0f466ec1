"""The object discriminator (sg2im) and the image discriminator (pix2pixHD, Wang et al., CVPR 2018)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from soulbench.models.norm import BatchNorm
from soulbench.models.sampling import corners, crop

LEAK = 0.2  # slope of the leaky ReLUs
CROP = 32  # side in pixels of the crops that the object discriminator sees


class ObjectDiscriminator(nn.Module):
    """Classifies crops of objects as real or generated, and by category."""

    def __init__(self, filters: int, hidden: int, categories: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, filters, 4, stride=2),
            BatchNorm(filters),
            nn.LeakyReLU(LEAK),
            nn.Conv2d(filters, 2 * filters, 4, stride=2),
            BatchNorm(2 * filters),
            nn.LeakyReLU(LEAK),
            nn.Conv2d(2 * filters, 4 * filters, 4, stride=2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4 * filters, hidden),
        )
        self.real = nn.Linear(hidden, 1)
        self.category = nn.Linear(hidden, categories)

    def forward(self, images: Tensor, boxes: Tensor, image_of: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of being real [N] and category logits [N, K] of the objects' crops.

        Args:
            images: [B, 3, H, W].
            boxes: [N, 4].
            image_of: [N] index of each object's image.
        """
        vectors = self.features(crop(images[image_of], boxes, CROP, corners))
        return self.real(vectors).squeeze(1), self.category(vectors)


class PatchDiscriminator(nn.Sequential):
    """PatchGAN at one scale: `layers` strided convolutions, one more, and one that returns the patch logits."""

    def __init__(self, filters: int, layers: int):
        stages: list[nn.Module] = [
            nn.Sequential(nn.Conv2d(3, filters, 4, stride=2, padding=2), nn.LeakyReLU(LEAK))
        ]
        for index in range(1, layers + 1):
            stride = 2 if index < layers else 1
            stages.append(
                nn.Sequential(
                    nn.Conv2d(filters, 2 * filters, 4, stride=stride, padding=2),
                    BatchNorm(2 * filters),
                    nn.LeakyReLU(LEAK),
                )
            )
            filters *= 2
        super().__init__(*stages, nn.Conv2d(filters, 1, 4, padding=2))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the activations of every stage; the last are the patch logits."""
        outputs = []
        for stage in self:
            images = stage(images)
            outputs.append(images)
        return outputs


class ImageDiscriminator(nn.ModuleList):
    """PatchGANs on the image and on versions of it that are halved again and again."""

    def __init__(self, filters: int, layers: int, scales: int):
        super().__init__(PatchDiscriminator(filters, layers) for _ in range(scales))

    def forward(self, images: Tensor) -> list[list[Tensor]]:
        """Return the activations of every stage at every scale."""
        outputs = []
        for scale, discriminator in enumerate(self):
            if scale:
                images = F.avg_pool2d(images, 3, stride=2, padding=1, count_include_pad=False)
            outputs.append(discriminator(images))
        return outputs


class Discriminators(nn.Module):
    """Both discriminators.

    Args:
        sizes: `generator.discriminators` of the configuration.
        categories: size of the object vocabulary.
    """

    def __init__(self, sizes: dict[str, Any], categories: int):
        super().__init__()
        self.object = ObjectDiscriminator(sizes["object_filters"], sizes["object_hidden"], categories)
        self.image = ImageDiscriminator(sizes["image_filters"], sizes["image_layers"], sizes["image_scales"])


def hinge(real: list[Tensor], fake: list[Tensor]) -> Tensor:
    """Return the discriminator's hinge loss (Lim and Ye, 2017), averaged over the scales' logits."""
    losses = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for r, f in zip(real, fake, strict=True)]
    return torch.stack(losses).mean()
