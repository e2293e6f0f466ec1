"""What is drawn in a place, as a crop of one size: altered scene graphs draw the target in other places."""

from collections.abc import Sequence

import numpy as np
import torch

from soulbench.evaluation.metrics import CROP
from soulbench.models import sampling


def crops(images: np.ndarray, boxes: Sequence[np.ndarray]) -> np.ndarray:
    """Return the pixels in one box of each image, resized to `CROP` x `CROP` (bilinear), uint8 [B, CROP, CROP, 3].

    Args:
        images: uint8 [B, H, W, 3].
        boxes: B boxes: x0, y0, x1, y1 in [0, 1].
    """
    planes = torch.tensor(images).movedim(-1, 1).float()
    cut = sampling.crop(planes, torch.from_numpy(np.stack(boxes)).float(), CROP)
    return cut.round().byte().movedim(1, -1).numpy()


def errors(drawn: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return how far crops uint8 [B, h, w, 3] are from a true one [h, w, 3]: [B] mean absolute grey levels."""
    return np.abs(drawn.astype(np.int16) - true).mean(axis=(1, 2, 3))
