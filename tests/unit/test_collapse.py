"""KID against its definition, and what counts as collapsed."""

import numpy as np
import pytest

from soulbench.evaluation import lpips_backbone
from soulbench.evaluation.collapse import UNITS, CollapseTest, features, kid
from soulbench.evaluation.dimensions import mean_image_error, spread

RANDOM = np.random.default_rng(3)


@pytest.fixture(scope="module")
def distance():
    return lpips_backbone.build({"net": "squeeze", "weights": "seeded"})


@pytest.fixture(scope="module")
def photographs():
    """Eight images, each of a colour of its own, with coarse structure."""
    coarse = np.random.default_rng(3).integers(0, 256, (8, 4, 4, 3))
    return coarse.repeat(16, axis=1).repeat(16, axis=2).astype(np.uint8)


def test_kid_is_the_unbiased_distance_of_the_kernels():
    first, second = RANDOM.normal(0, 0.3, (5, 4)), RANDOM.normal(0.4, 0.3, (5, 4))
    total = 0.0
    for i in range(5):
        for j in range(5):
            if i != j:
                total += (first[i] @ first[j] + 1) ** 3 + (second[i] @ second[j] + 1) ** 3
                total -= (first[i] @ second[j] + 1) ** 3 + (second[i] @ first[j] + 1) ** 3
    value, low, high = kid(first, second)
    assert value == pytest.approx(total / 20)
    assert low < value < high


def test_kid_of_equal_features_is_zero_and_a_single_image_has_none():
    same = RANDOM.normal(0, 1, (6, 4))
    assert kid(same, same) == pytest.approx((0.0, 0.0, 0.0))
    assert np.isnan(kid(same[:1], same[:1])).all()


def test_the_interval_of_kid_contains_that_of_all_images():
    """Two populations of features, of which a few images are seen."""
    first, second = RANDOM.normal(0, 0.3, (400, 4)), RANDOM.normal(0.3, 0.3, (400, 4))
    truth, hits = kid(first, second)[0], 0
    for start in range(0, 400, 20):
        _, low, high = kid(first[start : start + 20], second[start : start + 20])
        hits += low <= truth <= high
    assert hits >= 17


def test_features_are_no_longer_than_one(distance, photographs):
    vectors = features(distance, photographs)
    lengths = np.linalg.norm(vectors, axis=1)
    assert vectors.shape[0] == len(photographs)
    assert (lengths > 0.3).all()
    assert (lengths <= 1.0 + 1e-6).all()
    np.testing.assert_allclose(features(distance, photographs[3:4]), vectors[3:4], atol=1e-6)


def test_every_collapse_is_flagged(distance, photographs):
    test = CollapseTest(distance, photographs)
    noisy = np.clip(photographs.astype(int) + RANDOM.integers(-20, 21, photographs.shape), 0, 255)
    mean = np.broadcast_to(photographs.mean(axis=0), photographs.shape)
    outputs = {
        "photographs": photographs,
        "slightly wrong": noisy.astype(np.uint8),
        "constant": mean.astype(np.uint8),
        "inverted": 255 - photographs,
    }
    flags = {name: dict(test(images[None]))["collapsed"] for name, images in outputs.items()}
    assert flags == {"photographs": 0.0, "slightly wrong": 0.0, "constant": 1.0, "inverted": 1.0}


def test_features_far_from_photographs_are_a_collapse_though_grey_levels_are_near(distance, photographs):
    """Stripes over every image: nearer to the photographs in grey levels than the mean image is, and as varied."""
    test = CollapseTest(distance, photographs)
    stripes = np.where(np.arange(64)[:, None] % 2, 50, -50)[..., None]
    striped = np.clip(photographs + stripes, 0, 255).astype(np.uint8)
    assert np.abs(striped.astype(int) - photographs).mean() < 0.8 * mean_image_error(photographs)
    assert spread(striped) > 0.8 * spread(photographs)
    values = dict(test(striped[None]))
    assert values["kid_low"] > values["kid_mean_image"] > 0
    assert values["collapsed"] == 1.0


def test_the_spread_over_noise_needs_two_samples(distance, photographs):
    test = CollapseTest(distance, photographs)
    one, two = dict(test(photographs[None])), dict(test(np.stack([photographs, photographs])))
    assert set(UNITS) - set(one) == {"noise_spread"}
    assert two["noise_spread"] == 0.0
    assert set(two) == set(UNITS)
