"""Feat-NG (paper, section 5; eq. 5 and 6): negative guidance on every object of the target's category."""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.values import NotNegative
from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "feature", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Weight of the guidance; `instances` of an image and when it acts (release: first, hidden)."""

    guidance: NotNegative = 1.0
    instances: Literal["all", "first"] = "all"
    guidance_while: Literal["always", "hidden"] = "always"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Subtract the L1 on the category's ROIs in every image."""
    edits = subset.category(request, parameters.instances, guidance=parameters.guidance)
    return Plan(edits=edits, guidance_while=parameters.guidance_while)
