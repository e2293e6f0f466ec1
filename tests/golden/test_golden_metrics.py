"""Numbers that must not drift: fixed pictures through every metric."""

import numpy as np
import pytest

from soulbench.evaluation import lpips_backbone as lpips_backbone
from soulbench.evaluation.metrics import Comparison, Place

SIZE = 64
PLACES = {
    "whole": Place(0, (0, 0, SIZE, SIZE)),
    "region": Place(0, (12, 16, 44, 44)),
    "around it": Place(0, (4, 4, 56, 60), (12, 16, 44, 44)),
}
GOLDEN = {
    "whole": {"ssim": 0.903524, "lpips": 0.035978, "mae": 12.4532, "changed": 0.114746},
    "region": {"ssim": 0.683115, "lpips": 0.132822, "mae": 46.2147, "changed": 0.524554},
    "around it": {"ssim": 0.994748, "lpips": 0.000159692, "mae": 3.0, "changed": 0.0},
}


def pictures():
    """A gradient with a disc, and the same one with the disc moved and dimmed."""
    y, x = np.mgrid[:SIZE, :SIZE]
    plain = np.stack([4 * x, 4 * y, 2 * (x + y)], axis=-1) // 2
    first, second = plain.copy(), plain + 3
    first[(x - 24) ** 2 + (y - 28) ** 2 < 120] = (230, 180, 140)
    second[(x - 30) ** 2 + (y - 30) ** 2 < 100] = (150, 120, 100)
    return first[None].astype(np.uint8), second[None].astype(np.uint8)


@pytest.fixture(scope="module")
def compare():
    return Comparison(lpips_backbone.build({"net": "squeeze", "weights": "seeded"}), threshold=8)


@pytest.mark.parametrize("place", PLACES)
def test_metrics_of_fixed_pictures(compare, place):
    assert compare(*pictures(), [PLACES[place]]) == pytest.approx(GOLDEN[place], rel=1e-3, abs=1e-5)
