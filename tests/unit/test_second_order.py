"""Lean second derivatives of convolutions: the values of PyTorch's own, for less work."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from soulbench.unlearning.second_order import LeanSecondDerivatives


def gradients_and_products(lean, **settings):
    """Return gradients and Hessian-vector products for the map, the kernel and the bias of a convolution."""
    random = torch.Generator().manual_seed(0)

    def values(*shape):
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    inputs = [values(2, 3, 6, 6), values(4, 3, 3, 3), values(4)]
    layer = nn.Conv2d(3, 4, 3, **settings).double()
    inputs = [tensor.requires_grad_() for tensor in inputs]
    if lean:
        with LeanSecondDerivatives():
            result = F.conv2d(inputs[0].tanh(), inputs[1].tanh(), inputs[2], layer.stride, layer.padding)
    else:
        result = F.conv2d(inputs[0].tanh(), inputs[1].tanh(), inputs[2], layer.stride, layer.padding)
    first = torch.autograd.grad((result**3).sum(), inputs, create_graph=True)
    products = torch.autograd.grad(first, inputs, [values(*one.shape) for one in inputs])
    return [result, *first, *products]


@pytest.mark.parametrize("settings", [{"padding": 1}, {"padding": 0}, {"padding": 1, "stride": 2}], ids=str)
def test_values_are_those_of_pytorch(settings):
    for lean, usual in zip(*(gradients_and_products(one, **settings) for one in (True, False)), strict=True):
        torch.testing.assert_close(lean, usual, rtol=1e-11, atol=1e-11)


def test_second_derivatives_of_kernels_are_computed_only_if_asked_for():
    x = torch.randn(1, 4, 8, 8, requires_grad=True)
    layer = nn.Conv2d(4, 4, 3, padding=1)
    with LeanSecondDerivatives():
        result = layer(x.tanh())
    gradient = torch.autograd.grad((result**3).sum(), x, create_graph=True)
    work = {}
    for name, inputs in (("map", [x]), ("kernel", [layer.weight]), ("both", [x, layer.weight])):
        with FlopCounterMode(display=False) as counter:
            torch.autograd.grad(gradient, inputs, [torch.ones_like(x)], retain_graph=True)
        work[name] = counter.get_total_flops() // (2 * 4 * 4 * 9 * 64)  # in convolutions
    assert work == {"map": 2, "kernel": 3, "both": 4}
