"""Convolutions whose second derivatives take no more products than are asked for.

PyTorch's formula for the second derivative of a convolution always computes the part that belongs to the kernel, though
an influence on the graph learner, say, asks for none of the decoder's kernels; and it does so by a convolution with a
kernel as large as the map. Here the two halves of a convolution's derivative are nodes of their own, so that automatic
differentiation leaves out what is not asked for. Products with the Hessian for modules without kernels then take 3/4 of
the multiply-adds (docs/speed.md). The values are the same but for rounding.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight
from torch.overrides import TorchFunctionMode

#: Names of the arguments of `torch.nn.functional.conv2d`, and what all but the first two are if not given.
ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
PLAIN = {"bias": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1}


class LeanSecondDerivatives(TorchFunctionMode):
    """A context manager: convolutions of stride 1 within it have lean second derivatives."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Replace `conv2d`, and call everything else as it is."""
        if func is F.conv2d:
            given = PLAIN | dict(zip(ARGUMENTS, args, strict=False)) | (kwargs or {})
            changed = {name for name in ("stride", "dilation", "groups") if given[name] not in (1, (1, 1))}
            if not changed and not isinstance(given["padding"], str):
                return _convolve(given["input"], given["weight"], given["bias"], given["padding"])
        return func(*args, **(kwargs or {}))


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, padding: Any) -> Tensor:
    """Return the convolution as a function of the map, plus a zero that carries the kernel's gradient.

    Each node gets the other's tensor in a tuple, where it is no input: else the node would be run for its sake as well.
    """
    result = _OfMap.apply(x, (weight,), padding)
    result = result + _OfKernel.apply(weight, (x,), padding, result.shape)
    return result if bias is None else result + bias[:, None, None]


class _OfMap(torch.autograd.Function):
    """A convolution that passes a gradient to its map alone."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: tuple[Tensor], padding: Any) -> Tensor:
        (ctx.weight,), ctx.padding = weight, padding
        return F.conv2d(x, ctx.weight, padding=padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return F.conv_transpose2d(gradients[0], ctx.weight, padding=ctx.padding), None, None


class _OfKernel(torch.autograd.Function):
    """Zero in the shape of a convolution, with the convolution's gradient for the kernel."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, x: tuple[Tensor], padding: Any, shape: torch.Size) -> Tensor:
        (ctx.x,), ctx.shape, ctx.padding = x, weight.shape, padding
        return weight.new_zeros(()).expand(shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return conv2d_weight(ctx.x, ctx.shape, gradients[0], padding=ctx.padding), None, None, None
