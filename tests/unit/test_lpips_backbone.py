"""LPIPS is a distance, and the package uses the weights of the configured backbone."""

import subprocess
import sys

import pytest
import torch

from soulbench.core.errors import UserError
from soulbench.evaluation import lpips_backbone
from soulbench.evaluation.lpips_backbone import ARCHITECTURES
from soulbench.models.backbones import convolutions

#: The layers of torchvision's backbones whose activations LPIPS compares (Zhang et al., 2018, and their package).
COMPARED_LAYERS = {
    "alex": (1, 4, 7, 9, 11),
    "vgg": (3, 8, 15, 22, 29),
    "squeeze": (1, 4, 7, 9, 10, 11, 12),
}


@pytest.fixture(scope="module")
def backbones():
    return {net: convolutions(name, "seeded") for net, name in ARCHITECTURES.items()}


@pytest.fixture(scope="module")
def distances():
    return {net: lpips_backbone.build({"net": net, "weights": "seeded"}) for net in COMPARED_LAYERS}


def random_images(count=2, seed=0):
    return torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("net", COMPARED_LAYERS)
def test_the_package_runs_the_configured_backbone(net, backbones, distances):
    images = random_images()
    features, expected = distances[net].net(images), []
    with torch.no_grad():
        for number, layer in enumerate(backbones[net]):
            images = layer(images)
            if number in COMPARED_LAYERS[net]:
                expected.append(images.clone())
    assert len(features) == len(expected)
    for feature, wanted in zip(features, expected, strict=True):
        assert feature.any()
        # The package works channels last, which sums in another order.
        torch.testing.assert_close(feature, wanted)


@pytest.mark.parametrize("net", COMPARED_LAYERS)
def test_identity_and_symmetry(net, distances):
    first, second = random_images(seed=0), random_images(seed=1)
    distance = lpips_backbone.between(distances[net], first, second)
    assert distance.shape == (2,)
    assert (distance > 1e-4).all()
    assert not lpips_backbone.between(distances[net], first, first).any()
    torch.testing.assert_close(distance, lpips_backbone.between(distances[net], second, first))


def test_images_have_values_from_0_to_1(distances):
    first, second = random_images(seed=0), random_images(seed=1)
    expected = distances["squeeze"](2 * first - 1, 2 * second - 1).flatten()
    torch.testing.assert_close(lpips_backbone.between(distances["squeeze"], first, second), expected)


def test_two_builds_are_equal_and_leave_the_global_random_state_alone(distances):
    torch.manual_seed(11)
    before = torch.get_rng_state()
    convolutions("squeeze", "seeded")
    assert torch.equal(before, torch.get_rng_state())
    again = lpips_backbone.build({"net": "squeeze", "weights": "seeded"}).state_dict()
    for name, value in distances["squeeze"].state_dict().items():
        assert torch.equal(value, again[name]), name


def test_no_parameter_is_trained(distances):
    assert not distances["squeeze"].training
    assert not any(p.requires_grad for p in distances["squeeze"].parameters())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_half_precision_weights_are_widened(tmp_path, backbones, suffix):
    from safetensors.torch import save_file

    rng = torch.Generator().manual_seed(5)
    halves = {
        f"features.{name}": torch.randn(value.shape, generator=rng).half() / 8
        for name, value in backbones["squeeze"].state_dict().items()
    }
    halves["classifier.1.weight"] = torch.zeros(2)
    path = tmp_path / f"weights{suffix}"
    torch.save(halves, path) if suffix == ".pth" else save_file(halves, path)
    backbone = convolutions("squeeze", str(path))
    for name, value in backbone.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, halves[f"features.{name}"].float()), name


def test_weights_of_another_architecture_are_refused(tmp_path, backbones):
    path = tmp_path / "other.pth"
    torch.save({f"features.{k}": v for k, v in backbones["alex"].state_dict().items()}, path)
    with pytest.raises(UserError, match=r"other\.pth: weights of another architecture"):
        convolutions("squeeze", str(path))


class Payload:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a file was executed')",))


def test_files_that_are_no_weights_are_refused(tmp_path):
    with pytest.raises(
        UserError, match=r"gone\.pth: no such weights file; give a path, `imagenet` or `seeded`"
    ):
        convolutions("squeeze", str(tmp_path / "gone.pth"))
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(UserError, match=r"text\.safetensors: not a readable"):
        convolutions("squeeze", str(tmp_path / "text.safetensors"))
    torch.save(Payload(), tmp_path / "code.pth")
    with pytest.raises(UserError, match=r"code\.pth: not a readable"):
        convolutions("squeeze", str(tmp_path / "code.pth"))


def test_building_it_imports_neither_scipy_nor_the_compiler_which_stays_importable():
    program = """
import sys
from soulbench.evaluation import lpips_backbone
lpips_backbone.build({"net": "squeeze", "weights": "seeded"})
assert not any(name.startswith(("torch._dynamo", "scipy")) for name in sys.modules)
import torch._dynamo.utils
assert torch._dynamo.utils.is_compile_supported("cpu") in (True, False)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
