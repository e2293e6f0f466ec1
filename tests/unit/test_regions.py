"""Boxes as whole pixels."""

import numpy as np
import pytest

from soulbench.data.regions import inside, region


@pytest.mark.parametrize(
    ("box", "margin", "expected"),
    [
        ((0.25, 0.5, 0.75, 1.0), 0, (16, 32, 48, 64)),
        ((0.25, 0.5, 0.75, 1.0), 2, (14, 30, 50, 64)),
        ((0.0, 0.0, 1.0, 1.0), 2, (0, 0, 64, 64)),
        ((0.26, 0.26, 0.27, 0.27), 0, (16, 16, 18, 18)),
        ((0.251, 0.251, 0.26, 0.26), 0, (16, 16, 17, 17)),
        ((0.5, 0.5, 0.5, 0.5), 0, (32, 32, 33, 33)),
        ((1.0, 1.0, 1.0, 1.0), 0, (63, 63, 64, 64)),
        ((0.0, 0.0, 0.0, 0.0), 0, (0, 0, 1, 1)),
        ((0.0, 0.0, 0.0, 0.0), 2, (0, 0, 2, 2)),
    ],
)
def test_region(box, margin, expected):
    assert region(box, 64, margin) == expected


@pytest.mark.parametrize("size", [16, 64, 100])
def test_a_box_of_whole_pixels_claims_no_more_whatever_float32_makes_of_it(size):
    for low in range(size - 1):
        box = np.array([low, low, low + 1, size], dtype=np.float32) / np.float32(size)
        assert region(box.tolist(), size) == (low, low, low + 1, size)


def test_every_region_has_a_pixel_and_lies_in_the_image():
    rng = np.random.default_rng(0)
    for _ in range(500):
        low, high = np.sort(rng.uniform(-0.1, 1.1, (2, 2)), axis=0)
        x0, y0, x1, y1 = region([*low, *high], 16, int(rng.integers(0, 4)))
        assert 0 <= x0 < x1 <= 16
        assert 0 <= y0 < y1 <= 16


def test_inside_is_true_on_the_regions_alone():
    mask = inside([(1, 2, 3, 4), (2, 3, 5, 6)], 8)
    expected = np.zeros((8, 8), dtype=bool)
    for x0, y0, x1, y1 in ((1, 2, 3, 4), (2, 3, 5, 6)):
        for y in range(y0, y1):
            for x in range(x0, x1):
                expected[y, x] = True
    assert (mask == expected).all()
    assert not inside([], 8).any()
