"""Crops and placed masks: against PyTorch's own sampling and loops over pixels, and with degenerate boxes."""

import math

import pytest
import torch
from literal import cropped, feature_crop, placed
from networks_factory import random_boxes
from torch.nn import functional as F

from soulbench.models.sampling import (
    boxes_as_masks,
    centres,
    corners,
    crop,
    crop_weights,
    paste_masks,
    paste_weights,
    pixel_corners,
)

EXACT = {"rtol": 1e-12, "atol": 1e-12}
RULES = {"centres": centres, "corners": corners, "whole pixels": pixel_corners}
SHAPES = [(9, 9, 5), (6, 11, 8), (4, 4, 16), (2, 3, 2)]


def random_images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def some_boxes():
    boxes = random_boxes(6, torch.Generator().manual_seed(1)).double()
    boxes[0] = torch.tensor([0.0, 0.0, 1.0, 1.0])
    boxes[1] = torch.tensor([0.9, 0.0, 1.0, 0.1])
    return boxes


def grid_of(boxes, positions):
    """Return grids [N, s, s, 2] for `F.grid_sample`: columns and rows at `positions` [s] of each box's sides."""
    x, y = ((boxes[:, i, None] + (boxes[:, i + 2] - boxes[:, i])[:, None] * positions) for i in (0, 1))
    shape = (len(boxes), len(positions), len(positions))
    return 2 * torch.stack([x[:, None].expand(shape), y[:, :, None].expand(shape)], dim=-1) - 1


def steps(count):
    return torch.linspace(0, 1, count, dtype=torch.float64)


@pytest.mark.parametrize(("height", "width", "size"), SHAPES)
def test_crops_of_the_metrics_are_bilinear_at_the_centres_of_equal_parts(height, width, size):
    images, boxes = random_images(6, 2, height, width), some_boxes()
    parts = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    expected = F.grid_sample(images, grid_of(boxes, parts), padding_mode="border", align_corners=False)
    torch.testing.assert_close(crop(images, boxes, size), expected, **EXACT)


@pytest.mark.parametrize(("height", "width", "size"), SHAPES)
def test_crops_of_the_object_discriminator_include_both_ends(height, width, size):
    images, boxes = random_images(6, 2, height, width), some_boxes()
    crops = crop(images, boxes, size, corners)
    expected = F.grid_sample(images, grid_of(boxes, steps(size)), align_corners=True)
    torch.testing.assert_close(crops, expected, **EXACT)
    for one, image, box in zip(crops, images, boxes, strict=True):
        torch.testing.assert_close(one, cropped(image, box, size), **EXACT)


@pytest.mark.parametrize("size", [3, 8, 16])
def test_crops_of_the_visual_features_are_resized_whole_pixels(size):
    images, boxes = random_images(6, 2, 12, 12), some_boxes()
    for one, image, box in zip(crop(images, boxes, size, pixel_corners), images, boxes, strict=True):
        torch.testing.assert_close(one, feature_crop(image, box, size), **EXACT)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_crop_of_the_whole_image_is_the_image(rule):
    images = random_images(2, 3, 8, 8)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).expand(2, 4)
    torch.testing.assert_close(crop(images, boxes, 8, rule), images, **EXACT)


@pytest.mark.parametrize("rule", [centres, pixel_corners])
def test_a_crop_of_whole_pixels_is_the_slice(rule):
    images = random_images(1, 3, 16, 16)
    boxes = torch.tensor([[4, 8, 12, 16]], dtype=torch.float64) / 16
    torch.testing.assert_close(crop(images, boxes, 8, rule), images[:, :, 8:16, 4:12], **EXACT)


@pytest.mark.parametrize(("rule", "position"), [(centres, (0.375, 0.625)), (corners, (1 / 3, 2 / 3))])
def test_an_empty_box_reads_one_value(rule, position):
    images = random_images(1, 1, 4, 4)
    boxes = torch.tensor([position * 2], dtype=torch.float64)
    crops = crop(images, boxes, 3, rule)
    torch.testing.assert_close(crops, images[:, :, 2:3, 1:2].expand(1, 1, 3, 3), **EXACT)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("interval", [(0.0, 1.0), (0.3, 0.3), (0.999, 1.0), (0.1, 0.75), (0.0, 0.01)])
def test_weights_of_a_crop_sum_to_one(interval, rule):
    low, high = torch.tensor([interval], dtype=torch.float64).T
    weights = crop_weights(low, high, 13, 7, rule)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(1, 7, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0.25, 0.5, 0.75, 1.0), (4, 8, 12, 16)),
        ((0.3, 0.3, 0.99, 0.5), (4, 4, 15, 8)),  # 4.8 and 15.84 pixels: both are rounded down
        ((0.51, 0.98, 0.52, 1.0), (8, 15, 9, 16)),  # less than a pixel becomes one
        ((1.0, 0.0, 1.0, 0.0), (15, 0, 16, 1)),
        ((5 / 16 - 1e-8, 0, 11 / 16 - 1e-8, 1), (5, 0, 11, 16)),  # borders that float32 rounded
    ],
)
def test_boxes_as_masks_cover_whole_pixels(box, expected):
    left, top, right, bottom = expected
    mask = boxes_as_masks(torch.tensor([box]), 16)[0]
    for y in range(16):
        for x in range(16):
            assert mask[y, x] == (left <= x < right and top <= y < bottom)


