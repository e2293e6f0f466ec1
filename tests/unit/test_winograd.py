"""Convolutions with fewer multiplications against PyTorch's."""

import pytest
import torch
from torch.nn import functional as F

from soulbench.models import winograd
from soulbench.models.winograd import convolve, minimal_filtering

EXACT = {"rtol": 1e-9, "atol": 1e-9}


def operands(count, channels, side, widths, dtype=torch.float64):
    random = torch.Generator().manual_seed(channels)
    shapes = [(count, channels, *side)] + [
        shape for width in widths for shape in ((width, channels, 3, 3), (width,))
    ]
    x, *rest = (
        torch.randn(*shape, generator=random, dtype=torch.float64).to(dtype).requires_grad_()
        for shape in shapes
    )
    return x, list(zip(rest[::2], rest[1::2], strict=True))


def usual(x, kernels):
    return [F.conv2d(x, weight, bias, padding=1) for weight, bias in kernels]


@pytest.mark.parametrize("side", [(4, 4), (8, 8), (4, 12), (16, 16)])
def test_values_and_gradients_equal_the_usual_ones(side):
    x, kernels = operands(3, 5, side, (6, 2))
    fast, slow = minimal_filtering(x, kernels), usual(x, kernels)
    for one, other in zip(fast, slow, strict=True):
        torch.testing.assert_close(one, other, **EXACT)
    inputs = [x, *(value for kernel in kernels for value in kernel)]
    gradients = (
        torch.autograd.grad(sum(y.square().sum() for y in results), inputs) for results in (fast, slow)
    )
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, **EXACT)


def test_second_derivatives_are_right():
    x, [(weight, bias)] = operands(1, 2, (4, 8), (2,))
    assert torch.autograd.gradgradcheck(lambda *v: minimal_filtering(v[0], [v[1:]])[0], (x, weight, bias))


def test_float32_errors_are_a_fraction_of_the_standard_deviation():
    x, kernels = operands(2, 128, (32, 32), (256,), torch.float32)
    for one, other in zip(minimal_filtering(x, kernels), usual(x, kernels), strict=True):
        torch.testing.assert_close(one / other.std(), other / other.std(), rtol=0, atol=2e-4)


@pytest.mark.parametrize(
    "channels, side, widths, dtype, chosen",
    [
        (64, (16, 16), (64, 32), torch.float32, True),
        (64, (16, 16), (64,), torch.float32, False),
        (63, (16, 16), (64, 64), torch.float32, False),
        (64, (8, 16), (64, 64), torch.float32, False),
        (64, (18, 18), (64, 64), torch.float32, False),
        (64, (16, 16), (64, 64), torch.bfloat16, False),
    ],
)
def test_minimal_filtering_is_used_where_it_is_faster(channels, side, widths, dtype, chosen, monkeypatch):
    used = []

    def recording(*arguments):
        used.append(True)
        return minimal_filtering(*arguments)

    monkeypatch.setattr(winograd, "minimal_filtering", recording)
    x, kernels = operands(1, channels, side, widths, dtype)
    results = convolve(x, kernels)
    assert bool(used) == chosen
    for one, other in zip(results, usual(x, kernels), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-2)
