"""Symmetric linear systems (H + damping) h = v: every damping, and the largest curvature, from the same products.

The basis q_1, ..., q_m of span(v, H v, ..., H^(m-1) v) takes m products with H. With Q = (q_1 ... q_m),

    H Q = Q T + b_m q_(m+1) e_m',   Q' Q = I,   T tridiagonal        (Lanczos, 1950).

Whatever the damping, the step `|v| Q y` with (T + damping) y = e_1 is that of m steps of conjugate gradients, and its
residual `|v - (H + damping) h| / |v|` is `b_m |y_m|`, so no further product is needed to know it (Saad, Iterative
Methods for Sparse Linear Systems, 2nd edition, section 6.7).
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Product = Callable[[Tensor], Tensor]


class KrylovBasis:
    """An orthonormal basis that grows by one vector for each product with H.

    It holds one vector [P] per product: with ten of float32, as much memory as conjugate gradients in float64.

    Args:
        product: returns the symmetric H times a vector [P].
        v: [P], the right-hand side; not zero.
    """

    def __init__(self, product: Product, v: Tensor):
        self.product, self.norm = product, float(v.norm())
        self.vectors = [v / self.norm]
        self.diagonal: list[float] = []
        self.beside: list[float] = []

    @property
    def size(self) -> int:
        """Number m of products so far."""
        return len(self.diagonal)

    def extend(self) -> None:
        """Compute one product with H."""
        vector, diagonal = self.product(self.vectors[-1]), 0.0
        # Against all vectors, twice: by rounding, two of them alone would not keep the others orthogonal.
        for _ in range(2):
            for other in self.vectors:
                part = float(other @ vector)
                vector = torch.sub(vector, other, alpha=part)
            diagonal += part
        self.diagonal.append(diagonal)
        self.beside.append(float(vector.norm()))
        if not self.complete:
            self.vectors.append(vector / self.beside[-1])

    @property
    def complete(self) -> bool:
        """Whether the basis cannot grow: it holds the exact solutions, or the last product is not finite."""
        beside, eps = self.beside[-1], torch.finfo(self.vectors[0].dtype).eps
        return not math.isfinite(beside) or beside <= 8 * eps * self.curvature()

    def curvature(self) -> float:
        """Return the largest `|H q| / |q|` of the basis, a lower bound of H's largest absolute eigenvalue.

        It is never below the estimate of as many steps of power iteration from v, whose vectors are in the basis.
        """
        last = self.beside[-1] * np.eye(self.size)[-1]
        return float(np.linalg.norm(np.vstack([self._tridiagonal(), last]), 2))

    def solve(self, damping: float) -> tuple[Tensor, float]:
        """Return the step h [P] and its relative residual; neither is finite where T + damping is singular."""
        eigenvalues, eigenvectors = np.linalg.eigh(self._tridiagonal())
        with np.errstate(divide="ignore", invalid="ignore"):
            y = eigenvectors @ (eigenvectors[0] / (eigenvalues + damping))
        step = torch.zeros_like(self.vectors[0])
        for vector, factor in zip(
            self.vectors, y, strict=False
        ):  # the vector after the last product is not used yet
            step.add_(vector, alpha=self.norm * float(factor))
        return step, abs(self.beside[-1] * float(y[-1]))

    def _tridiagonal(self) -> np.ndarray:
        """Return T [m, m]."""
        beside = self.beside[:-1]
        return np.diag(self.diagonal) + np.diag(beside, 1) + np.diag(beside, -1)
