"""Regions of pictures compared: known values, and pixels that do not count."""

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from soulbench.core.terms import UNITS
from soulbench.evaluation import lpips_backbone as lpips_backbone
from soulbench.evaluation.metrics import CROP, Comparison, Place

SIZE = 16
WHOLE = (0, 0, SIZE, SIZE)


@pytest.fixture(scope="module")
def compare():
    return Comparison(lpips_backbone.build({"net": "squeeze", "weights": "seeded"}), threshold=8)


def noise(seed, size=SIZE, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (2, size, size, 3), dtype=np.uint8)


def test_equal_pictures(compare):
    found = compare(noise(0), noise(0), [Place(0, WHOLE), Place(1, (3, 4, 9, 12))])
    assert found == {"ssim": pytest.approx(1), "lpips": 0, "mae": 0, "changed": 0}
    assert {*found} == {*UNITS}


def test_known_differences(compare):
    references = noise(0, low=50, high=100)
    pictures = references.copy()
    pictures[0, :8] += 8  # at the threshold: not above it
    pictures[0, 8:, :, 0] += 20
    found = compare(pictures, references, [Place(0, WHOLE)])
    assert found["mae"] == pytest.approx((8 + 20 / 3) / 2)
    assert found["changed"] == pytest.approx(1 / 6)


def test_differences_below_zero_are_no_overflow(compare):
    black, white = np.zeros((1, SIZE, SIZE, 3), np.uint8), np.full((1, SIZE, SIZE, 3), 255, np.uint8)
    for first, second in ((black, white), (white, black)):
        found = compare(first, second, [Place(0, WHOLE)])
        assert (found["mae"], found["changed"]) == (255, 1)
        assert found["ssim"] == pytest.approx(1e-4 / (1 + 1e-4), rel=1e-4)


def test_places_count_alike_whatever_their_size(compare):
    references = noise(0, low=50, high=100)
    pictures = references.copy()
    pictures[1, :2, :2] += 40
    found = compare(pictures, references, [Place(0, WHOLE), Place(1, (0, 0, 2, 2))])
    assert found["mae"] == pytest.approx(20)


def test_what_lies_outside_the_region_does_not_count(compare):
    references, pictures = noise(0), noise(1)
    pictures[0, 4:12, 3:9] = references[0, 4:12, 3:9]
    found = compare(pictures, references, [Place(0, (3, 4, 9, 12))])
    assert found["mae"] == found["changed"] == 0
    # Bilinear samples at the region's rim reach half a pixel beyond it, on the same pixels of both.
    inner = compare(pictures, references, [Place(0, (4, 5, 8, 11))])
    assert inner["ssim"] == pytest.approx(1)
    assert inner["lpips"] == pytest.approx(0, abs=1e-6)


def test_excluded_pixels_do_not_count(compare):
    without = (6, 6, 16, 16)
    references, pictures = noise(0), noise(0)
    pictures[0, 2:5, 2:5] = noise(2)[0, 2:5, 2:5]
    place = Place(0, WHOLE, without)
    before = compare(pictures, references, [place])
    assert before["mae"] > 0
    changed = pictures.copy()
    changed[0, 6:, 6:] = noise(3)[0, 6:, 6:]
    assert compare(changed, references, [place]) == before
    assert compare(changed, references, [Place(0, WHOLE)])["mae"] > before["mae"]
    counted = np.ones((SIZE, SIZE), dtype=bool)
    counted[6:, 6:] = False
    difference = np.abs(changed[0].astype(int) - references[0])[counted]
    assert before["mae"] == pytest.approx(difference.mean())
    assert before["changed"] == pytest.approx((difference > 8).mean())


def test_the_similarity_of_a_region_of_its_own_size_is_scikit_images(compare):
    first, second = noise(0, size=CROP), noise(1, size=CROP)
    found = compare(first, second, [Place(0, (0, 0, CROP, CROP))])["ssim"]
    expected = structural_similarity(
        first[0] / 255, second[0] / 255, win_size=3, channel_axis=-1, data_range=1
    )
    assert found == pytest.approx(expected, abs=1e-5)


def test_regions_are_rows_and_columns_in_the_right_order(compare):
    references = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    pictures = references.copy()
    pictures[0, 2:4, 10:15] = 200  # y 2..4, x 10..15
    assert compare(pictures, references, [Place(0, (10, 2, 15, 4))])["mae"] == 200
    assert compare(pictures, references, [Place(0, (2, 10, 4, 15))])["mae"] == 0


def test_nothing_to_compare(compare):
    assert compare(noise(0), noise(1), []) == {}
