"""Generate a task's images with a model: for the evaluation, and for snapshots while it trains."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from soulbench.core.device import moved
from soulbench.data.batches import Batch, to_pixels
from soulbench.models.generator import Generator, GeneratorOutput
from soulbench.training.conditions import noise_for, task_condition


@torch.no_grad()
def generate_images(
    model: Generator, batch: Batch, task: str, settings: Mapping[str, Any], noise_sample: int = 0
) -> tuple[np.ndarray, GeneratorOutput]:
    """Return images uint8 [B, H, W, 3], and the generator's output that they were converted from.

    Args:
        model: in eval mode.
        batch: the scene graphs.
        task: one of `soulbench.core.terms.TASKS`.
        settings: the configuration (seed, generator.synthesis).
        noise_sample: index of the noise sample. The noise depends on it, the image and the base seed alone.
    """
    device = next(model.parameters()).device
    noise = noise_for(batch.image_ids, batch.images.shape[-1], settings["seed"], noise_sample)
    condition = task_condition(batch, task, noise, settings["generator"]["synthesis"])
    output: GeneratorOutput = model(moved(batch, device), moved(condition, device))
    images = (to_pixels(output.images) * 255).round().byte().movedim(1, -1).cpu().numpy()
    return images, output
