"""Bilinear crops of boxes, and masks pasted into boxes, each as two small matrix products.

Bilinear interpolation in an axis-aligned box is separable: rows and columns are weighted independently. As matrix
products (instead of a gather) it can be differentiated any number of times, which Hessian-vector products need, and
one batched product serves all boxes of a batch.
"""

import torch
from torch import Tensor


def crop_weights(low: Tensor, high: Tensor, pixels: int, samples: int) -> Tensor:
    """Return weights that read `samples` bilinear values from intervals of an axis of `pixels` pixels.

    Args:
        low, high: [N] ends of the intervals, as fractions of the axis.
        pixels: length of the axis that is read.
        samples: number of values to read, at the centres of equal parts of the interval.

    Returns:
        [N, samples, pixels]; each row sums to 1 (positions beyond the outermost pixel centres read the border).
    """
    centres = (torch.arange(samples, device=low.device, dtype=low.dtype) + 0.5) / samples
    position = (low[:, None] + (high - low)[:, None] * centres) * pixels - 0.5
    position = position.clamp(0, pixels - 1)
    grid = torch.arange(pixels, device=low.device, dtype=low.dtype)
    return (1 - (position[..., None] - grid).abs()).clamp(min=0)


def paste_weights(low: Tensor, high: Tensor, samples: int, pixels: int) -> Tensor:
    """Return weights that interpolate `samples` values over intervals of an axis of `pixels` pixels.

    A pixel whose centre is outside [low, high) gets weights of zero, so an empty interval writes nothing.

    Args:
        low, high: [N] ends of the intervals, as fractions of the axis.
        samples: number of values to interpolate.
        pixels: length of the axis that is written.

    Returns:
        [N, pixels, samples].
    """
    centres = (torch.arange(pixels, device=low.device, dtype=low.dtype) + 0.5) / pixels
    inside = (centres >= low[:, None]) & (centres < high[:, None])
    extent = (high - low).clamp(min=torch.finfo(low.dtype).eps)[:, None]
    position = ((centres - low[:, None]) / extent * samples - 0.5).clamp(0, samples - 1)
    grid = torch.arange(samples, device=low.device, dtype=low.dtype)
    return (1 - (position[..., None] - grid).abs()).clamp(min=0) * inside[..., None]


def crop(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Return the crops of boxes, resized to size x size (bilinear).

    Args:
        images: [N, C, H, W], one image per box.
        boxes: [N, 4] x0, y0, x1, y1 in [0, 1].
        size: side of the crops in pixels.

    Returns:
        [N, C, size, size].
    """
    columns = crop_weights(boxes[:, 0], boxes[:, 2], images.shape[3], size)
    rows = crop_weights(boxes[:, 1], boxes[:, 3], images.shape[2], size)
    return torch.einsum("nih,nchw,njw->ncij", rows, images, columns)


def paste_masks(masks: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Resize masks to their boxes (bilinear) and paste each into an empty image.

    Args:
        masks: [N, m, m].
        boxes: [N, 4] x0, y0, x1, y1 in [0, 1].
        size: side of the images in pixels.

    Returns:
        [N, size, size], zero outside the box.
    """
    columns = paste_weights(boxes[:, 0], boxes[:, 2], masks.shape[2], size)
    rows = paste_weights(boxes[:, 1], boxes[:, 3], masks.shape[1], size)
    return rows @ masks @ columns.transpose(1, 2)
