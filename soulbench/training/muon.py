"""Muon: momentum whose step on a matrix is orthogonalised, so that all directions of the matrix move equally far.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024. PyTorch's own `torch.optim.Muon` works
in bfloat16, for which many processors have no instructions, and multiplies the whole matrix in each iteration.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from soulbench.training.adam import Adam

MOMENTUM = 0.95
ITERATIONS = 5
#: Coefficients of the quintic iteration, steep at 0: five iterations bring small singular values near 1 (ibid.).
A, B, C = 3.4445, -4.7750, 2.0315
MIN_SIDE = 4  # of a matrix; a smaller one has too few directions to balance


def orthogonalised(matrix: Tensor) -> Tensor:
    """Return U S V^T with all singular values S near 1 (0.7 to 1.2) in place of those of `matrix` [M, N].

    The iteration is X <- (a + b X X^T + c (X X^T)^2) X. All its factors are polynomials of the first X X^T and commute,
    so they are multiplied up as matrices of the smaller side and meet X only once: for a 3 x 3 convolution less than
    half of the multiply-adds of the iteration as written.
    """
    if matrix.shape[0] > matrix.shape[1]:
        return orthogonalised(matrix.T).T
    x = matrix / (matrix.norm() + 1e-7)
    gram = x @ x.T
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    factors = identity
    for iteration in range(ITERATIONS):
        factor = torch.addmm(A * identity + B * gram, gram, gram, alpha=C)
        factors = factor if iteration == 0 else factor @ factors
        if iteration < ITERATIONS - 1:
            gram = factor @ gram @ factor
    return factors @ x


class Muon:
    """Muon for the matrices of a network's hidden layers; Adam for the rest: embeddings, biases, very small layers.

    Args:
        network: its linear and convolutional layers have the matrices; a kernel is one with a row per output channel.
        matrix_rate: learning rate of the matrices as a multiple of Adam's.
    """

    def __init__(self, network: nn.Module, matrix_rate: float):
        layers = [m for m in network.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        self.matrices = [
            layer.weight
            for layer in layers
            if layer.weight.requires_grad and min(_as_matrix(layer.weight).shape) >= MIN_SIDE
        ]
        chosen = {id(weight) for weight in self.matrices}
        self.adam = Adam(parameter for parameter in network.parameters() if id(parameter) not in chosen)
        self.parameters = [*self.matrices, *self.adam.parameters]
        self.matrix_rate = matrix_rate
        self.momenta = [torch.zeros_like(weight) for weight in self.matrices]
        #: Adam's moments of the matrices, which no step here uses: unlearning may start with them.
        self.watched = Adam(self.matrices)

    def zero_grad(self) -> None:
        """Delete the gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Update every parameter that has a gradient."""
        self.adam.step(learning_rate)
        self.watched.step(0.0)
        for weight, momentum in zip(self.matrices, self.momenta, strict=True):
            if weight.grad is None:
                continue
            momentum.mul_(MOMENTUM).add_(weight.grad)
            nesterov = _as_matrix(weight.grad.add(momentum, alpha=MOMENTUM))
            rows, columns = nesterov.shape
            # A tall matrix maps few directions to many: scaled, each of its rows moves as far as in a wide one (ibid.).
            scale = max(1.0, rows / columns) ** 0.5
            update = _as_weight(orthogonalised(nesterov), weight)
            weight.add_(update, alpha=-self.matrix_rate * learning_rate * scale)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that a resumed training run needs."""
        return {
            "adam": self.adam.state_dict(),
            "momenta": self.momenta,
            "watched": self.watched.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a saved state."""
        self.adam.load_state_dict(state["adam"])
        self.watched.load_state_dict(state["watched"])
        for momentum, saved in zip(self.momenta, state["momenta"], strict=True):
            momentum.copy_(saved)


def _as_matrix(weight: Tensor) -> Tensor:
    """Return a weight [K, ...] as a matrix [K, N]. A kernel's columns are in the order of channels last."""
    return weight if weight.ndim == 2 else weight.permute(0, 2, 3, 1).flatten(1)


def _as_weight(matrix: Tensor, like: Tensor) -> Tensor:
    """Return the weight of the shape of `like` whose matrix is given."""
    if like.ndim == 2:
        return matrix
    outputs, inputs, height, width = like.shape
    return matrix.view(outputs, height, width, inputs).permute(0, 3, 1, 2)
