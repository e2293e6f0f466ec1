"""The metrics of image regions: closed forms, and pixels that do not count."""

import numpy as np
import pytest
from skimage.color import lab2rgb
from skimage.metrics import structural_similarity

from soulbench.core.terms import UNITS
from soulbench.evaluation import lpips_backbone
from soulbench.evaluation.metrics import CROP, ComparedRegion, Comparison
from soulbench.metrics import delta_e

SIZE = 16
WHOLE = (0, 0, SIZE, SIZE)


@pytest.fixture(scope="module")
def compare():
    return Comparison(lpips_backbone.build({"net": "squeeze", "weights": "seeded"}), threshold=8)


def noise(seed, size=SIZE, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (2, size, size, 3), dtype=np.uint8)


def test_equal_images(compare):
    values = compare(noise(0), noise(0), [ComparedRegion(0, WHOLE), ComparedRegion(1, (3, 4, 9, 12))])
    assert values == {"ssim": pytest.approx(1), "lpips": 0, "mae": 0, "changed": 0}
    assert {*values} == {*UNITS}


def test_known_differences(compare):
    references = noise(0, low=50, high=100)
    images = references.copy()
    images[0, :8] += 8  # at the threshold: not above it
    images[0, 8:, :, 0] += 20
    values = compare(images, references, [ComparedRegion(0, WHOLE)])
    assert values["mae"] == pytest.approx((8 + 20 / 3) / 2)
    assert values["changed"] == pytest.approx(1 / 6)


def test_negative_differences_do_not_overflow(compare):
    black, white = np.zeros((1, SIZE, SIZE, 3), np.uint8), np.full((1, SIZE, SIZE, 3), 255, np.uint8)
    for first, second in ((black, white), (white, black)):
        values = compare(first, second, [ComparedRegion(0, WHOLE)])
        assert (values["mae"], values["changed"]) == (255, 1)
        assert values["ssim"] == pytest.approx(1e-4 / (1 + 1e-4), rel=1e-4)


def test_regions_have_equal_weight_whatever_their_size(compare):
    references = noise(0, low=50, high=100)
    images = references.copy()
    images[1, :2, :2] += 40
    values = compare(images, references, [ComparedRegion(0, WHOLE), ComparedRegion(1, (0, 0, 2, 2))])
    assert values["mae"] == pytest.approx(20)


def test_colour_differences_are_those_that_the_standard_tabulates():
    """Pairs 25, 26, 27 and 29 of the test data of Sharma et al. (2005), which are colours that a screen can show."""
    pairs = {
        1.2644: ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387)),
        1.2630: ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864)),
        1.8731: ((61.2901, 3.7196, -5.3901), (61.4292, 2.2480, -4.9620)),
        2.0373: ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619)),
    }
    for expected, colours in pairs.items():
        first, second = (np.broadcast_to(lab2rgb(colour), (1, 4, 4, 3)) for colour in colours)
        measured = delta_e.measure(first, second, np.ones((1, 4, 4), bool), delta_e.Parameters())
        assert measured == pytest.approx([expected], abs=2e-4)


def test_colours_that_do_not_count_are_not_compared():
    black, white = np.zeros((2, 4, 4, 3)), np.ones((2, 4, 4, 3))
    counted = np.ones((2, 4, 4), bool)
    counted[1, :2] = False
    images = black.copy()
    images[:, :2] = white[:, :2]
    whole, part = delta_e.measure(images, black, counted, delta_e.Parameters())
    assert whole == pytest.approx(50, abs=0.1)  # black and white are 100 apart
    assert part == 0


def test_pixels_outside_the_region_do_not_count(compare):
    references, images = noise(0), noise(1)
    images[0, 4:12, 3:9] = references[0, 4:12, 3:9]
    values = compare(images, references, [ComparedRegion(0, (3, 4, 9, 12))])
    assert values["mae"] == values["changed"] == 0
    # At the region's border, bilinear sampling reaches half a pixel beyond it.
    inner = compare(images, references, [ComparedRegion(0, (4, 5, 8, 11))])
    assert inner["ssim"] == pytest.approx(1)
    assert inner["lpips"] == pytest.approx(0, abs=1e-6)


def test_excluded_pixels_do_not_count(compare):
    references, images = noise(0), noise(0)
    images[0, 2:5, 2:5] = noise(2)[0, 2:5, 2:5]
    region = ComparedRegion(0, WHOLE, exclude=((6, 6, 16, 16),))
    before = compare(images, references, [region])
    assert before["mae"] > 0
    changed = images.copy()
    changed[0, 6:, 6:] = noise(3)[0, 6:, 6:]
    assert compare(changed, references, [region]) == before
    assert compare(changed, references, [ComparedRegion(0, WHOLE)])["mae"] > before["mae"]
    counted = np.ones((SIZE, SIZE), dtype=bool)
    counted[6:, 6:] = False
    difference = np.abs(changed[0].astype(int) - references[0])[counted]
    assert before["mae"] == pytest.approx(difference.mean())
    assert before["changed"] == pytest.approx((difference > 8).mean())


def test_ssim_of_a_region_that_is_not_resized_equals_scikit_images(compare):
    first, second = noise(0, size=CROP), noise(1, size=CROP)
    values = compare(first, second, [ComparedRegion(0, (0, 0, CROP, CROP))])["ssim"]
    expected = structural_similarity(
        first[0] / 255, second[0] / 255, win_size=3, channel_axis=-1, data_range=1
    )
    assert values == pytest.approx(expected, abs=1e-5)


def test_regions_are_rows_and_columns_in_the_right_order(compare):
    references = np.zeros((1, SIZE, SIZE, 3), np.uint8)
    images = references.copy()
    images[0, 2:4, 10:15] = 200  # y 2..4, x 10..15
    assert compare(images, references, [ComparedRegion(0, (10, 2, 15, 4))])["mae"] == 200
    assert compare(images, references, [ComparedRegion(0, (2, 10, 4, 15))])["mae"] == 0


def test_without_regions_the_result_is_empty(compare):
    assert compare(noise(0), noise(1), []) == {}
