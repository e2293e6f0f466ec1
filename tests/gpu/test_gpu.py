"""On a GPU: a step of the CPU within a stated tolerance. Without one these tests are skipped."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))  # the factories

from networks_factory import networks, random_batch, random_condition

from soulbench.core.device import ExecutionContext, moved, prepare
from soulbench.training.losses import Objective

LOSSES = {
    **dict.fromkeys(("l1", "boxes", "object_class", "object_gan", "image_gan", "feature_matching"), 1.0),
    **{"perceptual": 0.0},
}
#: Distance of two devices and precisions as a share of the values' size. On one CPU bfloat16 is 2e-2 (drawing), 6e-4
#: (losses) and 1e-1 (gradients) from float32 here.
NEAR = {
    "float32": {"drawing": 1e-3, "losses": 1e-3, "gradients": 1e-3},
    "bfloat16": {"drawing": 5e-2, "losses": 5e-3, "gradients": 0.3},
}


@pytest.fixture
def gpu():
    if not torch.accelerator.is_available():
        pytest.skip("there is no GPU")
    return prepare("gpu")


def made(device, precision):
    """The drawing, the losses by part and the gradients of a step, on the CPU."""
    place = ExecutionContext(device, precision)
    nets = networks()
    nets.modules().to(device).train()
    batch = random_batch([5, 3, 6], dtype=torch.float32)
    condition = random_condition(batch)
    batch, condition = moved(batch, device, torch.float32), moved(condition, device, torch.float32)
    objective = Objective(LOSSES, nets.discriminators, None).to(device)
    with place.autocast():
        drawing = nets.generator(batch, condition)
        losses = objective(drawing, batch, condition)
    parameters = [list(network.parameters()) for network in nets.modules().values()]
    losses.backward(*parameters)
    gradients = [p.grad.flatten().float().cpu() for own in parameters for p in own if p.grad is not None]
    values = torch.stack(list(losses.values().values())).float().cpu()
    return {
        "drawing": drawing.images.detach().float().cpu(),
        "losses": values,
        "gradients": torch.cat(gradients),
    }


@pytest.mark.parametrize("precision", list(NEAR))
def test_a_step_is_the_cpus(gpu, precision):
    wanted = made(torch.device("cpu"), "float32")
    for name, found in made(gpu, precision).items():
        distance = (found - wanted[name]).norm() / wanted[name].norm()
        assert distance < NEAR[precision][name], f"{name}: {distance:.1e}"


def test_float32_is_not_rounded_to_fewer_bits(gpu):
    generator = torch.Generator().manual_seed(0)
    x, kernel = (torch.randn(shape, generator=generator) for shape in ((2, 64, 16, 16), (64, 64, 3, 3)))
    wanted = torch.nn.functional.conv2d(x.double(), kernel.double())
    found = torch.nn.functional.conv2d(x.to(gpu), kernel.to(gpu)).cpu()
    # TensorFloat-32, which GPUs convolve in unless told otherwise, is off by 1e-3.
    assert (found - wanted).abs().max() / wanted.abs().max() < 1e-5
