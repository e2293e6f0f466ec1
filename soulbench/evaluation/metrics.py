"""Metrics of image regions: SSIM, LPIPS, mean absolute error and share of changed values."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from soulbench.data.regions import Region, inside
from soulbench.evaluation.lpips_backbone import between
from soulbench.models.sampling import crop
from soulbench.models.ssim import structural_similarity

CROP = 64  # pixels per side to which regions are resized for SSIM and LPIPS
CHUNK = 32  # regions that are compared at once, which bounds the memory


@dataclass(frozen=True)
class ComparedRegion:
    """A region of one image.

    Attributes:
        image_index: index into the images that are compared.
        region: its pixels.
        exclude: regions whose pixels do not count.
    """

    image_index: int
    region: Region
    exclude: tuple[Region, ...] = ()


class Comparison:
    """Compares 8-bit images region by region, in the same way for every model.

    Args:
        distance: LPIPS (`soulbench.evaluation.lpips_backbone`); without it, only pixels are compared.
        threshold: grey levels of 255 above which a channel value counts as changed.
    """

    def __init__(self, distance: nn.Module | None, threshold: float):
        self.distance, self.threshold = distance, threshold

    def __call__(
        self, images: np.ndarray, references: np.ndarray, regions: Sequence[ComparedRegion]
    ) -> dict[str, float]:
        """Return each metric, averaged over the regions.

        MAE and the changed share are computed on the pixels as they are. For SSIM and LPIPS the regions are resized
        to 64 x 64 pixels (bilinear). Excluded pixels are left out of MAE, of the changed share and of the mean of the
        SSIM map. LPIPS has no such map; there, both images show the reference's pixels.

        Args:
            images: uint8 [M, H, W, 3].
            references: uint8 [M, H, W, 3], what the images are compared with.
            regions: the regions to compare; without any the result is empty.
        """
        if not regions:
            return {}
        if self.distance is None:
            return self.pixels(images, references, regions)
        chunks = [regions[start : start + CHUNK] for start in range(0, len(regions), CHUNK)]
        crops = zip(*(self._crops(images, references, chunk) for chunk in chunks), strict=True)
        similarity, distance = (float(torch.cat(values).mean()) for values in crops)
        return {"ssim": similarity, "lpips": distance, **self.pixels(images, references, regions)}

    def of_pixels(self) -> "Comparison":
        """Return a comparison of pixels alone."""
        return Comparison(None, self.threshold)

    def pixels(
        self, images: np.ndarray, references: np.ndarray, regions: Sequence[ComparedRegion]
    ) -> dict[str, float]:
        """Return only MAE and the changed share, which take no time; the arguments are those of a call."""
        if not regions:
            return {}
        differences = [self._pixels(images[r.image_index], references[r.image_index], r) for r in regions]
        mae, changed = np.mean(differences, axis=0)
        return {"mae": float(mae), "changed": float(changed)}

    def _pixels(
        self, image: np.ndarray, reference: np.ndarray, region: ComparedRegion
    ) -> tuple[float, float]:
        """Return MAE in grey levels and the changed share."""
        counted = _counted_pixels(region, image.shape[0])
        difference = np.abs(image[counted].astype(np.int16) - reference[counted])
        return difference.mean(), (difference > self.threshold).mean()

    @torch.no_grad()
    def _crops(
        self, images: np.ndarray, references: np.ndarray, regions: Sequence[ComparedRegion]
    ) -> tuple[Tensor, Tensor]:
        """Return SSIM and LPIPS of every region [N]."""
        size = images.shape[1]
        boxes = torch.tensor([r.region for r in regions], dtype=torch.float32) / size
        first = torch.stack(
            [_tensor(_without_excluded(images[r.image_index], references[r.image_index], r)) for r in regions]
        )
        second = torch.stack([_tensor(references[r.image_index]) for r in regions])
        first, second = crop(first, boxes, CROP), crop(second, boxes, CROP)
        counted = torch.stack([torch.from_numpy(_counted_pixels(r, size)) for r in regions])[:, None].float()
        # The SSIM map lacks the outermost pixels, where the 3 x 3 window does not fit.
        visible = (crop(counted, boxes, CROP)[..., 1:-1, 1:-1] > 0.5).expand(-1, 3, -1, -1)
        similarity = structural_similarity(first, second)
        means = (similarity * visible).sum(dim=(1, 2, 3)) / visible.sum(dim=(1, 2, 3)).clamp(min=1)
        assert self.distance is not None
        return means, between(self.distance, first, second)


def _counted_pixels(region: ComparedRegion, size: int) -> np.ndarray:
    """Return the mask [size, size] of the pixels that count."""
    return inside([region.region], size) & ~inside(region.exclude, size)


def _without_excluded(image: np.ndarray, reference: np.ndarray, region: ComparedRegion) -> np.ndarray:
    """Return the image with the reference's pixels where pixels are excluded."""
    if not region.exclude:
        return image
    result = image.copy()
    for x0, y0, x1, y1 in region.exclude:
        result[y0:y1, x0:x1] = reference[y0:y1, x0:x1]
    return result


def _tensor(image: np.ndarray) -> Tensor:
    return torch.tensor(image).movedim(-1, 0).float() / 255