def bilinear(mask, row, column):
    """Return the bilinear value of a mask at a position; zeros surround it."""
    total = 0.0
    for y in (math.floor(row), math.floor(row) + 1):
        for x in (math.floor(column), math.floor(column) + 1):
            if 0 <= y < len(mask) and 0 <= x < len(mask):
                total += (1 - abs(row - y)) * (1 - abs(column - x)) * mask[y][x]
    return total


@pytest.mark.parametrize("count", [2, 4, 8])
def test_masks_are_placed_pixel_by_pixel(count):
    size, masks, boxes = 11, random_images(6, count, count), some_boxes()
    pasted = paste_masks(masks, boxes, size)
    for one, mask, box in zip(pasted, masks, boxes, strict=True):
        x0, y0, x1, y1 = box.tolist()
        expected = [
            [
                bilinear(
                    mask.tolist(),
                    (y / (size - 1) - y0) / (y1 - y0) * (count - 1),
                    (x / (size - 1) - x0) / (x1 - x0) * (count - 1),
                )
                for x in range(size)
            ]
            for y in range(size)
        ]
        torch.testing.assert_close(one, torch.tensor(expected, dtype=torch.float64), **EXACT)
        torch.testing.assert_close(one, placed(mask, box, size), **EXACT)


def test_masks_are_placed_as_by_grid_sample():
    masks, boxes = random_images(6, 5, 5), some_boxes()
    x, y = ((steps(12) - boxes[:, i, None]) / (boxes[:, i + 2] - boxes[:, i])[:, None] for i in (0, 1))
    grid = 2 * torch.stack([x[:, None].expand(6, 12, 12), y[:, :, None].expand(6, 12, 12)], dim=-1) - 1
    expected = F.grid_sample(masks[:, None], grid, align_corners=True)[:, 0]
    torch.testing.assert_close(paste_masks(masks, boxes, 12), expected, **EXACT)


def test_a_mask_of_the_whole_image_stays_as_it_is():
    masks = random_images(2, 8, 8)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).expand(2, 4)
    torch.testing.assert_close(paste_masks(masks, boxes, 8), masks, **EXACT)


@pytest.mark.parametrize("box", [[0.3, 0.1, 0.3, 0.9], [0.6, 0.2, 0.5, 0.9]])
def test_an_empty_box_stays_empty(box):
    pasted = paste_masks(torch.ones(1, 4, 4), torch.tensor([box]), 16)
    assert torch.equal(pasted, torch.zeros(1, 16, 16))


def test_a_mask_fades_to_zero_around_its_box():
    # Pixels lie at multiples of 0.05, the mask's values 0.1 apart on 0.4 .. 0.7: one pixel on each side is half full.
    pasted = paste_masks(torch.ones(1, 4, 4), torch.tensor([[0.4, 0.0, 0.7, 1.0]]), 21)[0]
    expected = torch.zeros(21)
    expected[8:15], expected[[7, 15]] = 1, 0.5
    torch.testing.assert_close(pasted, expected.expand(21, 21), rtol=0, atol=1e-5)


def test_a_pasted_gradient_keeps_its_direction():
    """Columns are x, rows are y: a mask that grows to the right grows to the right in its box."""
    mask = torch.linspace(0, 1, 4).expand(1, 4, 4)
    pasted = paste_masks(mask, torch.tensor([[0.25, 0.0, 0.75, 1.0]]), 17)[0]
    assert torch.equal(pasted[0], pasted[7])
    assert (pasted[3, 4:13].diff() > 0).all()


def test_crops_and_pasted_masks_can_be_differentiated_twice():
    boxes = torch.tensor([[0.1, 0.2, 0.8, 0.9]], dtype=torch.float64)
    masks, images = random_images(1, 3, 3).requires_grad_(), random_images(1, 1, 5, 5).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda m: paste_masks(m, boxes, 6).pow(3).sum(), masks)
    assert torch.autograd.gradgradcheck(lambda i: crop(i, boxes, 3, corners).pow(3).sum(), images)


def test_the_gradient_of_an_empty_box_is_zero():
    masks = torch.ones(1, 4, 4, requires_grad=True)
    weights = paste_weights(torch.tensor([0.5]), torch.tensor([0.5]), 4, 8)
    assert not weights.any()
    paste_masks(masks, torch.tensor([[0.5, 0.5, 0.5, 0.5]]), 8).sum().backward()
    assert torch.equal(masks.grad, torch.zeros(1, 4, 4))
