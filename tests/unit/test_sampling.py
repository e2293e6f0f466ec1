"""Crops and pasted masks: against loops over pixels, and with degenerate boxes."""

import itertools

import pytest
import torch
from literal import cropped
from networks_factory import random_boxes

from soulbench.models.sampling import crop, crop_weights, paste_masks, paste_weights

EXACT = {"rtol": 1e-12, "atol": 1e-12}


def random_images(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("height", "width", "size"), [(9, 9, 5), (6, 11, 8), (4, 4, 16), (1, 3, 2)])
def test_crops_are_bilinear(height, width, size):
    boxes = random_boxes(6, torch.Generator().manual_seed(1)).double()
    boxes[0] = torch.tensor([0.0, 0.0, 1.0, 1.0])
    boxes[1] = torch.tensor([0.9, 0.0, 1.0, 0.1])
    images = random_images(6, 2, height, width)
    crops = crop(images, boxes, size)
    assert crops.shape == (6, 2, size, size)
    for one, image, box in zip(crops, images, boxes, strict=True):
        torch.testing.assert_close(one, cropped(image, box, size), **EXACT)


def test_a_crop_of_the_whole_image_is_the_image():
    images = random_images(2, 3, 8, 8)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).expand(2, 4)
    assert torch.equal(crop(images, boxes, 8), images)


def test_a_crop_of_whole_pixels_is_the_slice():
    images = random_images(1, 3, 16, 16)
    boxes = torch.tensor([[4, 8, 12, 16]], dtype=torch.float64) / 16
    torch.testing.assert_close(crop(images, boxes, 8), images[:, :, 8:16, 4:12], **EXACT)


def test_an_empty_box_reads_one_value():
    images = random_images(1, 1, 4, 4)
    boxes = torch.tensor([[0.375, 0.625, 0.375, 0.625]], dtype=torch.float64)
    torch.testing.assert_close(crop(images, boxes, 3), images[:, :, 2:3, 1:2].expand(1, 1, 3, 3), **EXACT)


@pytest.mark.parametrize("interval", [(0.0, 1.0), (0.3, 0.3), (0.999, 1.0), (0.1, 0.75), (0.0, 0.01)])
def test_weights_of_a_crop_sum_to_one(interval):
    low, high = torch.tensor([interval], dtype=torch.float64).T
    weights = crop_weights(low, high, 13, 7)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(1, 7, dtype=torch.float64), **EXACT)


def test_a_mask_of_the_whole_image_stays_as_it_is():
    masks = random_images(2, 8, 8)
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]], dtype=torch.float64).expand(2, 4)
    torch.testing.assert_close(paste_masks(masks, boxes, 8), masks, **EXACT)


def test_adjacent_boxes_cover_every_pixel_once():
    cuts = [0.0, 0.17, 0.5, 0.53125, 0.9, 1.0]
    parts = list(itertools.pairwise(cuts))
    boxes = [[x0, y0, x1, y1] for x0, x1 in parts for y0, y1 in parts]
    ones = torch.ones(len(boxes), 4, 4, dtype=torch.float64)
    total = paste_masks(ones, torch.tensor(boxes, dtype=torch.float64), 16).sum(dim=0)
    torch.testing.assert_close(total, torch.ones(16, 16, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("box", [[0.3, 0.1, 0.3, 0.9], [0.51, 0.51, 0.52, 0.52], [0.6, 0.2, 0.5, 0.9]])
def test_a_box_without_a_pixel_centre_stays_empty(box):
    pasted = paste_masks(torch.ones(1, 4, 4), torch.tensor([box]), 16)
    assert torch.equal(pasted, torch.zeros(1, 16, 16))


@pytest.mark.parametrize("box", [[0.25, 0.5, 0.75, 1.0], [0.11, 0.2, 0.52, 0.93]])
def test_nothing_is_pasted_outside_the_box(box):
    pasted = paste_masks(torch.ones(1, 4, 4), torch.tensor([box]), 16)[0]
    centres = (torch.arange(16) + 0.5) / 16
    x, y = (centres >= box[0]) & (centres < box[2]), (centres >= box[1]) & (centres < box[3])
    assert torch.equal(pasted > 0, y[:, None] & x)
    torch.testing.assert_close(pasted[pasted > 0], torch.ones(int(x.sum() * y.sum())))


def test_a_pasted_gradient_keeps_its_direction():
    """Columns are x, rows are y: a mask that grows to the right grows to the right in its box."""
    mask = torch.linspace(0, 1, 4).expand(1, 4, 4)
    pasted = paste_masks(mask, torch.tensor([[0.25, 0.0, 0.75, 1.0]]), 16)[0]
    assert torch.equal(pasted[0], pasted[7])
    assert (pasted[3, 4:12].diff() >= 0).all()
    assert pasted[3, 11] > pasted[3, 4]


def test_crops_and_pasted_masks_can_be_differentiated_twice():
    boxes = torch.tensor([[0.1, 0.2, 0.8, 0.9]], dtype=torch.float64)
    masks, images = random_images(1, 3, 3).requires_grad_(), random_images(1, 1, 5, 5).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda m: paste_masks(m, boxes, 6).pow(3).sum(), masks)
    assert torch.autograd.gradgradcheck(lambda i: crop(i, boxes, 3).pow(3).sum(), images)


def test_the_gradient_of_an_empty_box_is_zero():
    masks = torch.ones(1, 4, 4, requires_grad=True)
    weights = paste_weights(torch.tensor([0.5]), torch.tensor([0.5]), 4, 8)
    assert not weights.any()
    paste_masks(masks, torch.tensor([[0.5, 0.5, 0.5, 0.5]]), 8).sum().backward()
    assert torch.equal(masks.grad, torch.zeros(1, 4, 4))
