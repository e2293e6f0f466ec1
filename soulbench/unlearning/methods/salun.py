"""SalUn: only the weights that matter most to the target are trained, toward an object of its category that is nobody.

Source: Fan et al., "SalUn: Empowering Machine Unlearning via Gradient-based Weight Saliency", ICLR 2024.
Adapted: instead of another class, the target's RoI is taught the mean crop of the category's other objects. All other
weights are restored after every step, and so are the optimiser's moments of them.
Formula: theta <- m (theta - update) + (1 - m) theta_o, with m = 1 on the weights whose gradients of L(W_r) are largest.
"""

from dataclasses import dataclass
from typing import Annotated

import torch

from soulbench.core.values import Bounds
from soulbench.unlearning.plan import Plan, Request, Subset
from soulbench.unlearning.task import TrainedMethod

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of SalUn.

    Attributes:
        share: of the weights that are trained.
    """

    share: Annotated[float, Bounds(above=0, maximum=1)] = 0.5


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Teach the mean crop of the retained objects of the targets' categories in the targets' RoIs."""
    return Plan(edits=subset.edit_targets(request, fill="crops", crops=subset.retained(request)))


class Method(TrainedMethod):
    """Fine-tuning of salient weights."""

    def begin(self) -> None:
        """Mark the weights with the largest gradients of the loss on the targets."""
        named = {name: p for name, p in self.model.named_parameters() if p.requires_grad}
        loss = torch.stack([self.task.loss(piece) for piece in self.task.pieces("forget")]).mean()
        gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
        sizes = [
            torch.zeros_like(p) if g is None else g.abs()
            for g, p in zip(gradients, named.values(), strict=True)
        ]
        flat = torch.cat([size.flatten() for size in sizes])
        chosen = torch.zeros_like(flat, dtype=torch.bool)
        chosen[
            flat.argsort(descending=True, stable=True)[: max(1, round(self.parameters.share * len(flat)))]
        ] = True
        parts = chosen.split([size.numel() for size in sizes])
        self.masks = {name: part.view_as(p) for part, (name, p) in zip(parts, named.items(), strict=True)}
