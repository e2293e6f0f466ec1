"""Products with the Gauss-Newton matrix of a generator's images (Martens, ICML 2010; Schraudolph, 2002)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from soulbench.unlearning.influence import Redaction
from soulbench.unlearning.krylov import KrylovBasis, Product
from soulbench.unlearning.task import Piece


class GaussNewton:
    """J'J / n: J is the derivative of all n pixel values of some pieces, weighted, by a redaction's parameters.

    The matrix is never formed. J v is found by differentiating J'u by u, which is linear in u (double backward); the
    graphs of the images are kept between products.

    Args:
        redaction: of the model.
        pieces: images with conditions and spatial weights.
    """

    def __init__(self, redaction: Redaction, pieces: Sequence[Piece]):
        self.redaction = redaction
        outputs = [(redaction.model(one.batch, one.condition).images, one.weights) for one in pieces]
        # In float64, because the root of a float32 differs in its last bit between makers of processors (MKL).
        self.images = [images * weights.double().sqrt().to(weights.dtype) for images, weights in outputs]
        self.values = sum(images.numel() for images in self.images)

    def __call__(self, vector: Tensor) -> Tensor:
        """Return the product with a vector [P]."""
        result = torch.zeros_like(vector)
        tensors = list(self.redaction.parameters.values())
        along = list(self.redaction.split(vector).values())
        for images in self.images:
            u = torch.zeros_like(images, requires_grad=True)
            back = torch.autograd.grad(images, tensors, u, create_graph=True, allow_unused=True)
            pairs = [(g, v) for g, v in zip(back, along, strict=True) if g is not None]
            forward = torch.autograd.grad(
                [g for g, _ in pairs], u, [v for _, v in pairs], retain_graph=True, materialize_grads=True
            )[0]
            parts = torch.autograd.grad(images, tensors, forward, retain_graph=True, allow_unused=True)
            result += self.redaction.join(dict(zip(self.redaction.parameters, parts, strict=True)))
        return result / self.values


def direction(product: Product, v: Tensor, iterations: int, damping: float) -> Tensor:
    """Return (H + damping c)^-1 v [P], c the largest curvature of H that so many products show.

    Args:
        product: returns H times a vector.
        v: [P], not zero.
        iterations: products, at most.
        damping: as a multiple of c.
    """
    basis = KrylovBasis(product, v)
    basis.extend()
    while basis.size < iterations and not basis.complete:
        basis.extend()
    step, _ = basis.solve(damping * basis.curvature())
    return step


def longest(allowed: Callable[[float], bool], halvings: int = 12) -> float:
    """Return a step's largest allowed length, if all shorter ones are allowed: by doubling, then by halving."""
    low, high = 0.0, 1.0
    while allowed(high) and high < 1e6:
        low, high = high, 2 * high
    for _ in range(halvings if low == 0 else halvings // 2):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low
