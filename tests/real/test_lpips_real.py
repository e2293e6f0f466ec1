"""LPIPS on ImageNet's weights, which the shared folder holds in half precision."""

import pytest
import torch

from soulbench.evaluation import lpips_backbone
from soulbench.models.backbones import convolutions, read_weights


@pytest.fixture(scope="module")
def weights(shared):
    path = shared / "weights" / "squeezenet1_1.pth"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return str(path)


@pytest.fixture(scope="module")
def distance(weights):
    return lpips_backbone.build({"net": "squeeze", "weights": weights})


def random_images(seed):
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def test_half_precision_is_widened(weights, distance):
    stored = {k: v for k, v in read_weights(weights).items() if k.startswith("features.")}
    assert torch.float16 in {value.dtype for value in stored.values()}
    for name, value in convolutions("squeeze", weights).state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, stored[f"features.{name}"].float()), name
    assert {parameter.dtype for parameter in distance.parameters()} == {torch.float32}


def test_the_package_runs_the_real_backbone(weights, distance):
    images, compared_layers = random_images(0), (1, 4, 7, 9, 10, 11, 12)
    features, expected = distance.net(images), []
    for number, layer in enumerate(convolutions("squeeze", weights)):
        images = layer(images)
        if number in compared_layers:
            expected.append(images.clone())
    for feature, wanted in zip(features, expected, strict=True):
        # The package works channels last, which sums in another order.
        torch.testing.assert_close(feature, wanted, rtol=1e-4, atol=1e-4)


def test_it_differs_from_the_seeded_one_and_is_a_distance(distance):
    first, second = random_images(0), random_images(1)
    seeded = lpips_backbone.build({"net": "squeeze", "weights": "seeded"})
    real = lpips_backbone.between(distance, first, second)
    assert not torch.allclose(real, lpips_backbone.between(seeded, first, second), rtol=0.01)
    assert not lpips_backbone.between(distance, first, first).any()
    torch.testing.assert_close(real, lpips_backbone.between(distance, second, first))


def test_it_orders_distortions_as_people_do(distance):
    """Zhang et al., 2018, Fig. 1: blur is farther from an image than a slight change of its brightness."""
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    stripes = (0.5 + 0.4 * torch.sin(x / 2) * torch.cos(y / 3)).expand(1, 3, 64, 64)
    blurred = torch.nn.functional.avg_pool2d(stripes, 9, stride=1, padding=4, count_include_pad=False)
    darker = stripes - (blurred - stripes).abs().mean()
    near, far = (float(lpips_backbone.between(distance, stripes, other)) for other in (darker, blurred))
    assert 3 * near < far
