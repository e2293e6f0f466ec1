"""What the generator may see: random parts of a scene in training, no pixels in the two tasks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from soulbench.core.seeds import derive_seed
from soulbench.data.batches import Batch
from soulbench.models.generator import Condition
from soulbench.models.sampling import boxes_as_masks


def training_condition(batch: Batch, masking: Mapping[str, Any], seeds: Sequence[int]) -> Condition:
    """Hide random objects, and in a share of the images all pixels, visual features and box priors.

    Per object (never the image node) the box prior is dropped with probability `masking["box"]` and the visual feature
    with probability `masking["feature"]`. Where either is dropped, the object's pixels are hidden. Besides, as in the
    two tasks, a whole image is hidden with probability `masking["hide_image"]`, and then all its visual features and
    box priors are dropped with probability `masking["hide_features"]`.

    Args:
        batch: on the CPU; the random numbers are the same on every device.
        masking: `soulbench.training.masking.masking_of` the configuration.
        seeds: one per image, so that an image's condition depends neither on the rest of the batch nor on the
            process.
    """
    size = batch.images.shape[-1]
    counts = torch.bincount(batch.image_of, minlength=len(seeds)).tolist()
    random = [_RandomNumbers.of(seed, count, size) for seed, count in zip(seeds, counts, strict=True)]
    is_object = batch.is_object
    no_box = (torch.cat([numbers.box for numbers in random]) < masking["box"]) & is_object
    no_feature = (torch.cat([numbers.feature for numbers in random]) < masking["feature"]) & is_object
    image, features = torch.stack([numbers.image for numbers in random]).unbind(dim=1)
    hidden_image = image < masking["hide_image"]
    without_inputs = (hidden_image & (features < masking["hide_features"]))[batch.image_of]
    if masking["image_node"] == "kept":
        without_inputs &= is_object
    dropped = no_box | no_feature
    hidden = torch.zeros(len(seeds), size, size)
    hidden.index_add_(0, batch.image_of[dropped], boxes_as_masks(batch.boxes[dropped], size).float())
    hidden[hidden_image] = 1
    redrawn = _judged((dropped | hidden_image[batch.image_of]) & is_object)
    return Condition(
        hidden=hidden.clamp(max=1)[:, None],
        noise=torch.stack([numbers.noise for numbers in random]),
        features=(~(no_feature | without_inputs)).float()[:, None],
        boxes=(~(no_box | without_inputs)).float()[:, None],
        redrawn=redrawn,
        redrawn_count=torch.tensor(float(len(redrawn))),
    )


def _judged(redrawn: Tensor) -> Tensor:
    """Return the indices of the redrawn objects, of all nodes if there are none: BatchNorm needs some."""
    return (redrawn if redrawn.any() else torch.ones_like(redrawn)).nonzero().flatten()


class _RandomNumbers(NamedTuple):
    """The random numbers of one image: noise [3, H, W] and uniform ones for the image [2] and its objects [n] each.

    Those of the objects come last, so that the others stay the same when an object is removed.
    """

    noise: Tensor
    image: Tensor
    box: Tensor
    feature: Tensor

    @classmethod
    def of(cls, seed: int, objects: int, size: int) -> "_RandomNumbers":
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(3, size, size, generator=generator)
        image, of_objects = (torch.rand(shape, generator=generator) for shape in ((2,), (objects, 2)))
        box, feature = of_objects.unbind(dim=1)
        return cls(noise, image, box, feature)


def task_condition(batch: Batch, task: str, noise: Tensor, settings: Mapping[str, Any]) -> Condition:
    """Return the condition of an evaluation task: every pixel of the image is replaced by noise.

    In reconstruction the visual features and boxes of all nodes are inputs, in synthesis neither are, but for the image
    node's where `image_node` is "kept".

    Args:
        batch: the scene graphs.
        task: one of `soulbench.core.terms.TASKS`.
        noise: [B, 3, H, W] from `noise_for`.
        settings: `generator.synthesis` of the configuration.
    """
    reconstruction = task == "reconstruction"
    given = batch.boxes.new_full((len(batch.boxes), 1), float(reconstruction))
    if settings["image_node"] == "kept":
        given[~batch.is_object] = 1
    redrawn = _judged(batch.is_object)
    return Condition(
        hidden=torch.ones_like(batch.weights),
        noise=noise,
        features=given,
        boxes=given,
        redrawn=redrawn,
        redrawn_count=given.new_tensor(float(len(redrawn))),
        layernorm=reconstruction or settings["layernorm"],
        predicted_boxes=not reconstruction and settings["boxes"] == "predicted",
    )


def noise_for(image_ids: tuple[int, ...], size: int, base_seed: int, noise_sample: int) -> Tensor:
    """Return noise [B, 3, size, size] that depends on the image, the noise sample and the base seed alone.

    It is the same for every model, so comparisons between models are paired.
    """
    seeds = [derive_seed(base_seed, "noise", image, noise_sample) for image in image_ids]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    return torch.stack([torch.randn(3, size, size, generator=generator) for generator in generators])
