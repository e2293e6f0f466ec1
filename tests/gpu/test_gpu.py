"""A GPU computes the same step as the CPU, within a stated tolerance. Without a GPU these tests are skipped."""

import sys
from pathlib import Path

import pytest
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))  # the factories

from networks_factory import networks, random_batch, random_condition

from soulbench.core.device import ExecutionContext, moved, place, prepare
from soulbench.training.losses import Objective

LOSSES = {
    **dict.fromkeys(("l1", "boxes", "object_class", "object_gan", "image_gan", "feature_matching"), 1.0),
    **{"perceptual": 0.0},
}
#: Largest relative distance from the CPU's float32. On one CPU, bfloat16's distance was 2e-2 (images), 6e-4 (losses)
#: and 1e-1 (gradients).
TOLERANCE = {
    "float32": {"images": 1e-3, "losses": 1e-3, "gradients": 1e-3},
    "bfloat16": {"images": 5e-2, "losses": 5e-3, "gradients": 0.3},
}


@pytest.fixture
def gpu():
    if not torch.accelerator.is_available():
        pytest.skip("there is no GPU")
    return prepare("gpu")


def step_of(device, precision):
    """Return the images, the losses by part and the gradients of a step, moved to the CPU."""
    context = ExecutionContext(device, precision)
    nets = networks()
    place(nets.modules(), device).train()
    batch = random_batch([5, 3, 6], dtype=torch.float32)
    condition = random_condition(batch)
    batch, condition = moved(batch, device, torch.float32), moved(condition, device, torch.float32)
    objective = Objective(LOSSES, nets.discriminators, None)
    place(objective, device)
    with context.autocast():
        output = nets.generator(batch, condition)
        losses = objective(output, batch, condition)
    parameters = [list(network.parameters()) for network in nets.modules().values()]
    losses.backward(*parameters)
    gradients = [p.grad.flatten().float().cpu() for group in parameters for p in group if p.grad is not None]
    values = torch.stack(list(losses.values().values())).float().cpu()
    return {
        "images": output.images.detach().float().cpu(),
        "losses": values,
        "gradients": torch.cat(gradients),
    }


@pytest.mark.parametrize("precision", list(TOLERANCE))
def test_a_step_equals_the_cpus(gpu, precision):
    expected = step_of(torch.device("cpu"), "float32")
    for name, actual in step_of(gpu, precision).items():
        distance = (actual - expected[name]).norm() / expected[name].norm()
        assert distance < TOLERANCE[precision][name], f"{name}: {distance:.1e}"


def test_float32_is_not_rounded_to_tensorfloat32(gpu):
    generator = torch.Generator().manual_seed(0)
    x, kernel = (torch.randn(shape, generator=generator) for shape in ((2, 64, 16, 16), (64, 64, 3, 3)))
    expected = torch.nn.functional.conv2d(x.double(), kernel.double())
    actual = torch.nn.functional.conv2d(x.to(gpu), kernel.to(gpu)).cpu()
    # TensorFloat-32, the default of GPUs for convolutions, is off by 1e-3.
    assert (actual - expected).abs().max() / expected.abs().max() < 1e-5
