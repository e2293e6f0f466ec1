"""Boxes in [0, 1] as regions of whole pixels, and masks of regions. An RoI is the region of a box with a margin."""

from collections.abc import Iterable, Sequence

import numpy as np

#: x0, y0, x1, y1 in whole pixels, the upper ends exclusive.
Region = tuple[int, int, int, int]


def region(box: Sequence[float], size: int, margin: int = 0) -> Region:
    """Return the pixels that a box touches, plus a margin, clipped to the image; at least one pixel.

    Args:
        box: x0, y0, x1, y1 in [0, 1].
        size: pixels per side of the image.
        margin: pixels added on every side; the margin of an RoI is `unlearning.roi_margin`.
    """
    # 1e-4 of a pixel: a box that ends at a pixel's border must not include the next pixel because float32 rounds.
    low = [int(np.floor(value * size + 1e-4)) - margin for value in box[:2]]
    high = [int(np.ceil(value * size - 1e-4)) + margin for value in box[2:]]
    low = [min(max(value, 0), size - 1) for value in low]
    high = [min(max(value, start + 1), size) for value, start in zip(high, low, strict=True)]
    return low[0], low[1], high[0], high[1]


def inside(regions: Iterable[Region], size: int) -> np.ndarray:
    """Return a bool mask [size, size] that is true within any of the regions."""
    mask = np.zeros((size, size), dtype=bool)
    for x0, y0, x1, y1 in regions:
        mask[y0:y1, x0:x1] = True
    return mask
