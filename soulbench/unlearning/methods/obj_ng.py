"""Obj-NG (paper, eq. 5 and 6): negative guidance on the target's ROI."""

from dataclasses import dataclass
from typing import Literal

from soulbench.core.values import NotNegative
from soulbench.unlearning.plan import Plan, Request, Subset

LEVEL, FAMILY, PER_REQUEST = "object", "finetune", True


@dataclass(frozen=True)
class Parameters:
    """Weight of the guidance, and when it acts (release: hidden)."""

    guidance: NotNegative = 1.0
    guidance_while: Literal["always", "hidden"] = "always"


def plan(request: Request, subset: Subset, parameters: Parameters) -> Plan:
    """Subtract the L1 on the target's ROI in the target image."""
    edits = subset.target(request, guidance=parameters.guidance)
    return Plan(edits=edits, guidance_while=parameters.guidance_while)
