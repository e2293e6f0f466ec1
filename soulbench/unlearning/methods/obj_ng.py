"""Obj-NG (paper, eq. 5 and 6): negative guidance on the targets' RoIs."""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.values import NotNegative
from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Obj-NG.

    Attributes:
        guidance: weight of the negative guidance.
        guidance_while: "always", or only on pixels that are "hidden" from the network in a step (release).
    """

    guidance: NotNegative = 1.0
    guidance_while: Literal["always", "hidden"] = "always"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Subtract the L1 over the targets' RoIs from the loss of their images."""
    edits = subset.edit_targets(request, guidance=parameters.guidance)
    return Plan(edits=edits, guidance_while=parameters.guidance_while)
