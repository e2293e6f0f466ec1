"""Feat-NG (paper, section 5; eq. 5 and 6): negative guidance on every object of the targets' categories."""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.values import NotNegative
from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "feature", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Parameters of Feat-NG.

    Attributes:
        guidance: weight of the negative guidance.
        instances: "all" objects of the category, or only the "first" one of each image (release).
        guidance_while: "always", or only on pixels that are "hidden" from the network in a step (release).
    """

    guidance: NotNegative = 1.0
    instances: Literal["all", "first"] = "all"
    guidance_while: Literal["always", "hidden"] = "always"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Subtract the L1 over the categories' RoIs from the loss of every image."""
    edits = subset.edit_categories(request, parameters.instances, guidance=parameters.guidance)
    return Plan(edits=edits, guidance_while=parameters.guidance_while)
