"""SSD: selective synaptic dampening of the weights that matter to the target and not to the rest; no training.

Source: Foster et al., "Fast Machine Unlearning Without Retraining Through Selective Synaptic Dampening", AAAI 2024.
Adapted: importance is the diagonal of the Fisher information of the losses with the weights W_r and 1 - W_r.
Formula: where F_forget > alpha F_retain, theta <- min(lambda F_retain / F_forget, 1) theta. A strength s divides alpha.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from soulbench.core.values import Positive
from soulbench.unlearning.fisher import diagonal
from soulbench.unlearning.task import OneShotMethod

LEVEL, FAMILY, PER_REQUEST = "object", "one-shot", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of SSD.

    Attributes:
        alpha: how many times as important to the target as to the rest a weight is that is dampened.
        dampening: lambda, the factor of a dampened weight, in units of the ratio of both importances.
    """

    alpha: Positive = 10.0
    dampening: Positive = 1.0


class Method(OneShotMethod):
    """Dampening by two Fisher informations."""

    def begin(self) -> None:
        """Compute the importance of each weight to the target and to the rest."""
        self.forget, self.retain = diagonal(self.task, "forget"), diagonal(self.task, "retain")

    def weights(self, strength: float) -> Mapping[str, Tensor]:
        """Return the dampened weights."""
        alpha = self.parameters.alpha / strength if strength else float("inf")
        return {
            name: self._dampened(value.detach(), self.forget[name], self.retain[name], alpha)
            for name, value in self.model.named_parameters()
            if name in self.forget
        }

    def _dampened(self, value: Tensor, forget: Tensor, retain: Tensor, alpha: float) -> Tensor:
        chosen = forget > alpha * retain.clamp(min=torch.finfo(retain.dtype).tiny)
        factor = (self.parameters.dampening * retain / forget).clamp(max=1)
        return torch.where(chosen, factor * value, value)
