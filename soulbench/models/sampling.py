"""Bilinear crops of boxes, and masks placed in boxes, each as two small matrix products.

Bilinear interpolation in an axis-aligned box is separable: rows and columns are weighted independently. As matrix
products (instead of a gather) it can be differentiated any number of times, which Hessian-vector products need, and
one batched product serves all boxes of a batch.

Three rules say which positions a crop reads: the metrics read the centres of equal parts, the object discriminator and
the visual features read as SIMSG's do.
"""

from collections.abc import Callable

import torch
from torch import Tensor

#: (low, high, pixels, samples): ends [N] of intervals as fractions of an axis of so many pixels -> positions
#: [N, samples] that are read, counted in pixels from the centre of the first one.
Positions = Callable[[Tensor, Tensor, int, int], Tensor]


def centres(low: Tensor, high: Tensor, pixels: int, samples: int) -> Tensor:
    """Return the centres of equal parts of the intervals; 0 and 1 are the outer edges of the outermost pixels."""
    parts = (torch.arange(samples, device=low.device, dtype=low.dtype) + 0.5) / samples
    return (low[:, None] + (high - low)[:, None] * parts) * pixels - 0.5


def corners(low: Tensor, high: Tensor, pixels: int, samples: int) -> Tensor:
    """Return evenly spaced positions, both ends included; 0 and 1 are the centres of the outermost pixels (SIMSG)."""
    return _spread(low * (pixels - 1), high * (pixels - 1), samples)


def pixel_corners(low: Tensor, high: Tensor, pixels: int, samples: int) -> Tensor:
    """Return evenly spaced positions from the first to the last of the intervals' whole pixels (SIMSG)."""
    first, end = whole_pixels(low, high, pixels)
    return _spread(first, end - 1, samples)


def _spread(first: Tensor, last: Tensor, samples: int) -> Tensor:
    steps = torch.linspace(0, 1, samples, device=first.device, dtype=first.dtype)
    return first[:, None] + (last - first)[:, None] * steps


def whole_pixels(low: Tensor, high: Tensor, pixels: int) -> tuple[Tensor, Tensor]:
    """Return the first whole pixel of intervals and the one after the last; both ends are rounded down (SIMSG).

    An interval that is shorter has one pixel. `soulbench.data.regions.region` rounds the upper end up.

    Args:
        low, high: [N] ends of the intervals, as fractions of the axis.
        pixels: length of the axis.
    """
    # 1e-4 of a pixel: an interval that begins at a pixel's border must not begin before it because float32 rounds.
    first, end = ((position * pixels + 1e-4).floor() for position in (low, high))
    first = first.clamp(0, pixels - 1)
    return first, torch.maximum(end, first + 1).clamp(max=pixels)


def crop_weights(low: Tensor, high: Tensor, pixels: int, samples: int, positions: Positions) -> Tensor:
    """Return weights that read `samples` bilinear values from intervals of an axis of `pixels` pixels.

    Args:
        low, high: [N] ends of the intervals, as fractions of the axis.
        pixels: length of the axis that is read.
        samples: number of values to read.
        positions: where they are read.

    Returns:
        [N, samples, pixels]; each row sums to 1 (positions beyond the outermost pixel centres read the border).
    """
    return _interpolation(positions(low, high, pixels, samples).clamp(0, pixels - 1), pixels)


def paste_weights(low: Tensor, high: Tensor, samples: int, pixels: int) -> Tensor:
    """Return weights that interpolate `samples` values over intervals of an axis of `pixels` pixels, as SIMSG does.

    The outermost samples lie on the ends of the interval, and the centres of the outermost pixels on 0 and 1. Beyond
    its ends the result fades to zero within the distance of two samples. An empty interval writes nothing.

    Args:
        low, high: [N] ends of the intervals, as fractions of the axis.
        samples: number of values to interpolate, at least two.
        pixels: length of the axis that is written.

    Returns:
        [N, pixels, samples].
    """
    grid = torch.linspace(0, 1, pixels, device=low.device, dtype=low.dtype)
    extent = (high - low).clamp(min=torch.finfo(low.dtype).eps)[:, None]
    weights = _interpolation((grid - low[:, None]) / extent * (samples - 1), samples)
    return weights * (high > low)[:, None, None]


def _interpolation(positions: Tensor, values: int) -> Tensor:
    """Return weights [..., values] that interpolate at positions [...]; zeros follow the outermost values."""
    grid = torch.arange(values, device=positions.device, dtype=positions.dtype)
    return (1 - (positions[..., None] - grid).abs()).clamp(min=0)


def crop(images: Tensor, boxes: Tensor, size: int, positions: Positions = centres) -> Tensor:
    """Return the crops of boxes, resized to size x size (bilinear).

    Args:
        images: [N, C, H, W], one image per box.
        boxes: [N, 4] x0, y0, x1, y1 in [0, 1].
        size: side of the crops in pixels.
        positions: where the values are read.

    Returns:
        [N, C, size, size].
    """
    columns = crop_weights(boxes[:, 0], boxes[:, 2], images.shape[3], size, positions)
    rows = crop_weights(boxes[:, 1], boxes[:, 3], images.shape[2], size, positions)
    return torch.einsum("nih,nchw,njw->ncij", rows, images, columns)


def paste_masks(masks: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Resize masks to their boxes (bilinear) and place each in an empty image.

    Args:
        masks: [N, m, m].
        boxes: [N, 4] x0, y0, x1, y1 in [0, 1].
        size: side of the images in pixels.

    Returns:
        [N, size, size]; around the box the mask fades to zero.
    """
    columns = paste_weights(boxes[:, 0], boxes[:, 2], masks.shape[2], size)
    rows = paste_weights(boxes[:, 1], boxes[:, 3], masks.shape[1], size)
    return rows @ masks @ columns.transpose(1, 2)


def boxes_as_masks(boxes: Tensor, size: int) -> Tensor:
    """Return masks [N, size, size] of boxes [N, 4] that are true on their whole pixels (`whole_pixels`)."""
    pixel = torch.arange(size, device=boxes.device)

    def inside(low: Tensor, high: Tensor) -> Tensor:
        first, end = whole_pixels(low, high, size)
        return (pixel >= first[:, None]) & (pixel < end[:, None])

    return inside(boxes[:, 1], boxes[:, 3])[:, :, None] & inside(boxes[:, 0], boxes[:, 2])[:, None]
