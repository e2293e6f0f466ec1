"""GIF-Trust: an influence function whose step is the largest that the retained loss allows.

Source: Wu et al., "GIF: A General Strategy via Influence Function", WWW 2023; Martens, "Hessian-free", ICML 2010.
Adapted: the Gauss-Newton matrix of the images, J'J, replaces an indefinite Hessian. A strength multiplies epsilon.
Formula: theta + t (J'J + damping)^-1 grad L(W_r), t the largest with L(1 - W_r) <= (1 + epsilon) L_original(1 - W_r).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from soulbench.core.terms import Module
from soulbench.core.values import Natural, Positive
from soulbench.unlearning.gauss_newton import GaussNewton, direction, longest
from soulbench.unlearning.influence import Redaction
from soulbench.unlearning.task import OneShotMethod

LEVEL, FAMILY, PER_REQUEST = "object", "one-shot", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of GIF-Trust.

    Attributes:
        module: which part of the generator changes.
        iterations: products with the Gauss-Newton matrix.
        damping: added to its diagonal, as a multiple of the largest curvature found.
        epsilon: by how much the retained loss may rise, as a share of it.
    """

    module: Module = "graph"
    iterations: Natural = 10
    damping: Positive = 0.1
    epsilon: Positive = 0.02


class Method(OneShotMethod):
    """One direction, and a length for each strength."""

    def begin(self) -> None:
        """Solve for the direction."""
        self.part, p = Redaction(self.model, self.parameters.module), self.parameters
        forget = [self.part.gradient(self.task.loss(piece)) for piece in self.task.pieces("forget")]
        product = GaussNewton(self.part, [*self.task.pieces("retain")])
        self.direction = direction(product, torch.stack(forget).sum(dim=0), p.iterations, p.damping)

    @torch.no_grad()
    def weights(self, strength: float) -> dict[str, Tensor]:
        """Return the weights at the border of the trust region."""
        most = (1 + strength * self.parameters.epsilon) * self.task.mean_loss("retain")
        length = longest(lambda one: self.retained(one) <= most) if strength else 0.0
        steps = self.part.split(length * self.direction)
        return {name: value + steps[name] for name, value in self.part.parameters.items()}

    def retained(self, length: float) -> float:
        """Return the loss on the retain set after a step of a length."""
        with self.part.applied(length * self.direction):
            return self.task.mean_loss("retain")
