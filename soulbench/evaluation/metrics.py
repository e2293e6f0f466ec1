"""Pictures compared region by region: SSIM, LPIPS, MAE and changed pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from soulbench.data.regions import Region
from soulbench.evaluation.lpips_backbone import between
from soulbench.models.sampling import crop
from soulbench.models.ssim import structural_similarity

CROP = 64  # pixels a side to which regions are resized for SSIM and LPIPS


@dataclass(frozen=True)
class Place:
    """A region of one picture.

    Attributes:
        picture: index into the pictures that are compared.
        region: its pixels.
        without: pixels of it that do not count.
    """

    picture: int
    region: Region
    without: Region | None = None


class Comparison:
    """Compares 8-bit pictures, the same way for every model.

    Args:
        distance: LPIPS (`soulbench.evaluation.lpips_backbone`).
        threshold: grey levels of 255 above which a channel value counts as changed.
    """

    def __init__(self, distance: nn.Module, threshold: float):
        self.distance, self.threshold = distance, threshold

    def __call__(
        self, pictures: np.ndarray, references: np.ndarray, places: Sequence[Place]
    ) -> dict[str, float]:
        """Return each metric, averaged over the places.

        MAE and changed share are taken on the pixels as they are; for SSIM and LPIPS regions are resized to 64 x 64
        (bilinear). Pixels that do not count are left out of MAE, of the changed share and of SSIM's average; LPIPS
        has no average over pixels, there both pictures show the reference.

        Args:
            pictures, references: uint8 [M, H, W, 3].
            places: what is compared; empty gives an empty result.
        """
        if not places:
            return {}
        differences = [self._pixels(pictures[p.picture], references[p.picture], p) for p in places]
        similarity, distance = self._crops(pictures, references, places)
        mae, changed = np.mean(differences, axis=0)
        return {"ssim": similarity, "lpips": distance, "mae": float(mae), "changed": float(changed)}

    def _pixels(self, picture: np.ndarray, reference: np.ndarray, place: Place) -> tuple[float, float]:
        counts = _counting(place, picture.shape[0])
        difference = np.abs(picture[counts].astype(np.int16) - reference[counts])
        return difference.mean(), (difference > self.threshold).mean()

    @torch.no_grad()
    def _crops(
        self, pictures: np.ndarray, references: np.ndarray, places: Sequence[Place]
    ) -> tuple[float, float]:
        size = pictures.shape[1]
        boxes = torch.tensor([p.region for p in places], dtype=torch.float32) / size
        first = torch.stack(
            [_tensor(_neutral(pictures[p.picture], references[p.picture], p)) for p in places]
        )
        second = torch.stack([_tensor(references[p.picture]) for p in places])
        first, second = crop(first, boxes, CROP), crop(second, boxes, CROP)
        counts = torch.stack([torch.from_numpy(_counting(p, size)) for p in places])[:, None].float()
        # The SSIM map lacks the outermost pixels, where the 3 x 3 window does not fit.
        visible = (crop(counts, boxes, CROP)[..., 1:-1, 1:-1] > 0.5).expand(-1, 3, -1, -1)
        similarity = structural_similarity(first, second)
        means = (similarity * visible).sum(dim=(1, 2, 3)) / visible.sum(dim=(1, 2, 3)).clamp(min=1)
        return float(means.mean()), float(between(self.distance, first, second).mean())


def _counting(place: Place, size: int) -> np.ndarray:
    """Mask [size, size] of the pixels that count."""
    mask = np.zeros((size, size), dtype=bool)
    x0, y0, x1, y1 = place.region
    mask[y0:y1, x0:x1] = True
    if place.without is not None:
        x0, y0, x1, y1 = place.without
        mask[y0:y1, x0:x1] = False
    return mask


def _neutral(picture: np.ndarray, reference: np.ndarray, place: Place) -> np.ndarray:
    if place.without is None:
        return picture
    x0, y0, x1, y1 = place.without
    result = picture.copy()
    result[y0:y1, x0:x1] = reference[y0:y1, x0:x1]
    return result


def _tensor(picture: np.ndarray) -> Tensor:
    return torch.tensor(picture).movedim(-1, 0).float() / 255
