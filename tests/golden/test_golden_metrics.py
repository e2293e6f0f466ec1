"""Every metric of fixed images has the value that it always had."""

import numpy as np
import pytest

from soulbench.evaluation import lpips_backbone
from soulbench.evaluation.metrics import ComparedRegion, Comparison

SIZE = 64
REGIONS = {
    "whole": ComparedRegion(0, (0, 0, SIZE, SIZE)),
    "region": ComparedRegion(0, (12, 16, 44, 44)),
    "around it": ComparedRegion(0, (4, 4, 56, 60), ((12, 16, 44, 44),)),
}
GOLDEN = {
    "whole": {"ssim": 0.903524, "lpips": 0.035978, "mae": 12.4532, "changed": 0.114746},
    "region": {"ssim": 0.683115, "lpips": 0.132822, "mae": 46.2147, "changed": 0.524554},
    "around it": {"ssim": 0.994748, "lpips": 0.000159692, "mae": 3.0, "changed": 0.0},
}


def fixed_images():
    """A gradient with a disc, and the same with the disc moved and dimmed."""
    y, x = np.mgrid[:SIZE, :SIZE]
    plain = np.stack([4 * x, 4 * y, 2 * (x + y)], axis=-1) // 2
    first, second = plain.copy(), plain + 3
    first[(x - 24) ** 2 + (y - 28) ** 2 < 120] = (230, 180, 140)
    second[(x - 30) ** 2 + (y - 30) ** 2 < 100] = (150, 120, 100)
    return first[None].astype(np.uint8), second[None].astype(np.uint8)


@pytest.fixture(scope="module")
def compare():
    return Comparison(lpips_backbone.build({"net": "squeeze", "weights": "seeded"}), threshold=8)


@pytest.mark.parametrize("region", REGIONS)
def test_metrics_of_fixed_images(compare, region):
    assert compare(*fixed_images(), [REGIONS[region]]) == pytest.approx(GOLDEN[region], rel=1e-3, abs=1e-5)
