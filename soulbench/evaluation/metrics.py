"""Metrics of image regions: SSIM, LPIPS, mean absolute error, share of changed values, and further ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soulbench.config import metrics
from soulbench.config.metrics import Metric
from soulbench.core.errors import UserError
from soulbench.core.terms import UNITS
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
        further: metrics besides these four, each with its parameters; they are measured where SSIM and LPIPS are.

    Attributes:
        units: metric -> unit of its values.
    """

    def __init__(
        self, distance: nn.Module | None, threshold: float, further: Sequence[tuple[Metric, Any]] = ()
    ):
        self.distance, self.threshold, self.further = distance, threshold, further
        self.units: Mapping[str, str] = {**UNITS, **{metric.id: metric.unit for metric, _ in further}}

    def __call__(
        self, images: np.ndarray, references: np.ndarray, regions: Sequence[ComparedRegion]
    ) -> dict[str, float]:
        """Return each metric, averaged over the regions.

        MAE and the changed share are computed on the pixels as they are. For the others the regions are resized
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
        crops = [self._crops(images, references, chunk) for chunk in chunks]
        means = {metric: float(torch.cat([values[metric] for values in crops]).mean()) for metric in crops[0]}
        return {**means, **self.pixels(images, references, regions)}

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
    ) -> dict[str, Tensor]:
        """Return SSIM, LPIPS and the further metrics of every region, [N] each."""
        size = images.shape[1]
        boxes = torch.tensor([r.region for r in regions], dtype=torch.float32) / size
        first = torch.stack(
            [_tensor(_without_excluded(images[r.image_index], references[r.image_index], r)) for r in regions]
        )
        second = torch.stack([_tensor(references[r.image_index]) for r in regions])
        first, second = crop(first, boxes, CROP), crop(second, boxes, CROP)
        counted = torch.stack([torch.from_numpy(_counted_pixels(r, size)) for r in regions])[:, None].float()
        # The SSIM map lacks the outermost pixels, where the 3 x 3 window does not fit.
        counted = crop(counted, boxes, CROP) > 0.5
        visible = counted[..., 1:-1, 1:-1].expand(-1, 3, -1, -1)
        similarity = structural_similarity(first, second)
        means = (similarity * visible).sum(dim=(1, 2, 3)) / visible.sum(dim=(1, 2, 3)).clamp(min=1)
        assert self.distance is not None
        results = {"ssim": means, "lpips": between(self.distance, first, second)}
        shown = first.movedim(1, -1).numpy(), second.movedim(1, -1).numpy(), counted[:, 0].numpy()
        for metric, parameters in self.further:
            results[metric.id] = _distances(metric, metric.measure(*shown, parameters), len(regions))
        return results


def _distances(metric: Metric, values: Any, number: int) -> Tensor:
    """Return what a metric's file measured [number]; refuse what is no distance."""
    distances = np.asarray(values, dtype=np.float64)
    if distances.shape != (number,) or not np.isfinite(distances).all() or (distances < 0).any():
        raise UserError(
            f"{metric.source.path}: measure returned an array of shape {list(distances.shape)} whose least value is "
            f"{distances.min(initial=np.inf):g}; it must return finite distances of at least 0, one for each of the "
            f"{number} regions ({metrics.WHERE})"
        )
    return torch.from_numpy(distances)


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
