"""Crops of objects, and whom or what each of them shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Crops:
    """Boxes in images, each with the identity that it shows.

    Attributes:
        pixels: uint8 [M, H, W, 3], the images.
        image_of: [N], the image of each crop.
        boxes: float32 [N, 4]: x0, y0, x1, y1 in [0, 1].
        labels: [N], the name of each crop's category.
        identities: [N], whom or what each crop shows.
        twins: identity -> its twin, of those who have one.
    """

    pixels: np.ndarray
    image_of: np.ndarray
    boxes: np.ndarray
    labels: Sequence[str]
    identities: Sequence[str]
    twins: Mapping[str, str]

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.image_of)

    def joined(self, other: "Crops") -> "Crops":
        """Return these crops and, after them, others of images of the same size."""
        return Crops(
            np.concatenate([self.pixels, other.pixels]),
            np.concatenate([self.image_of, other.image_of + len(self.pixels)]),
            np.concatenate([self.boxes, other.boxes]),
            [*self.labels, *other.labels],
            [*self.identities, *other.identities],
            {**self.twins, **other.twins},
        )
