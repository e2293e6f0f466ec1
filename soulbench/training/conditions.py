"""What the generator may see: hidden objects while training, hidden photographs in the two tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch
from soulbench.data.regions import inside, region
from soulbench.models.generator import Condition


def training_condition(batch: Batch, shares: Mapping[str, float], seeds: Sequence[int]) -> Condition:
    """Hide objects at random, and whole images and all their features in given shares of the samples.

    Per object (never the image node) the box prior is dropped with `shares["box"]` and the visual feature with
    `shares["feature"]`; where either is dropped, the object's pixels are hidden. Beside that, as the two tasks do,
    a sample's whole image is hidden with `shares["hide_image"]`, and then all its visual features and box priors are
    dropped with `shares["hide_features"]`.

    Args:
        batch: on the CPU; the draws are the same on every device.
        shares: `training.masking` of the configuration.
        seeds: one an image, so that no draw depends on what else is in the batch, or on who makes it.
    """
    size = batch.images.shape[-1]
    counts = torch.bincount(batch.image_of, minlength=len(seeds)).tolist()
    draws = [_Draws.of(seed, count, size) for seed, count in zip(seeds, counts, strict=True)]
    real = torch.tensor(batch.object_ids) >= 0
    no_box = (torch.cat([d.box for d in draws]) < shares["box"]) & real
    no_feature = (torch.cat([d.feature for d in draws]) < shares["feature"]) & real
    image, features = torch.stack([d.image for d in draws]).unbind(dim=1)
    hidden_image = image < shares["hide_image"]
    without = (hidden_image & (features < shares["hide_features"]))[batch.image_of]
    hidden = torch.zeros(len(seeds), 1, size, size)
    for index in (no_box | no_feature).nonzero().flatten().tolist():
        pixels = inside([region(batch.boxes[index].tolist(), size)], size)
        hidden[batch.image_of[index], 0, torch.from_numpy(pixels)] = 1
    hidden[hidden_image] = 1
    return Condition(
        hidden=hidden,
        noise=torch.stack([d.noise for d in draws]),
        features=(~(no_feature | without)).float()[:, None],
        boxes=(~(no_box | without)).float()[:, None],
    )


class _Draws(NamedTuple):
    """What is drawn for one image; that of its objects last, so that a missing object moves nothing before it."""

    noise: Tensor
    image: Tensor
    box: Tensor
    feature: Tensor

    @classmethod
    def of(cls, seed: int, objects: int, size: int) -> "_Draws":
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(3, size, size, generator=generator)
        image, of_objects = (torch.rand(shape, generator=generator) for shape in ((2,), (objects, 2)))
        return cls(noise, image, *of_objects.unbind(dim=1))


def task_condition(batch: Batch, task: str, noise: Tensor, settings: Mapping[str, Any]) -> Condition:
    """The condition of an evaluation task: the whole photograph is noise.

    In reconstruction the visual features and boxes of every node are given, in synthesis neither.

    Args:
        batch: the scene graphs.
        task: one of `TASKS`.
        noise: [B, 3, H, W] from `noise_for`.
        settings: `generator.synthesis` of the configuration.
    """
    given = float(task == "reconstruction")
    column = batch.boxes.new_full((len(batch.boxes), 1), given)
    return Condition(
        hidden=torch.ones_like(batch.weights),
        noise=noise,
        features=column,
        boxes=column,
        layernorm=bool(given) or settings["layernorm"],
        predicted_boxes=not given and settings["boxes"] == "predicted",
    )


def noise_for(image_ids: tuple[int, ...], size: int, base_seed: int, draw: int) -> Tensor:
    """Noise [B, 3, size, size] that depends on the image, the draw and the base seed only: paired across models."""
    return torch.stack(
        [
            torch.randn(
                3,
                size,
                size,
                generator=torch.Generator().manual_seed(derive_seed(base_seed, "noise", image, draw)),
            )
            for image in image_ids
        ]
    )
