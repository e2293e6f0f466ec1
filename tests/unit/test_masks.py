"""The convolution of an enlarged map that is never computed, and the mask head, against plain layers."""

import literal
import pytest
import torch
from torch.nn import functional as F

from soulbench.models.masks import MaskHead, convolve_enlarged

EXACT = {"rtol": 1e-9, "atol": 1e-9}


def usual(x, weight, bias):
    return F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, bias, padding=1)


def random(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def operands(height, width, dtype=torch.float64):
    shapes = ((3, 5, height, width), (6, 5, 3, 3), (6,))
    return [random(*shape, seed=i, dtype=dtype).requires_grad_() for i, shape in enumerate(shapes)]


@pytest.mark.parametrize("sides", [(1, 1), (2, 2), (4, 4), (8, 8), (5, 7), (4, 1)])
def test_values_and_gradients_equal_the_usual_ones(sides):
    inputs = operands(*sides)
    fast, slow = convolve_enlarged(*inputs), usual(*inputs)
    assert fast.shape == (3, 6, 2 * sides[0], 2 * sides[1])
    torch.testing.assert_close(fast, slow, **EXACT)
    probe = random(*fast.shape, seed=9)
    for one, other in zip(
        *(torch.autograd.grad((y * probe).sum(), inputs) for y in (fast, slow)), strict=True
    ):
        torch.testing.assert_close(one, other, **EXACT)


def test_second_derivatives_are_right():
    assert torch.autograd.gradgradcheck(convolve_enlarged, operands(4, 4))


def test_float32_is_exact_to_five_digits():
    inputs = operands(8, 8, torch.float32)
    torch.testing.assert_close(convolve_enlarged(*inputs), usual(*inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_the_head_equals_its_plain_layers(training):
    head, other = (MaskHead(5, 6, 16).double().train(training) for _ in range(2))
    other.load_state_dict(head.state_dict())
    vectors = random(7, 5)
    for _ in range(2):  # twice: the second pass depends on the statistics that the first has recorded
        torch.testing.assert_close(head(vectors), literal.masks(other, vectors), **EXACT)
    for name, value in head.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name], **EXACT, msg=name)
    assert head(vectors).shape == (7, 16, 16)
