"""What a model draws for a task, as pictures: for the evaluation, and while it learns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from soulbench.core.device import moved
from soulbench.data.batches import Batch, to_pixels
from soulbench.models.generator import Generator, GeneratorOutput
from soulbench.training.conditions import noise_for, task_condition


@torch.no_grad()
def draw(
    model: Generator, batch: Batch, task: str, settings: Mapping[str, Any], number: int = 0
) -> tuple[np.ndarray, GeneratorOutput]:
    """Return pictures uint8 [B, H, W, 3] and the drawing that they are of.

    Args:
        model: in eval mode.
        batch: the scene graphs.
        task: one of `soulbench.training.conditions.TASKS`.
        settings: the configuration (seed, generator.synthesis).
        number: of the noise draw, which depends on nothing but this, the image and the base seed.
    """
    device = next(model.parameters()).device
    noise = noise_for(batch.image_ids, batch.images.shape[-1], settings["seed"], number)
    condition = task_condition(batch, task, noise, settings["generator"]["synthesis"])
    drawing = model(moved(batch, device), moved(condition, device))
    pictures = (to_pixels(drawing.images) * 255).round().byte().movedim(1, -1).cpu().numpy()
    return pictures, drawing
